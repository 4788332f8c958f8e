/// A claim on an answer that is still to come: a core hands it out with a question and gets it back with the answer.
package struct Ticket: Hashable, Sendable {
    package let number: UInt64

    package init(number: UInt64) { self.number = number }
}

/// Hands out tickets that were never handed out before.
package struct TicketCounter: Sendable {
    private var last: UInt64 = 0

    package init() {}

    package mutating func next() -> Ticket {
        self.last &+= 1
        return Ticket(number: self.last)
    }
}
