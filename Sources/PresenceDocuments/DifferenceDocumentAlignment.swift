internal import Ground
internal import XMLTree

/// Which things stay.
extension TreeDifference {
    /// Finds the things that stay, in order: those that are equal first, then those that can be made equal.
    func align(_ left: Siblings, _ right: Siblings, isProlog: Bool) -> [Pair] {
        let mine = left.things
        let theirs = right.things
        if isProlog {
            // The root element stays the root element, whatever becomes of it.
            guard let one = mine.firstIndex(where: { $0.kind == .element }),
                let other = theirs.firstIndex(where: { $0.kind == .element })
            else { return [] }
            return self.align(mine, theirs, 0..<one, 0..<other) + [Pair(old: one, new: other)]
                + self.align(mine, theirs, (one + 1)..<mine.count, (other + 1)..<theirs.count)
        }
        return self.align(mine, theirs, 0..<mine.count, 0..<theirs.count)
    }

    private func align(
        _ mine: [Siblings.Thing], _ theirs: [Siblings.Thing], _ old: Range<Int>, _ new: Range<Int>
    ) -> [Pair] {
        var pairs: [Pair] = []
        var low = (old: old.lowerBound, new: new.lowerBound)
        var high = (old: old.upperBound, new: new.upperBound)
        while low.old < high.old, low.new < high.new, mine[low.old].digest == theirs[low.new].digest {
            pairs.append(Pair(old: low.old, new: low.new))
            low = (low.old + 1, low.new + 1)
        }
        var tail: [Pair] = []
        while high.old > low.old, high.new > low.new, mine[high.old - 1].digest == theirs[high.new - 1].digest {
            high = (high.old - 1, high.new - 1)
            tail.append(Pair(old: high.old, new: high.new))
        }
        var position = low
        for pair in self.common(mine, theirs, low.old..<high.old, low.new..<high.new) + [
            Pair(old: high.old, new: high.new)
        ] {
            pairs += self.similar(mine, theirs, position.old..<pair.old, position.new..<pair.new)
            if pair.old < high.old { pairs.append(pair) }
            position = (pair.old + 1, pair.new + 1)
        }
        return pairs + tail.reversed()
    }

    /// The longest common sequence of equal things; where finding it would cost too much, one of those things only
    /// that stand once on either side.
    private func common(
        _ mine: [Siblings.Thing], _ theirs: [Siblings.Thing], _ old: Range<Int>, _ new: Range<Int>
    ) -> [Pair] {
        let (rows, columns) = (old.count, new.count)
        guard rows > 0, columns > 0 else { return [] }
        guard rows <= Self.comparisons / columns else { return Self.anchors(mine, theirs, old, new) }
        let width = columns + 1
        var lengths = [Int32](repeating: 0, count: (rows + 1) * width)
        for row in stride(from: rows - 1, through: 0, by: -1) {
            let digest = mine[old.lowerBound + row].digest
            for column in stride(from: columns - 1, through: 0, by: -1) {
                let place = row * width + column
                lengths[place] =
                    digest == theirs[new.lowerBound + column].digest
                    ? lengths[place + width + 1] + 1 : max(lengths[place + width], lengths[place + 1])
            }
        }
        var pairs: [Pair] = []
        var (row, column) = (0, 0)
        while row < rows, column < columns {
            let place = row * width + column
            if mine[old.lowerBound + row].digest == theirs[new.lowerBound + column].digest {
                pairs.append(Pair(old: old.lowerBound + row, new: new.lowerBound + column))
                (row, column) = (row + 1, column + 1)
            } else if lengths[place + width] >= lengths[place + 1] {
                row += 1
            } else {
                column += 1
            }
        }
        return pairs
    }

    /// The longest sequence, in the order of both sides, of things that are there once on either side.
    private static func anchors(
        _ mine: [Siblings.Thing], _ theirs: [Siblings.Thing], _ old: Range<Int>, _ new: Range<Int>
    ) -> [Pair] {
        var places: [UInt64: Int] = [:]
        for index in new { places[theirs[index].digest] = places[theirs[index].digest] == nil ? index : -1 }
        var seen: [UInt64: Int] = [:]
        for index in old { seen[mine[index].digest, default: 0] += 1 }
        // The best sequence of each length ends with this pair, and each pair knows the one before it.
        var ends: [Int] = []
        var pairs: [(pair: Pair, previous: Int)] = []
        for index in old where seen[mine[index].digest] == 1 {
            guard let other = places[mine[index].digest], other >= 0 else { continue }
            var low = 0
            var high = ends.count
            while low < high {
                let middle = (low + high) / 2
                if pairs[ends[middle]].pair.new < other { low = middle + 1 } else { high = middle }
            }
            pairs.append((Pair(old: index, new: other), low > 0 ? ends[low - 1] : -1))
            if low < ends.count { ends[low] = pairs.count - 1 } else { ends.append(pairs.count - 1) }
        }
        var sequence: [Pair] = []
        var cursor = ends.last ?? -1
        while cursor >= 0 {
            sequence.append(pairs[cursor].pair)
            cursor = pairs[cursor].previous
        }
        return sequence.reversed()
    }

    /// Things in a gap that are the same ones with other content: by what names them, else by their number.
    private func similar(
        _ mine: [Siblings.Thing], _ theirs: [Siblings.Thing], _ old: Range<Int>, _ new: Range<Int>
    ) -> [Pair] {
        guard !old.isEmpty, !new.isEmpty, old.count <= 10_000 / new.count else { return [] }
        var pairs: [Pair] = []
        var next = new.lowerBound
        for index in old {
            guard let name = self.old.identifyingValue(of: mine[index].id) else { continue }
            let match = (next..<new.upperBound).first { other in
                self.new.identifyingValue(of: theirs[other].id) == name
                    && self.canDescend(mine[index].id, theirs[other].id)
            }
            guard let match else { continue }
            pairs.append(Pair(old: index, new: match))
            next = match + 1
        }
        if pairs.isEmpty, old.count == new.count {
            for (index, other) in zip(old, new) where self.canDescend(mine[index].id, theirs[other].id) {
                pairs.append(Pair(old: index, new: other))
            }
        }
        return pairs
    }
}

extension XMLDocument {
    /// The attribute that says which of several elements one is, with its value; nil without one.
    fileprivate func identifyingValue(of id: NodeID) -> Octets? {
        guard self[id].kind == .element else { return nil }
        for name in ["id", "uri", "name", "ref", "anchor"] as [StaticString] {
            let bytes = name.withUTF8Buffer { Array($0) }
            guard let number = self.nameNumber(bytes[...]) else { continue }
            let attribute = self.attribute(number, of: id)
            if attribute >= 0 { return self.value(attribute) }
        }
        return nil
    }
}
