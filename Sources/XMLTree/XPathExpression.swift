package import Ground

/// Why an expression cannot be used.
package enum XPathFault: Error, Hashable, Sendable {
    /// Not in the subset of XPath that the dialect allows.
    case syntax(String)
    /// A prefix that is not declared.
    case undeclaredPrefix(String)
    /// Over one of the bounds of ``XPathLimits``.
    case tooComplex

    /// The fault in a few words of ASCII.
    package var reason: String {
        switch self {
        case .syntax(let what): "expression: \(what)"
        case .undeclaredPrefix: "undeclared prefix in expression"
        case .tooComplex: "expression too complex"
        }
    }
}

/// A node selector: the subset of XPath 1.0 that RFC 5261 §4.1 (`sel`) and RFC 4661 §5 (filters) use.
package struct XPathExpression: Sendable, Equatable {
    /// Which standard says what an expression may contain.
    package enum Dialect: Sendable {
        /// RFC 5261 §4.1: relative to the document, no `//`, predicates of position or equality.
        case patch
        /// RFC 4661 §5: also `//`, `and`, `or`, `<`, `>`.
        case filter
    }

    /// Where a step goes from its context node.
    enum Axis: Sendable { case child, descendant, current, parent }

    /// Which nodes of the axis a step takes.
    enum Test: Sendable, Equatable {
        case anyElement
        case anyElementOf(namespace: [UInt8])
        case element(namespace: [UInt8], name: [UInt8])
        case text
        case comment
        case instruction(target: [UInt8]?)
        case anyAttribute
        case attribute(namespace: [UInt8], name: [UInt8])
        case namespace(prefix: [UInt8])
    }

    /// One step of a path.
    struct Step: Sendable, Equatable {
        var axis: Axis
        var test: Test
        var predicates: [Predicate]
    }

    /// Steps, from the root or from a context node.
    struct Path: Sendable, Equatable {
        /// From the document, not from the node the path is evaluated at.
        var isAbsolute: Bool
        /// The argument of a leading `id('…')`.
        var id: [UInt8]?
        var steps: [Step]
    }

    /// One side of a comparison.
    enum Operand: Sendable, Equatable {
        case path(Path)
        case literal([UInt8])
        case number(Double)
    }

    /// How two operands are compared.
    enum Comparison: Sendable { case equal, unequal, less, greater, lessOrEqual, greaterOrEqual }

    /// What a node has to fulfil.
    indirect enum Predicate: Sendable, Equatable {
        case position(Int)
        case exists(Path)
        case compare(Operand, Comparison, Operand)
        case and(Predicate, Predicate)
        case or(Predicate, Predicate)
    }

    let path: Path

    /// Reads an expression.
    /// - Parameter resolve: gives the namespace a prefix stands for, nil if it is not declared. The empty prefix is
    ///   asked for names of elements without one; RFC 5261 §4.2.1 gives them the default namespace.
    package static func parse(
        _ text: Octets, dialect: Dialect, resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression {
        guard text.count <= XPathLimits.bytes else { throw .tooComplex }
        var reader = XPathReader(text: Array(text), dialect: dialect)
        return XPathExpression(path: try reader.whole(resolve))
    }
}

/// Reads expressions by recursive descent.
struct XPathReader {
    private let text: [UInt8]
    private let dialect: XPathExpression.Dialect
    private var position = 0
    private var depth = 0
    private var terms = 0

    init(text: [UInt8], dialect: XPathExpression.Dialect) {
        self.text = text
        self.dialect = dialect
    }

    mutating func whole(_ resolve: ([UInt8]) -> [UInt8]?) throws(XPathFault) -> XPathExpression.Path {
        self.skipSpace()
        let path = try self.path(isTop: true, resolve)
        self.skipSpace()
        guard self.position == self.text.count else { throw .syntax("unexpected end of path") }
        guard !path.steps.isEmpty || path.id != nil else { throw .syntax("empty") }
        return path
    }

    // MARK: Paths

    private mutating func path(
        isTop: Bool, _ resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression.Path {
        var path = XPathExpression.Path(isAbsolute: isTop, id: nil, steps: [])
        var axis = XPathExpression.Axis.child
        if self.peek("id(") {
            path.id = try self.identifier()
            guard self.peek("/") else { return path }
        }
        if self.peek("/") {
            if path.id == nil { path.isAbsolute = true }
            axis = try self.separator()
        }
        while true {
            let step = try self.step(axis, resolve)
            path.steps.append(step)
            guard self.peek("/") else { return path }
            switch step.test {
            case .attribute, .anyAttribute, .namespace, .text, .comment, .instruction:
                throw .syntax("step after a node without children")
            default: break
            }
            axis = try self.separator()
        }
    }

    private mutating func separator() throws(XPathFault) -> XPathExpression.Axis {
        self.position += 1
        guard self.peek("/") else { return .child }
        guard self.dialect == .filter else { throw .syntax("// is not allowed here") }
        self.position += 1
        return .descendant
    }

    private mutating func identifier() throws(XPathFault) -> [UInt8] {
        self.position += 3
        self.skipSpace()
        let value = try self.literal()
        self.skipSpace()
        guard self.take(")") else { throw .syntax("id() without end") }
        return value
    }

    private mutating func step(
        _ axis: XPathExpression.Axis, _ resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression.Step {
        self.terms += 1
        guard self.terms <= XPathLimits.terms else { throw .tooComplex }
        self.skipSpace()
        if self.take("..") { return .init(axis: .parent, test: .anyElement, predicates: []) }
        if self.peek("."), !self.isDigit(at: self.position + 1) {
            self.position += 1
            return .init(axis: .current, test: .anyElement, predicates: [])
        }
        var step = XPathExpression.Step(axis: axis, test: try self.test(resolve), predicates: [])
        while true {
            self.skipSpace()
            guard self.take("[") else { return step }
            step.predicates.append(try self.alternatives(resolve))
            self.skipSpace()
            guard self.take("]") else { throw .syntax("predicate without end") }
        }
    }

    private mutating func test(_ resolve: ([UInt8]) -> [UInt8]?) throws(XPathFault) -> XPathExpression.Test {
        if self.take("text()") { return .text }
        if self.take("comment()") { return .comment }
        if self.take("processing-instruction(") {
            self.skipSpace()
            let target: [UInt8]? = self.peek(")") ? nil : try self.literal()
            self.skipSpace()
            guard self.take(")") else { throw .syntax("processing-instruction() without end") }
            return .instruction(target: target)
        }
        if self.take("namespace::") { return .namespace(prefix: try self.bareName()) }
        if self.take("@") || self.take("attribute::") {
            if self.take("*") { return .anyAttribute }
            let (prefix, name) = try self.qualifiedName()
            guard !prefix.isEmpty else { return .attribute(namespace: [], name: name) }
            return .attribute(namespace: try self.namespace(prefix, resolve), name: name)
        }
        _ = self.take("child::")
        if self.take("*") { return .anyElement }
        let (prefix, name) = try self.qualifiedName()
        if self.peek("(") { throw .syntax("unknown function") }
        let namespace = prefix.isEmpty ? resolve([]) ?? [] : try self.namespace(prefix, resolve)
        return name == [UInt8(ascii: "*")]
            ? .anyElementOf(namespace: namespace) : .element(namespace: namespace, name: name)
    }

    private func namespace(_ prefix: [UInt8], _ resolve: ([UInt8]) -> [UInt8]?) throws(XPathFault) -> [UInt8] {
        if prefix.elementsEqual("xml".utf8) { return Array("http://www.w3.org/XML/1998/namespace".utf8) }
        guard let namespace = resolve(prefix), !namespace.isEmpty else {
            throw .undeclaredPrefix(String(decoding: prefix, as: UTF8.self))
        }
        return namespace
    }

    // MARK: Predicates

    private mutating func alternatives(
        _ resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression.Predicate {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= XPathLimits.depth else { throw .tooComplex }
        var left = try self.conditions(resolve)
        while self.takeWord("or") { left = .or(left, try self.conditions(resolve)) }
        return left
    }

    private mutating func conditions(
        _ resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression.Predicate {
        var left = try self.condition(resolve)
        while self.takeWord("and") { left = .and(left, try self.condition(resolve)) }
        return left
    }

    private mutating func condition(
        _ resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression.Predicate {
        self.skipSpace()
        self.terms += 1
        guard self.terms <= XPathLimits.terms else { throw .tooComplex }
        if self.dialect == .filter, self.take("(") {
            let inner = try self.alternatives(resolve)
            self.skipSpace()
            guard self.take(")") else { throw .syntax("bracket without end") }
            return inner
        }
        let left = try self.operand(resolve)
        self.skipSpace()
        guard let comparison = try self.comparison() else {
            switch left {
            case .number(let number):
                guard number >= 1, number <= 1_000_000, number == number.rounded() else {
                    throw .syntax("position")
                }
                return .position(Int(number))
            case .path(let path): return .exists(path)
            case .literal: throw .syntax("literal without comparison")
            }
        }
        self.skipSpace()
        return .compare(left, comparison, try self.operand(resolve))
    }

    private mutating func comparison() throws(XPathFault) -> XPathExpression.Comparison? {
        if self.take("=") { return .equal }
        let comparison: XPathExpression.Comparison
        if self.take("!=") {
            comparison = .unequal
        } else if self.take("<=") {
            comparison = .lessOrEqual
        } else if self.take(">=") {
            comparison = .greaterOrEqual
        } else if self.take("<") {
            comparison = .less
        } else if self.take(">") {
            comparison = .greater
        } else {
            return nil
        }
        guard self.dialect == .filter else { throw .syntax("comparison that is not allowed here") }
        return comparison
    }

    private mutating func operand(
        _ resolve: ([UInt8]) -> [UInt8]?
    ) throws(XPathFault) -> XPathExpression.Operand {
        self.skipSpace()
        guard self.position < self.text.count else { throw .syntax("operand is missing") }
        let byte = self.text[self.position]
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") { return .literal(try self.literal()) }
        let isSign = byte == UInt8(ascii: "-")
        if ASCII.isDigit(byte) || isSign || (byte == UInt8(ascii: ".") && self.isDigit(at: self.position + 1)) {
            let start = self.position
            if isSign { self.position += 1 }
            while self.isDigit(at: self.position) || self.peek(".") { self.position += 1 }
            guard let number = Double(String(decoding: self.text[start..<self.position], as: UTF8.self)) else {
                throw .syntax("number")
            }
            return .number(number)
        }
        return .path(try self.path(isTop: false, resolve))
    }

    private mutating func literal() throws(XPathFault) -> [UInt8] {
        guard self.position < self.text.count else { throw .syntax("literal is missing") }
        let quote = self.text[self.position]
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { throw .syntax("literal is missing") }
        let start = self.position + 1
        guard let end = self.text[start...].firstIndex(of: quote) else { throw .syntax("literal without end") }
        self.position = end + 1
        return Array(self.text[start..<end])
    }

    // MARK: Words

    /// `and` and `or` are operators only between operands.
    private mutating func takeWord(_ word: StaticString) -> Bool {
        guard self.dialect == .filter else { return false }
        let start = self.position
        self.skipSpace()
        if self.take(word), self.position >= self.text.count || !Self.isNameByte(self.text[self.position]) {
            return true
        }
        self.position = start
        return false
    }

    private mutating func bareName() throws(XPathFault) -> [UInt8] {
        let start = self.position
        while self.position < self.text.count, Self.isNameByte(self.text[self.position]) { self.position += 1 }
        guard self.position > start, !ASCII.isDigit(self.text[start]), self.text[start] != UInt8(ascii: "-"),
            self.text[start] != UInt8(ascii: ".")
        else { throw .syntax("name is missing") }
        return Array(self.text[start..<self.position])
    }

    private mutating func qualifiedName() throws(XPathFault) -> (prefix: [UInt8], name: [UInt8]) {
        let first = try self.bareName()
        guard self.peek(":"), !self.peek("::") else {
            if self.peek("::") { throw .syntax("axis that is not allowed") }
            return ([], first)
        }
        self.position += 1
        if self.take("*") { return (first, [UInt8(ascii: "*")]) }
        return (first, try self.bareName())
    }

    private static func isNameByte(_ byte: UInt8) -> Bool { XMLScanner.isNameByte(byte) || byte >= 0x80 }

    private func isDigit(at index: Int) -> Bool { index < self.text.count && ASCII.isDigit(self.text[index]) }

    private func peek(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.position + count <= self.text.count else { return false }
        return self.text[self.position..<self.position + count].equals(literal)
    }

    private mutating func take(_ literal: StaticString) -> Bool {
        guard self.peek(literal) else { return false }
        self.position += literal.utf8CodeUnitCount
        return true
    }

    private mutating func skipSpace() {
        while self.position < self.text.count, XMLScanner.isSpace(self.text[self.position]) { self.position += 1 }
    }
}
