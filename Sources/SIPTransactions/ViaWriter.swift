internal import Ground
internal import SIPWire

/// Writes our Via (RFC 3261 §18.1.1) and knows it again (§18.1.2).
struct ViaWriter: Sendable {
    /// What the layer writes for one transport.
    private struct Form: Sendable {
        /// `Via: SIP/2.0/UDP host:port;branch=z9hG4bK`
        let prefix: [UInt8]
        /// What follows the branch.
        let suffix: [UInt8]
        /// The same and the end of the line.
        let ending: [UInt8]
        let host: [UInt8]
        let port: UInt16?
    }

    /// One form a transport, in the order of their raw values.
    private let forms: [Form]

    init(_ configuration: TransactionLayer.Configuration) {
        self.forms = Transport.allCases.map { transport in
            let sentBy = configuration.sentBy[transport] ?? configuration.fallbackSentBy
            var prefix: [UInt8] = []
            prefix.append(literal: "Via: SIP/2.0/")
            prefix.append(literal: transport.viaToken)
            prefix.append(0x20)
            prefix.append(text: sentBy.host)
            if let port = sentBy.port {
                prefix.append(UInt8(ascii: ":"))
                prefix.append(decimal: UInt64(port))
            }
            prefix.append(literal: ";branch=z9hG4bK")
            // RFC 3581 §3: a client that sends from the port it listens on asks for symmetric responses.
            let asks = transport == .udp && configuration.asksForResponsePort
            return Form(
                prefix: prefix, suffix: Array((asks ? ";rport" : "").utf8),
                ending: Array((asks ? ";rport\r\n" : "\r\n").utf8), host: Array(sentBy.host.utf8),
                port: sentBy.port)
        }
    }

    /// How many bytes ``insert(into:number:transport:)`` adds.
    func length(_ transport: Transport, parameters: [UInt8]) -> Int {
        self.forms.withUnsafeBufferPointer { forms in
            let form = Int(transport.rawValue)
            return forms[form].prefix.count + 16 + parameters.count + forms[form].ending.count
        }
    }

    /// The whole request, our Via in it.
    /// - Parameter memory: an array whose memory is used for the result; its content does not matter.
    func insert(
        into request: OutgoingRequest, number: UInt64, transport: Transport, memory: consuming [UInt8]
    ) -> [UInt8] {
        var bytes = memory
        bytes.removeAll(keepingCapacity: true)
        bytes.reserveCapacity(request.count + self.length(transport, parameters: request.viaParameters))
        // The forms are read where they stand: a copy would count four arrays up and down for each request.
        self.forms.withUnsafeBufferPointer { forms in
            let form = Int(transport.rawValue)
            request.head.withUnsafeBufferPointer { head in
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: head[..<request.viaOffset]))
                bytes.append(contentsOf: forms[form].prefix)
                bytes.append(hex: number)
                if request.viaParameters.isEmpty {
                    bytes.append(contentsOf: forms[form].ending)
                } else {
                    bytes.append(contentsOf: forms[form].suffix)
                    bytes.append(contentsOf: request.viaParameters)
                    bytes.append(literal: "\r\n")
                }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: head[request.viaOffset...]))
            }
        }
        bytes.append(contentsOf: request.body)
        return bytes
    }

    /// Whether the sent-by of a Via is ours for its transport (RFC 3261 §18.1.2).
    func isOurs(transport token: Octets, host: Octets, port: UInt16?) -> Bool {
        guard let transport = Transport(token: token) else { return false }
        // Read where it stands: a copy of the form would count four arrays up and down for each response.
        return self.forms.withUnsafeBufferPointer { forms in
            let form = Int(transport.rawValue)
            guard (port ?? transport.defaultPort) == (forms[form].port ?? transport.defaultPort) else { return false }
            return forms[form].host.withUnsafeBufferPointer { mine in
                host.withUnsafeBufferPointer { theirs in
                    guard mine.count == theirs.count else { return false }
                    for index in mine.indices where ASCII.lowercased(mine[index]) != ASCII.lowercased(theirs[index]) {
                        return false
                    }
                    return true
                }
            }
        }
    }

    /// The number in a branch of ours: the 16 hexadecimal digits behind the magic cookie.
    static func number(inBranch branch: Octets) -> UInt64? {
        guard branch.count == 23 else { return nil }
        return branch.withUnsafeBufferPointer { bytes in
            let cookie: StaticString = "z9hg4bk"
            for index in 0..<7 where ASCII.lowercased(bytes[index]) != cookie.utf8Start[index] { return nil }
            var number: UInt64 = 0
            for index in 7..<23 {
                guard let digit = ASCII.hexValue(bytes[index]) else { return nil }
                number = number &<< 4 | UInt64(digit)
            }
            return number
        }
    }
}
