/// The nodes of a document that is being read: they may be changed without asking each time who else holds them.
struct NodeBuilder: ~Copyable {
    private var start: UnsafeMutablePointer<XMLDocument.Node>
    private var capacity: Int
    /// How many nodes there are.
    private(set) var count = 0

    /// - Parameter capacity: how many nodes are expected; more are possible.
    init(expecting capacity: Int) {
        self.capacity = max(capacity, 1)
        self.start = .allocate(capacity: self.capacity)
    }

    deinit { self.start.deallocate() }

    /// Adds a node and returns its number.
    @inline(__always)
    mutating func append(_ node: XMLDocument.Node) -> Int32 {
        if self.count == self.capacity { self.grow() }
        (self.start + self.count).initialize(to: node)
        self.count += 1
        return Int32(truncatingIfNeeded: self.count - 1)
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<XMLDocument.Node>.allocate(capacity: self.capacity * 2)
        larger.moveInitialize(from: self.start, count: self.count)
        self.start.deallocate()
        self.start = larger
        self.capacity *= 2
    }

    /// A node by its number.
    subscript(id: Int32) -> XMLDocument.Node {
        @inline(__always) get { self.start[self.checked(id)] }
        @inline(__always) _modify { yield &self.start[self.checked(id)] }
    }

    @inline(__always)
    private func checked(_ id: Int32) -> Int {
        precondition(id >= 0 && Int(id) < self.count, "a node that was added")
        return Int(id)
    }

    /// The nodes as an array that has no room to spare.
    var array: [XMLDocument.Node] {
        var array: [XMLDocument.Node] = []
        array.reserveCapacity(self.count)
        array.append(contentsOf: UnsafeBufferPointer(start: self.start, count: self.count))
        return array
    }
}
