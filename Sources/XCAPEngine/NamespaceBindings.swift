package import Ground

/// The prefixes that the query of a request binds (RFC 4825 §6.4): the `xmlns()` parts of an XPointer.
package struct NamespaceBindings: Hashable, Sendable {
    /// A prefix and the namespace that it stands for.
    package struct Binding: Hashable, Sendable {
        package let prefix: [UInt8]
        package let namespace: [UInt8]
    }

    /// In the order of the query; a later one overrides an earlier one of the same prefix.
    package let all: [Binding]

    package init(_ all: [Binding] = []) { self.all = all }

    /// The namespace of a prefix; nil if it is not bound. `xml` always is.
    package func namespace(of prefix: Octets) -> [UInt8]? {
        if prefix.elementsEqual("xml".utf8) { return Array("http://www.w3.org/XML/1998/namespace".utf8) }
        return self.all.last { prefix.elementsEqual($0.prefix) }?.namespace
    }

    /// Reads a query. Parts of other schemes than `xmlns`, and what is no part at all, bind nothing.
    /// - Throws: 400 for percent signs that encode nothing.
    static func parse(_ query: Octets) throws(XCAPFault) -> NamespaceBindings {
        guard !query.isEmpty else { return NamespaceBindings() }
        guard let text = PercentEncoding.decoded(query) else { throw XCAPFault(status: 400) }
        var bindings: [Binding] = []
        var rest = text[...]
        while let (scheme, content, after) = Self.nextPart(rest) {
            rest = after
            if scheme.elementsEqual("xmlns".utf8), let binding = Self.binding(content) { bindings.append(binding) }
        }
        return NamespaceBindings(bindings)
    }

    /// A scheme, what stands in its parentheses with the escapes resolved, and what follows. Nil where no part begins.
    private static func nextPart(_ text: Octets) -> (scheme: Octets, content: [UInt8], rest: Octets)? {
        let start = text.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        guard let open = start.firstIndex(of: UInt8(ascii: "(")), open > start.startIndex else { return nil }
        var content: [UInt8] = []
        var depth = 1
        var index = open + 1
        while index < start.endIndex {
            let byte = start[index]
            switch byte {
            case UInt8(ascii: "^"):
                // Only parentheses and the circumflex itself are escaped.
                guard index + 1 < start.endIndex, "()^".utf8.contains(start[index + 1]) else { return nil }
                content.append(start[index + 1])
                index += 2
                continue
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return (start[..<open], content, start[(index + 1)...]) }
            default: break
            }
            content.append(byte)
            index += 1
        }
        return nil
    }

    /// `prefix = namespace`; nil for what is none, and for the prefixes that nobody may bind.
    private static func binding(_ content: [UInt8]) -> Binding? {
        guard let equals = content.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let prefix = Self.trimmed(content[..<equals])
        let namespace = Self.trimmed(content[(equals + 1)...])
        guard NodeSelector.isName(prefix), !prefix.elementsEqual("xml".utf8), !prefix.elementsEqual("xmlns".utf8),
            String(validating: namespace, as: UTF8.self) != nil
        else { return nil }
        return Binding(prefix: Array(prefix), namespace: Array(namespace))
    }

    private static func trimmed(_ text: Octets) -> Octets {
        var slice = text
        while let first = slice.first, first <= 0x20 { slice = slice.dropFirst() }
        while let last = slice.last, last <= 0x20 { slice = slice.dropLast() }
        return slice
    }
}
