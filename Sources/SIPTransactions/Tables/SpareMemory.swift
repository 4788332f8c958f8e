/// Memory of requests that are done with, for those that come next. A request is larger than what the allocator keeps at
/// hand, so that a new one would cost a search each time; and memory that was used a moment ago is still near.
struct SpareMemory: Sendable {
    /// How many pieces are kept at most.
    private static let pieces = 128
    /// The largest piece that is kept, in bytes: what a short request takes over stays with it until it is answered.
    private static let largest = 4096

    private var spares: [[UInt8]] = []

    /// Keeps the memory of an array that nobody else needs. If somebody does, no harm is done: then the memory is not
    /// used again.
    mutating func keep(_ bytes: consuming [UInt8]) {
        guard self.spares.count < Self.pieces, bytes.capacity <= Self.largest else { return }
        self.spares.append(bytes)
    }

    /// A piece of memory, as an array with any content; an empty one if none is kept.
    mutating func take() -> [UInt8] { self.spares.popLast() ?? [] }
}
