import Ground
import NIOHTTP1
import XDMServer

/// What the head of a request on Ut says, and how it will have to be answered.
struct UtHead {
    /// The coding of the body.
    enum Coding: Equatable { case identity, gzip, unknown }

    /// A request that the listener answers by itself.
    struct Refusal: Error, Equatable {
        let status: Int
        let reason: String
        /// Whether nothing that follows on the connection can be understood.
        var isFinal = false
    }

    /// Without its body.
    var request: UtRequest
    var refusal: Refusal?
    let isHead: Bool
    /// Whether the connection stays open after the answer (RFC 9112 §9.3).
    let keepsAlive: Bool
    /// Whether the client has to be told that (RFC 9112 §9.3 for HTTP/1.0).
    let announcesKeepAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    let expectsContinue: Bool
    let acceptsGzip: Bool
    let coding: Coding
    /// What Content-Length says.
    let length: Int?
}

/// Reads heads for one listener.
struct UtHeadReader {
    /// The path of the XCAP root: empty, or with a slash at its start and none at its end.
    let root: [UInt8]
    /// Names in Host that mean this listener, in lower case. Addresses and `localhost` always do.
    let hosts: Set<String>
    let trustedProxies: [IPNetwork]
    let limits: UtLimits

    /// Understands a head.
    ///
    /// - Parameter peer: where the connection comes from.
    func read(_ head: HTTPRequestHead, from peer: Endpoint) -> UtHead {
        var fields = Fields()
        for (name, value) in head.headers { fields.note(name, value) }
        let isTrusted = self.trustedProxies.contains { $0.contains(peer.address) }
        let target = Array(head.uri.utf8)
        var refusal = self.framingRefusal(fields, head)
        var below: [UInt8] = []
        if refusal == nil {
            do throws(UtHead.Refusal) {
                below = try self.belowRoot(target, fields: fields, method: head.method, isTrusted: isTrusted)
                try Self.checkIdentities(fields, isTrusted: isTrusted)
            } catch {
                refusal = error
            }
        }
        let isOld = head.version.minor < 1
        let request = UtRequest(
            method: Array(head.method.rawValue.utf8), target: below, requestTarget: target,
            authorization: fields.authorization.bytes,
            assertedIdentity: isTrusted ? (fields.asserted.bytes ?? fields.assertedByOMA.bytes) : nil,
            intendedIdentity: fields.intended.bytes, isTrustedPeer: isTrusted, contentType: fields.contentType.bytes,
            ifMatch: fields.ifMatch.bytes, ifNoneMatch: fields.ifNoneMatch.bytes,
            ifModifiedSince: fields.ifModifiedSince.bytes, ifUnmodifiedSince: fields.ifUnmodifiedSince.bytes,
            remote: peer)
        // An upgrade would end the parser's work on this connection, so the connection ends with the answer.
        let keepsAlive = head.isKeepAlive && !fields.wantsUpgrade && refusal?.isFinal != true
        return UtHead(
            request: request, refusal: refusal, isHead: head.method == .HEAD, keepsAlive: keepsAlive,
            announcesKeepAlive: keepsAlive && isOld,
            expectsContinue: !isOld && fields.expect.text?.lowercased() == "100-continue",
            acceptsGzip: ContentCodings.acceptsGzip(fields.acceptEncoding.text),
            coding: ContentCodings.coding(fields.contentEncoding.text),
            // The parser takes digits only; a number that is too large for us is too large for any body.
            length: fields.contentLength.text.map { Int($0) ?? .max })
    }

