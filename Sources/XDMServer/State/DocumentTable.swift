internal import Ground

/// All documents by their selectors, and whose they are.
struct DocumentTable: Sendable {
    /// The documents of one user.
    private struct Home: Sendable {
        /// Selectors in the order of their bytes.
        var selectors: [[UInt8]] = []
        var bytes = 0
    }

    private var records: [[UInt8]: DocumentRecord] = [:]
    private var homes: [[UInt8]: Home] = [:]
    /// Bytes of all documents.
    private(set) var bytes = 0

    /// The number of documents.
    var count: Int { self.records.count }
    /// The number of users who have one.
    var ownerCount: Int { self.homes.count }
    /// Everybody who has a document.
    var owners: some Sequence<[UInt8]> { self.homes.keys }

    subscript(_ selector: [UInt8]) -> DocumentRecord? { self.records[selector] }

    /// The documents of a user, in the order of their selectors.
    func documents(of owner: [UInt8]) -> [DocumentRecord] {
        self.homes[owner]?.selectors.compactMap { self.records[$0] } ?? []
    }

    /// How many documents a user has, and how large they are together.
    func use(of owner: [UInt8]) -> (documents: Int, bytes: Int) {
        guard let home = self.homes[owner] else { return (0, 0) }
        return (home.selectors.count, home.bytes)
    }

    /// Whether a user has a document.
    func isOwner(_ owner: [UInt8]) -> Bool { self.homes[owner] != nil }

    /// Inserts a document, or replaces the one with its selector. Returns what stood there.
    @discardableResult
    mutating func put(_ record: DocumentRecord) -> DocumentRecord? {
        let previous = self.records.updateValue(record, forKey: record.selector)
        let growth = record.body.count - (previous?.body.count ?? 0)
        self.bytes += growth
        var home = self.homes.removeValue(forKey: record.owner) ?? Home()
        home.bytes += growth
        if previous == nil { home.selectors.insert(record.selector, at: Self.place(of: record.selector, in: home)) }
        self.homes[record.owner] = home
        return previous
    }

    /// Removes a document. Returns what stood there.
    @discardableResult
    mutating func remove(_ selector: [UInt8]) -> DocumentRecord? {
        guard let previous = self.records.removeValue(forKey: selector) else { return nil }
        self.bytes -= previous.body.count
        var home = self.homes.removeValue(forKey: previous.owner) ?? Home()
        home.bytes -= previous.body.count
        let place = Self.place(of: selector, in: home)
        if place < home.selectors.count, home.selectors[place] == selector { home.selectors.remove(at: place) }
        if !home.selectors.isEmpty { self.homes[previous.owner] = home }
        return previous
    }

    /// The number of selectors of a home that come before one.
    private static func place(of selector: [UInt8], in home: Home) -> Int {
        var low = 0
        var high = home.selectors.count
        while low < high {
            let middle = (low + high) / 2
            if home.selectors[middle].lexicographicallyPrecedes(selector) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
