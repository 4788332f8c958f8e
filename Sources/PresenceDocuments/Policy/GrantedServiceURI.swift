internal import Ground
internal import XMLTree

/// A service URI, compared as RFC 3261 §19.1.4 asks of SIP URIs and RFC 3966 §5 of telephone numbers; other URIs by
/// their bytes, but for the case of the scheme.
struct GrantedServiceURI: Hashable, Sendable {
    /// What two equal URIs always share: scheme, user, password, host and port.
    let base: [UInt8]
    /// The parameters by lower-case name, values in lower case.
    private let parameters: [[UInt8]: [UInt8]]
    private let headers: [[UInt8]]

    init(_ uri: Octets) {
        let text = uri.trimmingSpace
        let colon = text.firstIndex(of: UInt8(ascii: ":")) ?? text.startIndex
        let scheme = text[..<colon].map { ASCII.lowercased($0) }
        let isSIP = scheme.elementsEqual("sip".utf8) || scheme.elementsEqual("sips".utf8)
        guard isSIP else {
            self.base = scheme.elementsEqual("tel".utf8) ? PolicyIdentity.key(text) : scheme + text[colon...]
            self.parameters = [:]
            self.headers = []
            return
        }
        let question = text.firstIndex(of: UInt8(ascii: "?")) ?? text.endIndex
        let address = text[..<question]
        // The user part may have semicolons of its own.
        let at = address.firstIndex(of: UInt8(ascii: "@")) ?? colon
        let semicolon = address[at...].firstIndex(of: UInt8(ascii: ";")) ?? question
        self.base = scheme + text[colon..<at] + text[at..<semicolon].map { ASCII.lowercased($0) }
        var parameters: [[UInt8]: [UInt8]] = [:]
        for parameter in address[semicolon...].split(separator: UInt8(ascii: ";")) {
            let lower = parameter.map { ASCII.lowercased($0) }
            let equals = lower.firstIndex(of: UInt8(ascii: "=")) ?? lower.endIndex
            parameters[Array(lower[..<equals])] = Array(lower[equals...].dropFirst())
        }
        self.parameters = parameters
        self.headers = text[question...].dropFirst().split(separator: UInt8(ascii: "&")).map(Array.init).sortedOnce()
    }

    /// Parameters that make a difference even where only one of the URIs has them.
    private static let significant = ["user", "ttl", "method", "maddr", "transport"].map { Array($0.utf8) }

    /// Whether both name the same service.
    func isEquivalent(to other: GrantedServiceURI) -> Bool {
        guard self.base == other.base, self.headers == other.headers else { return false }
        for name in Self.significant where self.parameters[name] != other.parameters[name] { return false }
        for (name, value) in self.parameters {
            if let theirs = other.parameters[name], theirs != value { return false }
        }
        return true
    }
}
