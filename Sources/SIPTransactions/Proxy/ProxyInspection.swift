package import Ground
package import SIPWire

/// What a proxy checks before it forwards (RFC 3261 §16.3). The grammar was checked before.
package enum ProxyInspection {
    /// Why a request is not forwarded.
    package enum Refusal: Hashable, Sendable {
        /// The scheme of the Request-URI is not one that can be routed: 416.
        case unsupportedScheme
        /// Max-Forwards is used up: 483, or an answer of our own to OPTIONS.
        case tooManyHops
        /// The request was here before with the same content: 482.
        case loop
        /// Extensions that the proxy must know and does not: 420 with these in Unsupported.
        case badExtension([[UInt8]])
        /// There is no breadth left: 440 (RFC 5393 §5.3).
        case maximumBreadthExceeded

        /// The status of the answer.
        package var status: Int {
            switch self {
            case .unsupportedScheme: 416
            case .tooManyHops: 483
            case .loop: 482
            case .badExtension: 420
            case .maximumBreadthExceeded: 440
            }
        }
    }

    /// The checks in the order of RFC 3261 §16.3, those of RFC 5393 among them. Nil if the request may be forwarded.
    ///
    /// - Parameter supported: the option tags that the proxy knows.
    package static func inspect(
        _ request: SIPMessage, routing: ProxyRouting, loopHash: UInt64, supported: [StaticString]
    ) -> Refusal? {
        switch routing.requestURI.scheme {
        case .sip, .sips, .tel, .pres, .im: break
        case .other: return .unsupportedScheme
        }
        // A value that cannot be read was refused by validation; without one the proxy adds 70.
        if let hops = try? request.maxForwards(), hops <= 0 { return .tooManyHops }
        if self.passedBefore(request, loopHash: loopHash) { return .loop }
        let unknown = request.list(.proxyRequire).filter { tag in !supported.contains { tag.equalsIgnoringCase($0) } }
        if !unknown.isEmpty { return .badExtension(unknown.map { Array($0) }) }
        if let breadth = Self.breadth(of: request), breadth == 0 { return .maximumBreadthExceeded }
        return nil
    }

    /// The Max-Breadth of a request; nil if there is none or it cannot be read.
    package static func breadth(of request: SIPMessage) -> UInt32? { request.first(.maxBreadth)?.decimal }

    /// The parameter of our Via that carries the loop hash.
    static let loopParameter: StaticString = "lh"

    private static func passedBefore(_ request: SIPMessage, loopHash: UInt64) -> Bool {
        var expected: [UInt8] = []
        expected.append(hex: loopHash)
        for value in request.list(.via) {
            guard let via = try? Via.parse(value) else { continue }
            if let hash = via.parameters.value(of: self.loopParameter), hash == expected[...] { return true }
        }
        return false
    }
}

/// The hash over everything that decides how we treat a request: if a request comes back and it is the same, the
/// request goes round in circles; if it differs, it is a spiral, which is fine (RFC 3261 §16.3, RFC 5393 §4).
package struct LoopHash: Sendable {
    private let hashing: KeyedHash

    package init(entropy: inout Entropy) { self.hashing = KeyedHash(entropy: &entropy) }

    /// The hash of a request as it came, before anything was changed.
    package func of(_ request: SIPMessage) -> UInt64 {
        var state = self.hashing.hash(request.requestURI)
        state = self.hashing.hash(request.fromTag() ?? [], on: state)
        state = self.hashing.hash(request.toTag() ?? [], on: state)
        state = self.hashing.hash(request.callID, on: state)
        state = self.hashing.hash(UInt64((try? request.cseq())?.number ?? 0), on: state)
        for name in [HeaderName.route, .proxyRequire, .proxyAuthorization] {
            for value in request.all(name) { state = self.hashing.hash(value, on: state) }
        }
        return state
    }
}
