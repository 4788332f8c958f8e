import Ground

/// One datagram.
package struct Datagram: Sendable {
    package let source: Endpoint
    package let destination: Endpoint
    package let bytes: [UInt8]

    package init(source: Endpoint, destination: Endpoint, bytes: [UInt8]) {
        self.source = source
        self.destination = destination
        self.bytes = bytes
    }
}

/// How a network treats what is sent through it. Shares are in thousandths.
package struct NetworkConditions: Sendable {
    /// How many datagrams are lost.
    package var loss: UInt64
    /// How many arrive twice.
    package var duplication: UInt64
    /// How many take up to ``longestDelay``; the others take up to ``usualDelay``, so that they overtake them.
    package var stragglers: UInt64
    package var shortestDelay: Duration
    package var usualDelay: Duration
    package var longestDelay: Duration

    package init(
        loss: UInt64 = 0, duplication: UInt64 = 0, stragglers: UInt64 = 0, shortestDelay: Duration = .zero,
        usualDelay: Duration = .zero, longestDelay: Duration = .zero
    ) {
        self.loss = loss
        self.duplication = duplication
        self.stragglers = stragglers
        self.shortestDelay = shortestDelay
        self.usualDelay = usualDelay
        self.longestDelay = longestDelay
    }

    /// Everything arrives at once and in order: what golden ladders are drawn on.
    package static let perfect = NetworkConditions()

    /// Everything arrives, after a few milliseconds.
    package static let calm = NetworkConditions(shortestDelay: .milliseconds(1), usualDelay: .milliseconds(8))
}

/// A network of datagrams in virtual time: it drops, delays, doubles and reorders, all by chance from one seed.
package struct SimulatedNetwork: Sendable {
    private struct Flight: Sendable {
        let at: Instant
        let number: UInt64
        let datagram: Datagram
    }

    private var chance: Entropy
    /// Sorted, the next one last.
    private var flights: [Flight] = []
    private var sent: UInt64 = 0
    package var conditions: NetworkConditions
    /// How many datagrams were lost.
    package private(set) var lost: UInt64 = 0

    package init(seed: UInt64, conditions: NetworkConditions = .perfect) {
        self.chance = .seeded(seed)
        self.conditions = conditions
    }

    /// How many datagrams were sent.
    package var sentCount: UInt64 { self.sent }
    /// How many datagrams are on their way.
    package var flyingCount: Int { self.flights.count }
    /// When the next one arrives.
    package var next: Instant? { self.flights.last?.at }

    /// Sends a datagram.
    ///
    /// - Returns: whether the network carries it; false for one that is lost.
    @discardableResult
    package mutating func send(_ datagram: Datagram, at now: Instant) -> Bool {
        let isLost = self.happens(self.conditions.loss)
        if isLost {
            self.lost += 1
        } else {
            self.launch(datagram, at: now)
        }
        if self.happens(self.conditions.duplication) { self.launch(datagram, at: now) }
        return !isLost
    }

    /// The next datagram that has arrived by now.
    package mutating func popDue(at now: Instant) -> Datagram? {
        guard let last = self.flights.last, last.at <= now else { return nil }
        self.flights.removeLast()
        return last.datagram
    }

    /// Loses everything on its way that a condition holds for.
    package mutating func lose(where condition: (Datagram) -> Bool) {
        self.flights.removeAll { condition($0.datagram) }
    }

    private mutating func happens(_ share: UInt64) -> Bool { share > 0 && self.chance.next(below: 1000) < share }

    private mutating func launch(_ datagram: Datagram, at now: Instant) {
        let longest =
            self.happens(self.conditions.stragglers) ? self.conditions.longestDelay : self.conditions.usualDelay
        let span = longest.wholeNanoseconds - self.conditions.shortestDelay.wholeNanoseconds
        var at = now + self.conditions.shortestDelay
        if span > 0 { at += .nanoseconds(Int64(self.chance.next(below: UInt64(span)))) }
        self.sent += 1
        let flight = Flight(at: at, number: self.sent, datagram: datagram)
        // From the end backwards: most datagrams are on their way for a short time only.
        var position = self.flights.count
        while position > 0, (self.flights[position - 1].at, self.flights[position - 1].number) < (at, flight.number) {
            position -= 1
        }
        self.flights.insert(flight, at: position)
    }
}
