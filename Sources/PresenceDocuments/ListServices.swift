package import Ground
package import XMLTree

/// An `rls-services` document (RFC 4826 §4): the URIs that lists can be subscribed to under.
package struct ListServices: Hashable, Sendable {
    /// The namespace of the format.
    package static let namespace = "urn:ietf:params:xml:ns:rls-services"

    /// One `service` element.
    package struct Service: Hashable, Sendable {
        /// Where the members of a service stand.
        package enum Members: Hashable, Sendable {
            /// In the service itself.
            case list(ResourceList)
            /// In a list of a `resource-lists` document: an absolute URI, still percent-encoded.
            case reference([UInt8])
        }

        /// As it is written.
        package var uri: [UInt8]
        /// Nil where the document names neither form, which its schema forbids.
        package var members: Members?
        /// The event packages that the service is for; empty: all that the server knows.
        package var packages: [[UInt8]]
        /// The number of the element in the tree that it was read from.
        package var element: XMLDocument.NodeID

        /// The URI as services are compared (RFC 4826 §5).
        package var canonicalURI: [UInt8] { ServiceURI.canonical(self.uri[...]) }
    }

    package let services: [Service]

    /// Reads a document.
    /// - Throws: a fault where the XML is refused or the root is no `rls-services`.
    package static func parse(_ body: Octets, limits: XMLLimits = .standard) throws(DocumentFault) -> ListServices {
        let tree: XMLDocument
        do { tree = try XMLDocument.parse(body, limits: limits) } catch { throw DocumentFault(error) }
        return try ListServices(tree)
    }

    /// Reads a tree.
    /// - Throws: a fault where the root is no `rls-services`.
    package init(_ tree: XMLDocument) throws(DocumentFault) {
        guard let root = tree.rootElement, root.name.equals("rls-services"),
            root.namespace.elementsEqual(Self.namespace.utf8)
        else { throw DocumentFault(kind: .notValid, status: 400, reason: "Bad rls-services: another root element") }
        self.services = root.children("service", namespace: Self.namespace).compactMap { element in
            guard let uri = element.attribute("uri") else { return nil }
            var members: Service.Members?
            if let list = element.child("list", namespace: Self.namespace) {
                members = .list(ResourceList(list))
            } else if let reference = element.child("resource-list", namespace: Self.namespace) {
                members = .reference(Array(reference.text.filter { $0 > 0x20 }))
            }
            let packages = element.child("packages", namespace: Self.namespace)?
                .children("package", namespace: Self.namespace).map { Array($0.text.filter { $0 > 0x20 }) }
            return Service(uri: Array(uri), members: members, packages: packages ?? [], element: element.id)
        }
    }
}

/// The URIs of list services and how they are compared (RFC 4826 §5).
package enum ServiceURI {
    /// The form that all spellings of a URI share: scheme and host in lower case, escapes that need not be undone,
    /// others in capital digits, parameters sorted by their names, their names and values in lower case, no headers.
    /// Applied twice it changes nothing more.
    package static func canonical(_ uri: Octets) -> [UInt8] {
        let text = uri.filter { $0 > 0x20 }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return Array(text) }
        var result = text[..<colon].map { ASCII.lowercased($0) }
        result.append(UInt8(ascii: ":"))
        var rest = text[(colon + 1)...]
        // A user part may hold `?` and `;`, so it is cut off first.
        if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
            result += Self.unescaped(rest[..<at])
            result.append(UInt8(ascii: "@"))
            rest = rest[(at + 1)...]
        }
        rest = rest.prefix { $0 != UInt8(ascii: "?") }
        let parts = rest.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        if let host = parts.first { result += Self.unescaped(host).map { ASCII.lowercased($0) } }
        let parameters = parts.dropFirst().filter { !$0.isEmpty }
            .map { Self.unescaped($0).map { ASCII.lowercased($0) } }
        for parameter in parameters.sorted(by: Self.precedes) {
            result.append(UInt8(ascii: ";"))
            result += parameter
        }
        return result
    }

    /// By name, and by value where the names are the same.
    private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        let names = (left.prefix { $0 != UInt8(ascii: "=") }, right.prefix { $0 != UInt8(ascii: "=") })
        if names.0 != names.1 { return names.0.lexicographicallyPrecedes(names.1) }
        return left.lexicographicallyPrecedes(right)
    }

    private static func unescaped(_ text: Octets) -> [UInt8] {
        var result: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "%"), text.endIndex - index > 2, let high = ASCII.hexValue(text[index + 1]),
                let low = ASCII.hexValue(text[index + 2])
            {
                let value = high << 4 | low
                if ASCII.isLetter(value) || ASCII.isDigit(value) || "-_.!~*'()".utf8.contains(value) {
                    result.append(value)
                } else {
                    result.append(byte)
                    for digit in [high, low] { result.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
                }
                index += 3
            } else {
                result.append(byte)
                index += 1
            }
        }
        return result
    }
}
