/// A dense table: elements live side by side, a place that falls empty is used again, and a place is named by a
/// number of four bytes. A generation tells a new tenant from an old one.
///
/// An empty place holds the `vacant` element, so that reading a place copies nothing. It lives in this module and not
/// below it, because the compiler makes it fast only for types that it sees together with it.
package struct SlotTable<Element: Sendable>: Sendable {
    private var elements: ContiguousArray<Element> = []
    /// Odd while somebody lives at the place.
    private var generations: ContiguousArray<UInt32> = []
    private var free: [UInt32] = []
    private let vacant: Element
    private var occupied = 0

    /// - Parameter vacant: stands in empty places; best one that owns no memory.
    package init(vacant: Element) { self.vacant = vacant }

    /// How many elements there are.
    package var count: Int { self.occupied }

    /// Puts an element into the table and says where it is.
    package mutating func insert(_ element: Element) -> UInt32 {
        self.occupied += 1
        if let place = self.free.popLast() {
            self.elements[Int(place)] = element
            self.generations[Int(place)] &+= 1
            return place
        }
        precondition(self.elements.count < Int(UInt32.max), "a table has fewer places than 32 bits can name")
        self.elements.append(element)
        self.generations.append(1)
        return UInt32(truncatingIfNeeded: self.elements.count - 1)
    }

    /// Takes the element out. Nothing happens if the place is empty.
    package mutating func remove(_ place: UInt32) {
        guard self.contains(place) else { return }
        self.elements[Int(place)] = self.vacant
        self.generations[Int(place)] &+= 1
        self.free.append(place)
        self.occupied -= 1
    }

    /// Whether somebody lives there.
    package func contains(_ place: UInt32) -> Bool {
        Int(place) < self.generations.count && self.generations[Int(place)] & 1 == 1
    }

    /// The generation of a place: it changes whenever an element comes or leaves.
    package func generation(of place: UInt32) -> UInt32 { self.generations[Int(place)] }

    /// Whether the tenant that was there at that generation is still there.
    package func contains(_ place: UInt32, generation: UInt32) -> Bool {
        self.contains(place) && self.generations[Int(place)] == generation
    }

    /// The element at a place that holds one.
    package subscript(place: UInt32) -> Element {
        _read {
            precondition(self.generations[Int(place)] & 1 == 1, "an empty place was read")
            yield self.elements[Int(place)]
        }
        _modify {
            precondition(self.generations[Int(place)] & 1 == 1, "an empty place was changed")
            yield &self.elements[Int(place)]
        }
    }

    /// The places that are not empty, in order.
    package var places: [UInt32] {
        self.generations.indices.compactMap { self.generations[$0] & 1 == 1 ? UInt32($0) : nil }
    }
}
