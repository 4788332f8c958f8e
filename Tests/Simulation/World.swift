import Ground
import SIPWire

/// A small world in virtual time: nodes, the network between them, and one clock. The same seed makes the same
/// history, message by message.
package final class World {
    package let start: Instant
    package private(set) var now: Instant
    package var network: SimulatedNetwork
    package private(set) var nodes: [any Node] = []
    /// What was found broken, with the time.
    package private(set) var violations: [String] = []
    package private(set) var trace: MessageTrace
    /// Called with every datagram that leaves a node, and whether the network carries it.
    package var onDeparture: ((Datagram, Bool) -> Void)?
    /// Whether a datagram is lost whatever chance says.
    package var loses: ((Datagram) -> Bool)?
    /// Who the network has proven the sender at an address to be.
    package var identities: (Endpoint) -> [String] = { _ in [] }
    /// Digest of everything that was sent: equal histories have equal ones.
    package private(set) var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325

    private var places: [Endpoint: Int] = [:]
    private var names: [Endpoint: String] = [:]
    private var stepsAtOnce = 0

    /// How many steps may be taken without time passing before the world counts as hanging.
    private static let maximumStepsAtOnce = 20_000

    package init(seed: UInt64, start: Instant, conditions: NetworkConditions, traceLimit: Int = 40) {
        self.start = start
        self.now = start
        self.network = SimulatedNetwork(seed: seed, conditions: conditions)
        self.trace = MessageTrace(limit: traceLimit, start: start)
    }

    /// Adds a node. One with the same address takes the place of the old one.
    package func add(_ node: any Node) {
        self.names[node.endpoint] = node.name
        if let place = self.places[node.endpoint] {
            self.nodes[place] = node
            return
        }
        self.places[node.endpoint] = self.nodes.count
        self.nodes.append(node)
    }

    /// Takes the node at an address away.
    package func remove(at endpoint: Endpoint) {
        guard let place = self.places.removeValue(forKey: endpoint) else { return }
        self.nodes.remove(at: place)
        for index in place..<self.nodes.count { self.places[self.nodes[index].endpoint] = index }
    }

    /// What an address is called.
    package func name(of endpoint: Endpoint) -> String { self.names[endpoint] ?? endpoint.description }

    package func violate(_ text: String) {
        self.violations.append("\(LadderLine.time(self.now, since: self.start)) \(text)")
        self.trace.add(event: "!! \(text)", at: self.now)
    }

    /// Puts an event that is no message into the story.
    package func tell(_ event: @autoclosure () -> String) { self.trace.add(event: event(), at: self.now) }

    /// Takes what a node wants to send and what it found.
    package func collect(_ node: any Node) {
        for datagram in node.takeDepartures() { self.send(datagram) }
        for violation in node.takeViolations() { self.violate(violation) }
    }

    /// Puts a datagram on the network.
    package func send(_ datagram: Datagram) {
        self.takeFingerprint(datagram.bytes)
        let isStopped = self.loses?(datagram) ?? false
        let isCarried = !isStopped && self.network.send(datagram, at: self.now)
        self.trace.add(
            datagram.bytes, from: self.name(of: datagram.source), to: self.name(of: datagram.destination),
            fate: isCarried ? .carried : .lost, at: self.now)
        self.onDeparture?(datagram, isCarried)
    }

    /// Words at a time: this is done for every datagram, and in debug builds too.
    private func takeFingerprint(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { raw in
            var hash = self.fingerprint ^ UInt64(raw.count)
            var offset = 0
            while offset + 8 <= raw.count {
                hash = (hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01B3
                hash ^= hash &>> 29
                offset += 8
            }
            while offset < raw.count {
                hash = (hash ^ UInt64(raw[offset])) &* 0x100_0000_01B3
                offset += 1
            }
            self.fingerprint = hash
        }
    }

    /// When something happens next; nil if nothing ever does.
    package var next: Instant? {
        var next = self.network.next
        for node in self.nodes {
            guard let deadline = node.nextDeadline else { continue }
            next = min(next ?? deadline, deadline)
        }
        return next
    }

    /// Lets time pass, event by event.
    package func run(until end: Instant) {
        while self.violations.isEmpty, let next = self.next, next <= end {
            if next > self.now {
                self.now = next
                self.stepsAtOnce = 0
            }
            self.stepsAtOnce += 1
            guard self.stepsAtOnce < Self.maximumStepsAtOnce else { return self.violate("time stands still") }
            self.step()
        }
        if self.now < end {
            self.now = end
            self.stepsAtOnce = 0
        }
    }

    package func run(for duration: Duration) { self.run(until: self.now + duration) }

    /// Lets time pass until nothing is left to happen.
    ///
    /// - Returns: false if there still is something at `end`.
    package func runDry(until end: Instant) -> Bool {
        while self.violations.isEmpty, let next = self.next {
            guard next <= end else { return false }
            self.run(until: max(next, self.now))
        }
        return self.next == nil
    }

    /// All that is due at this moment.
    private func step() {
        while let datagram = self.network.popDue(at: self.now) {
            guard let place = self.places[datagram.destination], self.nodes[place].isUp else { continue }
            let node = self.nodes[place]
            node.receive(datagram, identities: self.identities(datagram.source), at: self.now)
            self.collect(node)
        }
        for node in self.nodes {
            guard let deadline = node.nextDeadline, deadline <= self.now else { continue }
            node.wake(at: self.now)
            self.collect(node)
        }
    }

    /// The clock jumps forward, as after the sleep of a machine: what was on its way is lost, and everything that
    /// became due meanwhile is due at once.
    package func jump(_ duration: Duration) {
        self.network.lose { _ in true }
        self.now += duration
        self.stepsAtOnce = 0
    }
}
