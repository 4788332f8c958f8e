package import Ground

/// The URI of a list in a `resource-lists` document: the anchor of an `external` list (RFC 4826 §3.1), of an OMA
/// `external-list` condition, or a `resource-list` of a service (RFC 4826 §4.1).
///
/// Only the forms that name a list are read: steps by name, by position, or the only list there is.
package struct ListAnchor: Hashable, Sendable {
    /// A step down to a list.
    package enum Step: Hashable, Sendable {
        /// `list[@name="friends"]`.
        case named([UInt8])
        /// `list[2]`, counted from 1.
        case position(Int)
        /// `list`.
        case only
    }

    /// What stands before the application usage: the XCAP root, without a slash at its end. As it is written.
    package let root: [UInt8]
    /// Whose document it is, canonical; empty in the global tree.
    package let owner: [UInt8]
    /// The document selector, decoded, with the canonical owner.
    package let selector: [UInt8]
    /// From the root of the document to the list; empty if the anchor names the whole document.
    package let steps: [Step]

    /// Bytes beyond which no anchor is read.
    package static let maximumBytes = 4_096

    /// Nil where the URI leads to no list in a `resource-lists` document.
    package init?(_ uri: Octets) {
        guard uri.count <= Self.maximumBytes else { return nil }
        let path = uri.prefix { $0 != UInt8(ascii: "?") }
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard let usage = segments.firstIndex(where: { $0.equals("resource-lists") }), usage + 3 < segments.count,
            segments[usage + 1].equals("users"), let owner = Self.decoded(segments[usage + 2])
        else { return nil }
        let rest = segments[(usage + 3)...]
        let separator = rest.firstIndex { $0.equals("~~") } ?? rest.endIndex
        var selector = Array("resource-lists/users/".utf8)
        self.owner = EntityURI.canonical(owner[...])
        selector += self.owner
        for segment in rest[..<separator] {
            guard let name = Self.decoded(segment), !name.isEmpty, !name.contains(UInt8(ascii: "/")) else {
                return nil
            }
            selector.append(UInt8(ascii: "/"))
            selector += name
        }
        guard separator > rest.startIndex else { return nil }
        self.selector = selector
        self.root = Array(segments[..<usage].joined(separator: [UInt8(ascii: "/")]))
        guard separator < rest.endIndex else {
            self.steps = []
            return
        }
        // A slash may stand inside of the quotes of a name, so the steps are cut after the decoding.
        guard let node = Self.decoded(Array(rest[(separator + 1)...].joined(separator: [UInt8(ascii: "/")]))),
            let steps = Self.steps(node[...])
        else { return nil }
        self.steps = steps
    }

    private static func steps(_ node: Octets) -> [Step]? {
        var pieces: [Octets] = []
        var start = node.startIndex
        var quote: UInt8?
        for index in node.indices {
            let byte = node[index]
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: "/") {
                pieces.append(node[start..<index])
                start = index + 1
            }
        }
        pieces.append(node[start...])
        guard quote == nil, let first = pieces.first, Self.localName(first).equals("resource-lists") else { return nil }
        var steps: [Step] = []
        for piece in pieces.dropFirst() {
            guard let step = Self.step(piece) else { return nil }
            steps.append(step)
        }
        return steps
    }

    private static func step(_ piece: Octets) -> Step? {
        let name = piece.prefix { $0 != UInt8(ascii: "[") }
        guard Self.localName(name).equals("list") else { return nil }
        let predicate = piece.dropFirst(name.count)
        if predicate.isEmpty { return .only }
        guard predicate.last == UInt8(ascii: "]"), predicate.count > 2 else { return nil }
        let inner = predicate.dropFirst().dropLast()
        if inner.allSatisfy({ ASCII.isDigit($0) }) {
            guard inner.count <= 6, let number = Int(inner.text), number > 0 else { return nil }
            return .position(number)
        }
        let key = Array("@name=".utf8)
        guard inner.starts(with: key) else { return nil }
        let value = inner.dropFirst(key.count)
        guard value.count >= 2, let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
            value.last == quote
        else { return nil }
        return .named(Array(value.dropFirst().dropLast()))
    }

    private static func localName(_ name: Octets) -> Octets {
        guard let colon = name.firstIndex(of: UInt8(ascii: ":")) else { return name }
        return name[(colon + 1)...]
    }

    /// Undoes percent-encoding once. Nil where it is broken.
    private static func decoded(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ ASCII.hexValue($0) }),
                let low = rest.popFirst().flatMap({ ASCII.hexValue($0) })
            else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }
}
