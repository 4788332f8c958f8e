package import Ground
package import SIPWire

extension SIPMessage {
    /// The body of a request as far as its receiver can use it: nil without one. RFC 3261 §8.2.3: a coding or a type
    /// that is not understood is refused with 415, unless the body may be left aside.
    package func usefulBody(of types: [StaticString]) throws(RequestRefusal) -> (bytes: Octets, type: StaticString)? {
        guard !self.body.isEmpty else { return nil }
        let isOptional = self.first(.contentDisposition).map { Self.isOptional($0) } ?? false
        if let coding = self.first(.contentEncoding), !coding.equalsIgnoringCase("identity") {
            if isOptional { return nil }
            throw RequestRefusal(415, remedy: .acceptEncoding)
        }
        let type: MediaType?
        do { type = try self.contentType() } catch { throw RequestRefusal(400, "Bad Content-Type") }
        if let type, let known = types.first(where: { type.matches($0) }) { return (self.body, known) }
        if isOptional { return nil }
        throw RequestRefusal(415, remedy: .accept(anyOf: types))
    }

    /// Whether a Content-Disposition lets the body be left aside (RFC 3261 §20.11).
    private static func isOptional(_ disposition: Octets) -> Bool {
        guard let semicolon = disposition.firstIndex(of: UInt8(ascii: ";")) else { return false }
        return Parameters(disposition[semicolon...]).value(of: "handling")?.equalsIgnoringCase("optional") ?? false
    }
}
