// Names, namespaces and bytes: what the scanner is made of.
extension XMLScanner {
    /// The namespace that a prefix stands for here.
    @inline(__always)
    func binding(_ prefix: UInt16) throws(Stop) -> UInt16 {
        guard Int(prefix) < self.bindings.count, self.bindings[Int(prefix)] != XMLVocabulary.undefined else {
            throw .irregular
        }
        return self.bindings[Int(prefix)]
    }

    mutating func bind(_ prefix: UInt16, to namespace: UInt16, at element: Int32) {
        while Int(prefix) >= self.bindings.count { self.bindings.append(XMLVocabulary.undefined) }
        if self.undo.isEmpty { self.undo.reserveCapacity(8) }
        self.undo.append(Rebinding(element: element, prefix: prefix, namespace: self.bindings[Int(prefix)]))
        self.bindings[Int(prefix)] = namespace
    }

    /// A name of ASCII letters, digits, `-`, `.` and `_`, without a colon.
    @inline(__always)
    mutating func bareName() throws(Stop) -> (start: Int, count: Int) {
        let start = self.position
        guard Self.isNameStart(self.source[start]) else { throw .irregular }
        var cursor = start
        while true {
            let others = ~Self.nameBytes(in: self.source.word(at: cursor)) & Self.highBits
            guard others == 0 else {
                cursor += others.trailingZeroBitCount &>> 3
                break
            }
            cursor += 8
        }
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

    @inline(__always)
    mutating func intern(_ name: (start: Int, count: Int)) throws(Stop) -> UInt16 {
        let key = NameKey(self.source, start: name.start, count: name.count)
        if let known = self.knownNames.find(key, in: self.source, at: name.start) { return known }
        return try self.internExtra(name, key)
    }

    private mutating func internExtra(_ name: (start: Int, count: Int), _ key: NameKey) throws(Stop) -> UInt16 {
        let bytes = self.source.bytes(name.start, name.count)
        if let met = self.table.findExtraName(bytes, hash: key.hash, in: self.source.bytes) { return met }
        guard self.table.extraCount < self.limits.names,
            let number = self.table.addName(start: name.start, count: name.count, hash: key.hash)
        else { throw .overLimit("too many names") }
        return number
    }

    mutating func internNamespace(start: Int, count: Int) throws(Stop) -> UInt16 {
        // A namespace name with a reference in it is legal and never seen.
        guard start < self.source.count else { throw .irregular }
        let key = NameKey(self.source, start: start, count: count)
        if let known = self.knownNamespaces.find(key, in: self.source, at: start) { return known }
        let bytes = self.source.bytes(start, count)
        if let met = self.table.findExtraNamespace(bytes, hash: key.hash, in: self.source.bytes) { return met }
        guard Self.isPlainURI(bytes) else { throw .irregular }
        guard self.table.extraCount < self.limits.names,
            let number = self.table.addNamespace(start: start, count: count, hash: key.hash)
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

    /// Moves on to the next byte that is not plain text: `<`, `&`, a control character, or another one that is asked
    /// for. It looks at eight bytes at a time; characters of several bytes are checked where they stand.
    @inline(__always)
    mutating func skipPlain(and other: UInt8) throws(Stop) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let others = ones &* UInt64(other)
        while true {
            let word = self.source.word(at: self.position)
            // The highest bit of a byte is set in the first term for `<`, in the second for `&`, and so on. A false
            // one can only come after a true one, of which the first is taken.
            let found =
                ((word ^ (ones &* 0x3C)) &- ones) | ((word ^ (ones &* 0x26)) &- ones) | ((word ^ others) &- ones)
                | (word &- (ones &* 0x20)) | word
            let marks = found & (ones &* 0x80)
            guard marks != 0 else {
                self.position += 8
                continue
            }
            self.position += marks.trailingZeroBitCount &>> 3
            guard self.source[self.position] >= 0x80 else { return }
            try self.skipCharacters()
        }
    }

    /// Moves behind characters of several bytes.
    mutating func skipCharacters() throws(Stop) {
        repeat {
            let length = UTF8Check.length(at: self.position, in: self.source.bytes)
            guard length > 0 else { throw .irregular }
            self.position += length
        } while self.source[self.position] >= 0x80
    }

    func matches(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.position + count <= self.source.count else { return false }
        return self.source.starts(
            at: self.position, with: UnsafeRawBufferPointer(start: literal.utf8Start, count: count))
    }

    mutating func take(_ literal: StaticString) -> Bool {
        guard self.matches(literal) else { return false }
        self.position += literal.utf8CodeUnitCount
        return true
    }

    /// Returns whether there was any.
    @inline(__always) @discardableResult
    mutating func skipSpace() -> Bool {
        let start = self.position
        while Self.isSpace(self.source[self.position]) { self.position += 1 }
        return self.position > start
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Which of eight bytes a name may have: their highest bits are set, as ``isNameByte(_:)`` says of one.
    ///
    /// Adding to seven bits what a bound lacks to 0x80 carries into the highest bit from the bound on.
    @inline(__always)
    static func nameBytes(in word: UInt64) -> UInt64 {
        func from(_ bound: UInt64, _ sevenBits: UInt64) -> UInt64 {
            sevenBits &+ (0x80 &- bound) &* 0x0101_0101_0101_0101
        }
        let plain = word & ~Self.highBits
        let lower = plain | 0x2020_2020_2020_2020
        let letters = from(0x61, lower) & ~from(0x7B, lower)
        // `-`, `.`, then `/`, which is none, then the digits.
        let digits = from(0x2D, plain) & ~from(0x3A, plain) & (from(0x30, plain) | ~from(0x2F, plain))
        let underscores = from(0x5F, plain) & ~from(0x60, plain)
        return (letters | digits | underscores) & ~word
    }

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

    func isXMLIgnoringCase(_ start: Int) -> Bool {
        self.source[start] | 0x20 == 0x78 && self.source[start + 1] | 0x20 == 0x6D
            && self.source[start + 2] | 0x20 == 0x6C
    }
}
