/// The names and namespaces of a document: those of the vocabulary by their fixed numbers, the others by the order in
/// which they came.
struct NameTable: Sendable {
    /// A text of the document, as a slice of its storage.
    private struct Slice: Sendable {
        var start: UInt32
        var count: UInt32
        var hash: UInt32
    }

    /// The texts of one kind that the vocabulary does not know.
    private struct Extras: Sendable {
        var slices: [Slice] = []
        /// Their numbers by hash, for documents with many; built when there are more than ``linearLimit``.
        var index: [UInt32: [UInt16]] = [:]

        static let linearLimit = 8

        mutating func add(_ slice: Slice) {
            self.slices.append(slice)
            if self.slices.count == Self.linearLimit + 1 {
                for (number, slice) in self.slices.enumerated() {
                    self.index[slice.hash, default: []].append(UInt16(number))
                }
            } else if self.slices.count > Self.linearLimit {
                self.index[slice.hash, default: []].append(UInt16(self.slices.count - 1))
            }
        }

        func find(
            _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32, storage: UnsafeBufferPointer<UInt8>
        ) -> Int? {
            if self.slices.count <= Self.linearLimit {
                return self.slices.firstIndex { $0.hash == hash && Self.matches($0, bytes, storage) }
            }
            guard let candidates = self.index[hash] else { return nil }
            for number in candidates where Self.matches(self.slices[Int(number)], bytes, storage) {
                return Int(number)
            }
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

    let vocabulary: XMLVocabulary
    /// What the vocabulary does not know: nothing, or names and namespaces. Most documents have none of either, and
    /// hold and copy one reference here instead of four.
    private var extras: [(names: Extras, namespaces: Extras)] = []

    init(_ vocabulary: XMLVocabulary) { self.vocabulary = vocabulary }

    /// How many names and namespaces the document has beyond its vocabulary.
    var extraCount: Int {
        guard let extras = self.extras.first else { return 0 }
        return extras.names.slices.count + extras.namespaces.slices.count
    }

    /// How many numbers of names are in use.
    var nameCount: Int { self.vocabulary.names.count + (self.extras.first?.names.slices.count ?? 0) }

    func name(_ number: UInt16, in storage: [UInt8]) -> ArraySlice<UInt8> {
        let known = self.vocabulary.names.count
        if Int(number) < known { return self.vocabulary.names[Int(number)][...] }
        let slice = self.extras[0].names.slices[Int(number) - known]
        return storage[Int(slice.start)..<Int(slice.start + slice.count)]
    }

    func namespace(_ number: UInt16, in storage: [UInt8]) -> ArraySlice<UInt8> {
        let known = self.vocabulary.namespaces.count
        if Int(number) < known { return self.vocabulary.namespaces[Int(number)][...] }
        let slice = self.extras[0].namespaces.slices[Int(number) - known]
        return storage[Int(slice.start)..<Int(slice.start + slice.count)]
    }

    func findName(_ bytes: ArraySlice<UInt8>, in storage: [UInt8]) -> UInt16? {
        Self.lookUp(bytes, in: storage) { text, key, bytes, storage in
            self.vocabulary.nameTable.read { $0.find(key, in: text, at: 0) }
                ?? self.findExtraName(bytes, hash: key.hash, in: storage)
        }
    }

    func findNamespace(_ bytes: ArraySlice<UInt8>, in storage: [UInt8]) -> UInt16? {
        Self.lookUp(bytes, in: storage) { text, key, bytes, storage in
            self.vocabulary.namespaceTable.read { $0.find(key, in: text, at: 0) }
                ?? self.findExtraNamespace(bytes, hash: key.hash, in: storage)
        }
    }

    private static func lookUp(
        _ bytes: ArraySlice<UInt8>, in storage: [UInt8],
        _ find: (PaddedText, NameKey, UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> UInt16?
    ) -> UInt16? {
        bytes.withUnsafeBufferPointer { bytes in
            storage.withUnsafeBufferPointer { storage in
                PaddedText.copying(bytes) { find($0, NameKey($0, start: 0, count: bytes.count), bytes, storage) }
            }
        }
    }

    /// The number of a name that the vocabulary does not know.
    func findExtraName(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32, in storage: UnsafeBufferPointer<UInt8>
    ) -> UInt16? {
        guard let number = self.extras.first?.names.find(bytes, hash: hash, storage: storage) else { return nil }
        return UInt16(self.vocabulary.names.count + number)
    }

    /// The number of a namespace that the vocabulary does not know.
    func findExtraNamespace(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32, in storage: UnsafeBufferPointer<UInt8>
    ) -> UInt16? {
        guard let number = self.extras.first?.namespaces.find(bytes, hash: hash, storage: storage) else { return nil }
        return UInt16(self.vocabulary.namespaces.count + number)
    }

    /// Adds a name that was not found. Nil when there are too many for a number of 16 bits.
    mutating func addName(start: Int, count: Int, hash: UInt32) -> UInt16? {
        if self.extras.isEmpty { self.extras.append((Extras(), Extras())) }
        let number = self.vocabulary.names.count + self.extras[0].names.slices.count
        guard number < Self.maximum else { return nil }
        self.extras[0].names.add(Slice(start: UInt32(start), count: UInt32(count), hash: hash))
        return UInt16(number)
    }

    /// Adds a namespace that was not found. Nil when there are too many for a number of 16 bits.
    mutating func addNamespace(start: Int, count: Int, hash: UInt32) -> UInt16? {
        if self.extras.isEmpty { self.extras.append((Extras(), Extras())) }
        let number = self.vocabulary.namespaces.count + self.extras[0].namespaces.slices.count
        guard number < Self.maximum else { return nil }
        self.extras[0].namespaces.add(Slice(start: UInt32(start), count: UInt32(count), hash: hash))
        return UInt16(number)
    }

    /// Adds a name that lies at the end of the storage.
    mutating func addName(_ bytes: ArraySlice<UInt8>, start: Int) -> UInt16? {
        self.addName(start: start, count: bytes.count, hash: Self.hash(bytes))
    }

    /// Adds a namespace that lies at the end of the storage.
    mutating func addNamespace(_ bytes: ArraySlice<UInt8>, start: Int) -> UInt16? {
        self.addNamespace(start: start, count: bytes.count, hash: Self.hash(bytes))
    }

    private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBufferPointer { bytes in
            PaddedText.copying(bytes) { NameKey($0, start: 0, count: bytes.count).hash }
        }
    }

    /// The numbers above serve other purposes, in ``XMLWriter`` for prefixes that it makes up.
    static let maximum = 0xFF00
}