    /// What makes it unclear where the message ends, or who it is for: then nothing on the connection is believed any
    /// more (RFC 9112 §6.1, §6.3).
    private func framingRefusal(_ fields: Fields, _ head: HTTPRequestHead) -> UtHead.Refusal? {
        func broken(_ reason: String) -> UtHead.Refusal { UtHead.Refusal(status: 400, reason: reason, isFinal: true) }
        if fields.contentLength.count > 1 { return broken("there is more than one Content-Length") }
        if let coding = fields.transferEncoding.text {
            if fields.contentLength.count > 0 {
                return broken("Transfer-Encoding and Content-Length exclude each other")
            }
            if head.version.minor < 1 { return broken("HTTP/1.0 has no Transfer-Encoding") }
            if coding.lowercased() != "chunked" {
                return UtHead.Refusal(status: 501, reason: "the only transfer coding here is chunked", isFinal: true)
            }
        }
        if fields.host.count > 1 { return broken("there is more than one Host") }
        if fields.host.count == 0, head.version.minor >= 1 { return broken("Host is missing") }
        if let field = fields.repeated { return broken("there is more than one \(field)") }
        if head.method == .CONNECT { return UtHead.Refusal(status: 405, reason: "this is no proxy", isFinal: true) }
        return nil
    }

    /// What of a request target lies below the root, as it came: nothing in it is decoded or made tidy, because every
    /// octet counts in an XCAP selector (RFC 4825 §6).
    private func belowRoot(
        _ target: [UInt8], fields: Fields, method: HTTPMethod, isTrusted: Bool
    ) throws(UtHead.Refusal) -> [UInt8] {
        guard target.count <= self.limits.targetBytes else {
            throw UtHead.Refusal(status: 414, reason: "the target is longer than \(self.limits.targetBytes) bytes")
        }
        // The parser lets the others through, and writes U+FFFD where octets are no UTF-8 (RFC 3986 §2 knows none).
        guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw UtHead.Refusal(status: 400, reason: "the target has octets that have to be escaped")
        }
        var path = target[...]
        var authority = fields.host.text ?? ""
        if target.first != UInt8(ascii: "/") {
            guard let absolute = AbsoluteForm(target) else {
                throw UtHead.Refusal(status: 404, reason: "there is nothing here")
            }
            path = absolute.path
            // RFC 9112 §3.2.2: the authority in the target goes before Host.
            authority = absolute.authority
        }
        guard self.isHere(authority) || isTrusted else {
            throw UtHead.Refusal(status: 421, reason: "the request names another server")
        }
        guard path.starts(with: self.root) else { throw UtHead.Refusal(status: 404, reason: "there is nothing here") }
        path = path.dropFirst(self.root.count)
        switch path.first {
        case UInt8(ascii: "/"): return Array(path.dropFirst())
        case nil, UInt8(ascii: "?"): return Array(path)
        default: throw UtHead.Refusal(status: 404, reason: "there is nothing here")
        }
    }

    /// Whether an authority means this listener, and is not a name that somebody points at this machine so that a web
    /// page can talk to it.
    private func isHere(_ authority: String) -> Bool {
        if AdministrationGate.namesThisServer(authority) { return true }
        let host = authority.lowercased()
        if self.hosts.contains(host) { return true }
        guard let colon = host.lastIndex(of: ":") else { return false }
        return self.hosts.contains(String(host[..<colon]))
    }

    /// A proxy that asserts an identity in one form and lets another one pass that its client wrote would let everybody
    /// be anybody.
    private static func checkIdentities(_ fields: Fields, isTrusted: Bool) throws(UtHead.Refusal) {
        guard isTrusted, let first = fields.asserted.text, let second = fields.assertedByOMA.text, first != second
        else { return }
        throw UtHead.Refusal(status: 400, reason: "two asserted identities contradict each other")
    }
}

/// A request target with scheme and authority (RFC 9112 §3.2.2).
private struct AbsoluteForm {
    let authority: String
    let path: ArraySlice<UInt8>

    /// Nil for other schemes, without a host, and with user information, which says nothing to us (RFC 9110 §4.2.4).
    init?(_ target: [UInt8]) {
        let text = target[...]
        let schemes: [StaticString] = ["http://", "https://"]
        guard let scheme = schemes.first(where: { text.prefix($0.utf8CodeUnitCount).equalsIgnoringCase($0) }) else {
            return nil
        }
        let rest = text.dropFirst(scheme.utf8CodeUnitCount)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard !authority.isEmpty, !authority.contains(UInt8(ascii: "@")) else { return nil }
        self.authority = authority.text
        self.path = rest.dropFirst(authority.count)
    }
}

