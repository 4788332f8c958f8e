import Ground

/// Where an HTTP server is: scheme, host and port (RFC 9110 §4.3.1).
package struct HTTPOrigin: Hashable, Sendable, CustomStringConvertible {
    package let isSecure: Bool
    /// A name or an address, IPv6 without brackets.
    package let host: String
    package let port: UInt16

    package init(isSecure: Bool = false, host: String, port: UInt16? = nil) {
        self.isSecure = isSecure
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
    }

    /// The value of Host: without the port where it is the scheme's own.
    package var authority: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == (self.isSecure ? 443 : 80) ? host : "\(host):\(self.port)"
    }

    package var description: String { "\(self.isSecure ? "https" : "http")://\(self.authority)" }
}

/// An absolute HTTP URL, taken apart; its path and query stay as they are written.
package struct HTTPAddress: Hashable, Sendable, CustomStringConvertible {
    package let origin: HTTPOrigin
    /// The path with its query: `/xcap/resource-lists/users/sip:a@b/index`; `/` where there is none.
    package let target: String

    package init(origin: HTTPOrigin, target: String) {
        self.origin = origin
        self.target = target
    }

    /// Reads a URL.
    ///
    /// - Throws: `http.address-invalid` with what is wrong.
    package init(_ text: String) throws(Fault) {
        func invalid(_ reason: String) -> Fault {
            Fault(code: "http.address-invalid", reason: "\"\(text)\" is no address of an HTTP server: \(reason).")
        }
        let schemes = [("http://", false), ("https://", true)]
        guard let scheme = schemes.first(where: { text.lowercased().hasPrefix($0.0) }) else {
            throw invalid("it has to begin with http:// or https://")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw invalid("some characters need escapes") }
        let rest = text.dropFirst(scheme.0.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        var target = rest.dropFirst(authority.count)
        if let fragment = target.firstIndex(of: "#") { target = target[..<fragment] }
        guard !authority.contains("@") else { throw invalid("user names and passwords do not belong into it") }
        var host = authority
        var port: UInt16?
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else {
                throw invalid("the port is no number from 1 to 65535")
            }
            port = number
            host = authority[..<colon]
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        let isIPv6 = IPAddress(host)?.isIPv6 ?? false
        guard !host.isEmpty, isBracketed == isIPv6, host.contains(":") == isIPv6 else {
            throw invalid("the host is missing or wrong")
        }
        self.origin = HTTPOrigin(isSecure: scheme.1, host: String(host), port: port)
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
    }

    package var description: String { "\(self.origin)\(self.target)" }
}

extension HTTPClient {
    /// A header field of a message.
    package struct Field: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A request of ``HTTPClient``. Host, Content-Length, Accept-Encoding and Authorization are the client's affair.
    package struct Request: Hashable, Sendable {
        package var method: String
        /// The path with its query, in escaped form.
        package var target: String
        package var fields: [Field]
        package var body: [UInt8]

        package init(_ method: String, _ target: String, fields: [Field] = [], body: [UInt8] = []) {
            self.method = method
            self.target = target
            self.fields = fields
            self.body = body
        }
    }

    /// The answer to an ``Request``.
    package struct Answer: Hashable, Sendable {
        package let status: Int
        package let fields: [Field]
        /// Unpacked.
        package let body: [UInt8]

        package init(status: Int, fields: [Field], body: [UInt8]) {
            self.status = status
            self.fields = fields
            self.body = body
        }

        /// The values of a field, one a line; the case of its name does not matter.
        package func values(_ name: String) -> [String] {
            let wanted = name.lowercased()
            return self.fields.filter { $0.name.lowercased() == wanted }.map(\.value)
        }

        /// The first value of a field.
        package subscript(_ name: String) -> String? { self.values(name).first }
    }
}
