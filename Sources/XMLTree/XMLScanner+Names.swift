// Names, namespaces and bytes: what the scanner is made of.
extension XMLScanner {
    func binding(_ prefix: UInt16) -> UInt16? {
        guard Int(prefix) < self.bindings.count else { return nil }
        let namespace = self.bindings[Int(prefix)]
        return namespace == XMLVocabulary.undefined ? nil : namespace
    }

    mutating func bind(_ prefix: UInt16, to namespace: UInt16) {
        while Int(prefix) >= self.bindings.count { self.bindings.append(XMLVocabulary.undefined) }
        self.undo.append((prefix, self.bindings[Int(prefix)]))
        self.bindings[Int(prefix)] = namespace
    }

    mutating func restore(to mark: Int) {
        while self.undo.count > mark, let last = self.undo.popLast() {
            self.bindings[Int(last.prefix)] = last.namespace
        }
    }

    /// A name of ASCII letters, digits, `-`, `.` and `_`, without a colon.
    mutating func bareName() throws(Stop) -> (start: Int, count: Int) {
        let start = self.position
        guard start < self.source.count, Self.isNameStart(self.source[start]) else { throw .irregular }
        var cursor = start + 1
        while cursor < self.source.count, Self.isNameByte(self.source[cursor]) { cursor += 1 }
        guard cursor < self.source.count, self.source[cursor] < 0x80 else { throw .irregular }
        guard cursor - start <= self.limits.nameBytes else { throw .overLimit("name too long") }
        self.position = cursor
        return (start, cursor - start)
    }

    mutating func qualifiedName() throws(Stop) -> (prefix: UInt16, name: UInt16) {
        let first = try self.bareName()
        guard self.source[self.position] == UInt8(ascii: ":") else {
            return (XMLVocabulary.noName, try self.intern(first))
        }
        self.position += 1
        let local = try self.bareName()
        guard self.source[self.position] != UInt8(ascii: ":") else { throw .irregular }
        return (try self.intern(first), try self.intern(local))
    }

    mutating func intern(_ name: (start: Int, count: Int)) throws(Stop) -> UInt16 {
        let bytes = UnsafeBufferPointer(rebasing: self.source[name.start..<name.start + name.count])
        let hash = HashedNames.hash(bytes)
        if let known = self.table.findName(bytes, hash: hash, in: self.source) { return known }
        guard self.table.extraCount < self.limits.names,
            let number = self.table.addName(start: name.start, count: name.count, hash: hash)
        else { throw .overLimit("too many names") }
        return number
    }

    mutating func internNamespace(start: Int, count: Int) throws(Stop) -> UInt16 {
        // A namespace name with a reference in it is legal and never seen.
        guard start < self.source.count else { throw .irregular }
        let bytes = UnsafeBufferPointer(rebasing: self.source[start..<start + count])
        let hash = HashedNames.hash(bytes)
        if let known = self.table.findNamespace(bytes, hash: hash, in: self.source) { return known }
        guard Self.isPlainURI(bytes) else { throw .irregular }
        guard self.table.extraCount < self.limits.names,
            let number = self.table.addNamespace(start: start, count: count, hash: hash)
        else { throw .overLimit("too many namespaces") }
        return number
    }

    /// Whether a namespace name is a URI that needs no closer look; others are for libxml2 to judge.
    static func isPlainURI(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = bytes.first else { return true }
        guard (first | 0x20) &- 0x61 < 26 else { return false }
        var sawColon = false
        for byte in bytes {
            if byte == UInt8(ascii: ":") { sawColon = true }
            // What stands before the first colon is a scheme, or there is none.
            if (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: ":")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            {
                continue
            }
            guard sawColon, byte == UInt8(ascii: "/") || byte == UInt8(ascii: "_") else { return false }
        }
        return !Self.hasAuthority(bytes)
    }

    /// `scheme://authority` has rules for ports, which are left to libxml2 where there is a colon in it.
    static func hasAuthority(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon + 2 < bytes.count,
            bytes[colon + 1] == UInt8(ascii: "/"), bytes[colon + 2] == UInt8(ascii: "/")
        else { return false }
        return bytes[(colon + 1)...].contains(UInt8(ascii: ":")) || colon + 3 == bytes.count
    }

    // MARK: Bytes

    func matches(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.position + count <= self.source.count else { return false }
        let text = literal.utf8Start
        for index in 0..<count where self.source[self.position + index] != text[index] { return false }
        return true
    }

    mutating func take(_ literal: StaticString) -> Bool {
        guard self.matches(literal) else { return false }
        self.position += literal.utf8CodeUnitCount
        return true
    }

    /// Returns whether there was any.
    @discardableResult
    mutating func skipSpace() -> Bool {
        let start = self.position
        while self.position < self.source.count, Self.isSpace(self.source[self.position]) { self.position += 1 }
        return self.position > start
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    @inline(__always)
    static func isNameStart(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") }

    @inline(__always)
    static func isNameByte(_ byte: UInt8) -> Bool {
        Self.isNameStart(byte) || byte &- 0x30 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        let lower = byte | 0x20
        return lower &- 0x61 < 6 ? lower &- 0x61 &+ 10 : nil
    }

    static func isXMLIgnoringCase(_ source: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        source[start] | 0x20 == 0x78 && source[start + 1] | 0x20 == 0x6D && source[start + 2] | 0x20 == 0x6C
    }
}
