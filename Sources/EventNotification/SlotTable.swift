/// A dense table: elements live side by side, a place that falls empty is used again, and a place is named by a
/// number of four bytes. A generation tells a new tenant from an old one.
package struct SlotTable<Element: Sendable>: Sendable {
    private var elements: [Element?] = []
    private var generations: [UInt32] = []
    private var free: [UInt32] = []
    /// How many elements there are.
    package private(set) var count = 0

    package init() {}

    /// Puts an element into the table and says where it is.
    package mutating func insert(_ element: Element) -> UInt32 {
        self.count += 1
        if let place = self.free.popLast() {
            self.elements[Int(place)] = element
            return place
        }
        precondition(self.elements.count < Int(UInt32.max), "a table has fewer places than 32 bits can name")
        self.elements.append(element)
        self.generations.append(0)
        return UInt32(self.elements.count - 1)
    }

    /// Takes the element out. Nothing happens if the place is empty.
    package mutating func remove(_ place: UInt32) {
        guard Int(place) < self.elements.count, self.elements[Int(place)] != nil else { return }
        self.elements[Int(place)] = nil
        self.generations[Int(place)] &+= 1
        self.free.append(place)
        self.count -= 1
    }

    /// Whether somebody lives there.
    package func contains(_ place: UInt32) -> Bool {
        Int(place) < self.elements.count && self.elements[Int(place)] != nil
    }

    /// The generation of a place: it changes whenever an element leaves.
    package func generation(of place: UInt32) -> UInt32 { self.generations[Int(place)] }

    /// Whether the tenant that was there at that generation is still there.
    package func contains(_ place: UInt32, generation: UInt32) -> Bool {
        self.contains(place) && self.generations[Int(place)] == generation
    }

    /// The element at a place that holds one.
    package subscript(place: UInt32) -> Element {
        _read {
            precondition(self.elements[Int(place)] != nil, "an empty place was read")
            yield self.elements[Int(place)]!
        }
        _modify {
            precondition(self.elements[Int(place)] != nil, "an empty place was changed")
            yield &self.elements[Int(place)]!
        }
    }

    /// The places that are not empty, in order.
    package var places: [UInt32] {
        self.elements.indices.compactMap { self.elements[$0] == nil ? nil : UInt32($0) }
    }
}
