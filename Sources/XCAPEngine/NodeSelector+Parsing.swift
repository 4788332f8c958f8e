internal import Ground

extension NodeSelector {
    /// Reads the part of a path after `/~~/`, still percent-encoded.
    ///
    /// A slash ends a step unless it stands in quotes; so the text is decoded first. What is none of the forms of the
    /// grammar is an extension selector, and none is understood here (RFC 4825 §6.3).
    static func parse(
        encoded text: Octets, bindings: NamespaceBindings, limits: XCAPLimits
    ) throws(XCAPFault) -> NodeSelector {
        guard let decoded = PercentEncoding.decoded(text) else { throw XCAPFault(status: 400) }
        guard String(validating: decoded, as: UTF8.self) != nil, !decoded.contains(0) else {
            throw XCAPFault(status: 404)
        }
        var cursor = Cursor(rest: decoded[...], bindings: bindings)
        var steps: [Step] = []
        while true {
            if !steps.isEmpty, let terminal = try cursor.terminal() {
                guard cursor.rest.isEmpty else { throw XCAPFault(status: 404) }
                return NodeSelector(steps: steps, terminal: terminal, bindings: bindings)
            }
            guard steps.count < limits.steps else { throw XCAPFault(status: 404) }
            steps.append(try cursor.step())
            if cursor.rest.isEmpty { return NodeSelector(steps: steps, terminal: nil, bindings: bindings) }
            guard cursor.take(UInt8(ascii: "/")) else { throw XCAPFault(status: 404) }
        }
    }

    /// Whether a text is an NCName as far as bytes tell: letters, digits, `-`, `.`, `_` and what is not ASCII.
    static func isName(_ text: Octets) -> Bool {
        guard let first = text.first, Self.isNameStart(first) else { return false }
        return text.allSatisfy(Self.isNameByte)
    }

    fileprivate static func isNameStart(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    fileprivate static func isNameByte(_ byte: UInt8) -> Bool {
        Self.isNameStart(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }
}

/// Reads the decoded text of a node selector from left to right.
private struct Cursor {
    var rest: Octets
    let bindings: NamespaceBindings

    mutating func take(_ byte: UInt8) -> Bool {
        guard self.rest.first == byte else { return false }
        self.rest = self.rest.dropFirst()
        return true
    }

    mutating func take(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.rest.count >= count, self.rest.prefix(count).equals(literal) else { return false }
        self.rest = self.rest.dropFirst(count)
        return true
    }

    /// `@name` or `namespace::*`; nil where neither begins.
    mutating func terminal() throws(XCAPFault) -> NodeSelector.Terminal? {
        if self.take("@") { return .attribute(try self.name(isAttribute: true)) }
        if self.take("namespace::*") { return .namespaces }
        return nil
    }

    mutating func step() throws(XCAPFault) -> NodeSelector.Step {
        let name = self.take(UInt8(ascii: "*")) ? nil : try self.name(isAttribute: false)
        var position: Int?
        var attribute: NodeSelector.AttributeTest?
        if self.rest.count > 1, self.rest.first == UInt8(ascii: "["),
            ASCII.isDigit(self.rest[self.rest.startIndex + 1])
        {
            position = try self.position()
        }
        if self.take("[@") { attribute = try self.attributeTest() }
        return NodeSelector.Step(name: name, position: position, attribute: attribute)
    }

    /// `[n]`; a number too large for any document is as good as any other such.
    private mutating func position() throws(XCAPFault) -> Int {
        self.rest = self.rest.dropFirst()
        var value = 0
        while let digit = self.rest.first, ASCII.isDigit(digit) {
            value = min(value * 10 + Int(digit - 0x30), 1 << 40)
            self.rest = self.rest.dropFirst()
        }
        guard self.take(UInt8(ascii: "]")) else { throw XCAPFault(status: 404) }
        return value
    }

    /// `name="value"]` or `name='value']`
    private mutating func attributeTest() throws(XCAPFault) -> NodeSelector.AttributeTest {
        let name = try self.name(isAttribute: true)
        guard self.take(UInt8(ascii: "=")), let quote = self.rest.first,
            quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        else { throw XCAPFault(status: 404) }
        self.rest = self.rest.dropFirst()
        guard let end = self.rest.firstIndex(of: quote), let value = Self.unescaped(self.rest[..<end]) else {
            throw XCAPFault(status: 404)
        }
        self.rest = self.rest[(end + 1)...]
        guard self.take(UInt8(ascii: "]")) else { throw XCAPFault(status: 404) }
        return NodeSelector.AttributeTest(name: name, value: value)
    }

    /// A qualified name. Without a prefix an attribute has no namespace, and an element the default one.
    private mutating func name(isAttribute: Bool) throws(XCAPFault) -> NodeSelector.Name {
        let first = try self.bareName()
        guard self.take(UInt8(ascii: ":")) else {
            return NodeSelector.Name(prefix: [], local: Array(first), namespace: isAttribute ? [] : nil)
        }
        let local = try self.bareName()
        guard let namespace = self.bindings.namespace(of: first) else { throw XCAPFault(status: 400) }
        return NodeSelector.Name(prefix: Array(first), local: Array(local), namespace: namespace)
    }

    private mutating func bareName() throws(XCAPFault) -> Octets {
        guard let first = self.rest.first, NodeSelector.isNameStart(first) else { throw XCAPFault(status: 404) }
        let name = self.rest.prefix(while: NodeSelector.isNameByte)
        self.rest = self.rest[name.endIndex...]
        return name
    }

    /// The value of an attribute with its references resolved; nil for what cannot stand in one (XML 1.0 §3.1).
    private static func unescaped(_ text: Octets) -> [UInt8]? {
        guard text.contains(where: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: "<") }) else { return Array(text) }
        var out: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "<") { return nil }
            guard byte == UInt8(ascii: "&") else {
                out.append(byte)
                index += 1
                continue
            }
            guard let end = text[index...].firstIndex(of: UInt8(ascii: ";")),
                let bytes = Self.reference(text[(index + 1)..<end])
            else { return nil }
            out.append(contentsOf: bytes)
            index = end + 1
        }
        return out
    }

    private static func reference(_ name: Octets) -> [UInt8]? {
        if name.equals("amp") { return [UInt8(ascii: "&")] }
        if name.equals("lt") { return [UInt8(ascii: "<")] }
        if name.equals("gt") { return [UInt8(ascii: ">")] }
        if name.equals("quot") { return [UInt8(ascii: "\"")] }
        if name.equals("apos") { return [UInt8(ascii: "'")] }
        guard name.first == UInt8(ascii: "#"), name.count <= 9 else { return nil }
        let isHex = name.dropFirst().first == UInt8(ascii: "x")
        let digits = name.dropFirst(isHex ? 2 : 1)
        guard !digits.isEmpty else { return nil }
        var value: UInt32 = 0
        for byte in digits {
            guard let digit = ASCII.hexValue(byte), isHex || digit < 10 else { return nil }
            value = value * (isHex ? 16 : 10) + UInt32(digit)
        }
        guard value >= 0x20 || value == 0x09 || value == 0x0A || value == 0x0D, let scalar = Unicode.Scalar(value)
        else { return nil }
        return Array(String(Character(scalar)).utf8)
    }
}