/// The header fields that count here.
private struct Fields {
    /// A field, its lines joined as one list (RFC 9110 §5.3).
    struct Value {
        private(set) var text: String?
        private(set) var count = 0
        var bytes: [UInt8]? { self.text.map { Array($0.utf8) } }

        mutating func add(_ line: String) {
            self.text = self.text.map { $0 + ", " + line } ?? line
            self.count += 1
        }
    }

    var host = Value()
    var contentLength = Value()
    var transferEncoding = Value()
    var contentType = Value()
    var contentEncoding = Value()
    var acceptEncoding = Value()
    var authorization = Value()
    var ifMatch = Value()
    var ifNoneMatch = Value()
    var ifModifiedSince = Value()
    var ifUnmodifiedSince = Value()
    var expect = Value()
    var upgrade = Value()
    var asserted = Value()
    var assertedByOMA = Value()
    var intended = Value()

    /// A field that stands in several lines although it is no list.
    var repeated: String? {
        if self.authorization.count > 1 { return "Authorization" }
        if self.contentType.count > 1 { return "Content-Type" }
        return nil
    }
    var wantsUpgrade: Bool { self.upgrade.count > 0 }

    mutating func note(_ name: String, _ value: String) {
        // Most fields of a request are none of ours: their length says so.
        switch name.utf8.count {
        case 4: if name.isField("host") { self.host.add(value) }
        case 6: if name.isField("expect") { self.expect.add(value) }
        case 7: if name.isField("upgrade") { self.upgrade.add(value) }
        case 8: if name.isField("if-match") { self.ifMatch.add(value) }
        case 12: if name.isField("content-type") { self.contentType.add(value) }
        case 13:
            if name.isField("authorization") { self.authorization.add(value) }
            if name.isField("if-none-match") { self.ifNoneMatch.add(value) }
        case 14: if name.isField("content-length") { self.contentLength.add(value) }
        case 15: if name.isField("accept-encoding") { self.acceptEncoding.add(value) }
        case 16: if name.isField("content-encoding") { self.contentEncoding.add(value) }
        case 17:
            if name.isField("transfer-encoding") { self.transferEncoding.add(value) }
            if name.isField("if-modified-since") { self.ifModifiedSince.add(value) }
        case 19: if name.isField("if-unmodified-since") { self.ifUnmodifiedSince.add(value) }
        case 24:
            if name.isField("x-3gpp-asserted-identity") { self.asserted.add(value) }
            if name.isField("x-xcap-asserted-identity") { self.assertedByOMA.add(value) }
            if name.isField("x-3gpp-intended-identity") { self.intended.add(value) }
        default: break
        }
    }
}

extension String {
    /// Whether this is a field's name, whatever its case; `name` is in lower case and as long.
    fileprivate func isField(_ name: StaticString) -> Bool {
        name.withUTF8Buffer { letters in
            var index = 0
            for byte in self.utf8 {
                guard index < letters.count, ASCII.lowercased(byte) == letters[index] else { return false }
                index += 1
            }
            return index == letters.count
        }
    }
}

/// Content codings as headers name them (RFC 9110 §8.4, §12.5.3).
enum ContentCodings {
    /// The coding of a body. Several, or one that is not known here, are `unknown`.
    static func coding(_ value: String?) -> UtHead.Coding {
        guard let value else { return .identity }
        switch value.lowercased() {
        case "", "identity": return .identity
        case "gzip", "x-gzip": return .gzip
        default: return .unknown
        }
    }

    /// Whether an Accept-Encoding asks for gzip.
    static func acceptsGzip(_ value: String?) -> Bool {
        guard let value else { return false }
        var any: Bool?
        for item in value.split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let coding = parts.first else { continue }
            // Of weights it matters only whether they are nought.
            let isRefused = parts.dropFirst().contains { part in
                part.hasPrefix("q=") && part.dropFirst(2).allSatisfy { $0 == "0" || $0 == "." }
            }
            if coding == "gzip" || coding == "x-gzip" { return !isRefused }
            if coding == "*" { any = !isRefused }
        }
        return any ?? false
    }
}
