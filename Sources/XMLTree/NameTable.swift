internal import Ground

/// The names and namespaces of a document: those of the vocabulary by their fixed numbers, the others by the order in
/// which they came.
struct NameTable: Sendable {
    /// A text of the document, as a slice of its storage.
    private struct Slice: Sendable {
        var start: UInt32
        var count: UInt32
        var hash: UInt32
    }

    let vocabulary: XMLVocabulary
    private var names: [Slice] = []
    private var namespaces: [Slice] = []
    /// Number of the name or namespace by hash, for documents with many; built when there are more than eight.
    private var nameIndex: [UInt32: [UInt16]] = [:]
    private var namespaceIndex: [UInt32: [UInt16]] = [:]

    init(_ vocabulary: XMLVocabulary) { self.vocabulary = vocabulary }

    /// How many names and namespaces the document has beyond its vocabulary.
    var extraCount: Int { self.names.count + self.namespaces.count }

    /// How many numbers of names are in use.
    var nameCount: Int { self.vocabulary.names.count + self.names.count }

    func name(_ number: UInt16, in storage: [UInt8]) -> Octets {
        let known = self.vocabulary.names.count
        if Int(number) < known { return self.vocabulary.names[Int(number)][...] }
        let slice = self.names[Int(number) - known]
        return storage[Int(slice.start)..<Int(slice.start + slice.count)]
    }

    func namespace(_ number: UInt16, in storage: [UInt8]) -> Octets {
        let known = self.vocabulary.namespaces.count
        if Int(number) < known { return self.vocabulary.namespaces[Int(number)][...] }
        let slice = self.namespaces[Int(number) - known]
        return storage[Int(slice.start)..<Int(slice.start + slice.count)]
    }

    func findName(_ bytes: UnsafeBufferPointer<UInt8>, in storage: [UInt8]) -> UInt16? {
        storage.withUnsafeBufferPointer { self.findName(bytes, hash: HashedNames.hash(bytes), in: $0) }
    }

    func findNamespace(_ bytes: UnsafeBufferPointer<UInt8>, in storage: [UInt8]) -> UInt16? {
        storage.withUnsafeBufferPointer { self.findNamespace(bytes, hash: HashedNames.hash(bytes), in: $0) }
    }

    func findName(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32, in storage: UnsafeBufferPointer<UInt8>
    ) -> UInt16? {
        if let known = self.vocabulary.name(bytes, hash: hash) { return known }
        guard
            let extra = Self.find(bytes, hash: hash, in: self.names, index: self.nameIndex, storage: storage)
        else { return nil }
        return UInt16(self.vocabulary.names.count + extra)
    }

    func findNamespace(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32, in storage: UnsafeBufferPointer<UInt8>
    ) -> UInt16? {
        if let known = self.vocabulary.namespace(bytes, hash: hash) { return known }
        guard
            let extra = Self.find(
                bytes, hash: hash, in: self.namespaces, index: self.namespaceIndex, storage: storage)
        else { return nil }
        return UInt16(self.vocabulary.namespaces.count + extra)
    }

    /// Adds a name that was not found. Nil when there are too many for a number of 16 bits.
    mutating func addName(start: Int, count: Int, hash: UInt32) -> UInt16? {
        let number = self.vocabulary.names.count + self.names.count
        guard number < Self.maximum else { return nil }
        Self.add(
            Slice(start: UInt32(start), count: UInt32(count), hash: hash), to: &self.names, index: &self.nameIndex)
        return UInt16(number)
    }

    /// Adds a namespace that was not found. Nil when there are too many for a number of 16 bits.
    mutating func addNamespace(start: Int, count: Int, hash: UInt32) -> UInt16? {
        let number = self.vocabulary.namespaces.count + self.namespaces.count
        guard number < Self.maximum else { return nil }
        Self.add(
            Slice(start: UInt32(start), count: UInt32(count), hash: hash), to: &self.namespaces,
            index: &self.namespaceIndex)
        return UInt16(number)
    }

    /// The numbers above serve other purposes, in ``XMLWriter`` for prefixes that it makes up.
    static let maximum = 0xFF00
    private static let linearLimit = 8

    private static func add(_ slice: Slice, to slices: inout [Slice], index: inout [UInt32: [UInt16]]) {
        slices.append(slice)
        if slices.count == Self.linearLimit + 1 {
            for (number, slice) in slices.enumerated() { index[slice.hash, default: []].append(UInt16(number)) }
        } else if slices.count > Self.linearLimit {
            index[slice.hash, default: []].append(UInt16(slices.count - 1))
        }
    }

    private static func find(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32, in slices: [Slice], index: [UInt32: [UInt16]],
        storage: UnsafeBufferPointer<UInt8>
    ) -> Int? {
        if slices.count <= Self.linearLimit {
            for (number, slice) in slices.enumerated()
            where slice.hash == hash && Self.matches(slice, bytes, storage) {
                return number
            }
            return nil
        }
        guard let candidates = index[hash] else { return nil }
        for number in candidates where Self.matches(slices[Int(number)], bytes, storage) { return Int(number) }
        return nil
    }

    private static func matches(
        _ slice: Slice, _ bytes: UnsafeBufferPointer<UInt8>, _ storage: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard slice.count == bytes.count else { return false }
        for index in 0..<bytes.count where storage[Int(slice.start) + index] != bytes[index] { return false }
        return true
    }
}
