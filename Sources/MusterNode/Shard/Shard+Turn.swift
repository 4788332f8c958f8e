import Ground
import NIOCore
import PresenceServer
import SCSCF
import SIPTransactions
import SIPWire
import Signalling
import Storage
import XDMServer

/// A turn: what came in, what it caused, one commit, one flush.
///
/// The client's shell (`ClientRunner`) has a turn too, and shares nothing with this one on purpose: it has one core, no
/// commit, nothing to hold back, and what is common is the order of a few calls.
extension Shard {
    // MARK: what the transports tell

    package nonisolated func arrived(_ arrivals: [Arrival]) {
        self.assumeIsolated { $0.take(arrivals) }
    }

    package nonisolated func arrivalsEnded() {
        self.assumeIsolated { shard in
            guard shard.heldBack == nil else { return }
            shard.turn { _ in }
        }
    }

    package nonisolated func transmissionFailed(_ bytes: [UInt8], _ path: Path) {
        self.assumeIsolated { shard in
            shard.turn { now in shard.tellTransactions(.transmissionFailed(path), at: now) }
        }
    }

    package nonisolated func connectionClosed(_ flow: Flow) {
        self.assumeIsolated { shard in
            guard shard.registrar != nil else { return }
            shard.turn { now in shard.tellRegistrar(.connectionClosed(flow), at: now) }
        }
    }

    package nonisolated func framingFailed(_ fault: ParseFault, head: [UInt8], _ origin: Origin) {
        self.assumeIsolated { shard in
            shard.counters.parseFaults[fault.kind, default: 0] += 1
            guard let message = SIPMessage.remains(of: head[...], limits: shard.parts.transports.wireLimits),
                message.method != .ack
            else { return }
            shard.turn { now in
                var writer = message.response(fault.status, fault.reason, receivedFrom: origin.flow.remote)
                shard.departures.append(.reply(writer.finish(), origin.flow, otherwise: nil))
                _ = now
            }
        }
    }

    /// Takes what one read of a socket brought. The turn goes on until ``arrivalsEnded()``.
    func take(_ arrivals: [Arrival]) {
        if self.heldBack != nil {
            self.heldBack?.append(contentsOf: arrivals)
            return
        }
        guard !self.hasFailed else { return }
        let now = self.clock.now()
        for arrival in arrivals { self.receive(arrival, at: now) }
    }

    private func receive(_ arrival: Arrival, at now: Instant) {
        let fact: TransactionLayer.Input
        do {
            let message = try SIPMessage.parse(
                arrival.bytes, framing: arrival.framing, limits: self.parts.transports.wireLimits)
            fact = .messageReceived(message, arrival.origin)
        } catch {
            self.counters.parseFaults[error.kind, default: 0] += 1
            let remains =
                error.kind.isLimit
                ? SIPMessage.remains(of: arrival.bytes[...], limits: self.parts.transports.wireLimits) : nil
            fact = .unparsableReceived(error, arrival.origin, remains: remains)
        }
        self.tellTransactions(fact, at: now)
    }

    // MARK: the frame of a turn

    /// Runs a turn: the body's facts, then the commit, then the departures.
    func turn(_ body: (Instant) -> Void) {
        guard !self.hasFailed else { return }
        let now = self.clock.now()
        body(now)
        self.finishTurn(at: now)
    }

    /// Ends a turn: commits what must be kept, then lets go what must be sent.
    ///
    /// A commit costs the disk the same whatever is in it, so commits keep a distance: the first after a quiet time is
    /// made at once, those that would follow within ``Parts/commitDistance`` are joined. What waits for a commit keeps
    /// its order with everything behind it.
    private func finishTurn(at now: Instant) {
        if !self.records.isEmpty {
            guard now >= self.nextCommit else {
                self.armCommit(at: now)
                self.setAlarm(at: now)
                return
            }
            do {
                try self.parts.commit(self.records)
            } catch {
                // What was promised cannot be kept, so nothing is promised: peers repeat their requests, and what
                // stands in storage is the truth for whoever starts next.
                self.hasFailed = true
                self.departures.removeAll()
                self.refuseWaiting()
                self.parts.failed(error)
                return
            }
            self.records.removeAll(keepingCapacity: true)
            self.nextCommit = self.clock.now() + self.parts.commitDistance
        }
        self.sendDepartures()
        self.giveAnswers()
        self.setAlarm(at: now)
    }

    private func sendDepartures() {
        guard !self.departures.isEmpty, let transports = self.transports else { return }
        // Taken out, so that the loop looks at an array that nobody else can change.
        var departures: [TransactionLayer.Effect] = []
        swap(&departures, &self.departures)
        for index in departures.indices {
            switch departures[index] {
            case .transmit(let bytes, let flow): transports.transmit(bytes, flow)
            case .open(let bytes, let hop): transports.open(bytes, hop)
            case .reply(let bytes, let flow, let otherwise): transports.reply(bytes, flow, otherwise: otherwise)
            // Only orders to the network get here; what is for others was carried out in the turn.
            default: break
            }
        }
        departures.removeAll(keepingCapacity: true)
        swap(&departures, &self.departures)
        transports.flush()
    }

    // MARK: timers

    /// The alarm rings at multiples of this many nanoseconds.
    private static let alarmGrain: Int64 = 4_000_000

    private func setAlarm(at now: Instant) {
        var next = self.transactions.nextDeadline ?? .distantFuture
        if let deadline = self.presence?.nextDeadline { next = min(next, deadline) }
        if let deadline = self.registrar?.nextDeadline { next = min(next, deadline) }
        if let deadline = self.documents?.nextDeadline { next = min(next, deadline) }
        // Deadlines are met a little late and together: on a busy node one falls due every few microseconds, and each
        // would cost a turn of its own.
        guard next < self.armed else { return }
        let late = next.nanoseconds % Self.alarmGrain
        if late > 0 { next = next + .nanoseconds(Self.alarmGrain - late) }
        guard next < self.armed else { return }
        self.alarm?.cancel()
        self.armed = next
        let delay = max(next.nanoseconds &- now.nanoseconds, 0)
        self.alarm = self.loop.scheduleTask(in: .nanoseconds(delay)) {
            self.assumeIsolated { $0.wake() }
        }
    }

    /// Asks for a turn at the next commit. It is no matter of ``setAlarm(at:)``: a busy shard commits a thousand times a
    /// second, and each time the alarm of the timers would be taken back and set again.
    private func armCommit(at now: Instant) {
        guard self.commitAlarm == nil else { return }
        let delay = max(self.nextCommit.nanoseconds &- now.nanoseconds, 0)
        self.commitAlarm = self.loop.scheduleTask(in: .nanoseconds(delay)) {
            self.assumeIsolated { shard in
                shard.commitAlarm = nil
                // Records that went with an earlier commit need no turn.
                if !shard.records.isEmpty { shard.turn { _ in } }
            }
        }
    }

    /// The alarm rang: everybody does what is due.
    private func wake() {
        self.armed = .distantFuture
        self.alarm = nil
        self.turn { now in
            self.transactions.deadlineReached(at: now, into: &self.layerEffects)
            self.settleTransactions(at: now)
            if self.presence != nil {
                self.presence?.deadlineReached(at: now, into: &self.presenceEffects)
                self.settlePresence(at: now)
            }
            if self.registrar != nil {
                self.registrar?.deadlineReached(at: now, into: &self.registrarEffects)
                self.settleRegistrar(at: now)
            }
            if self.documents != nil {
                self.documents?.deadlineReached(at: now, into: &self.documentEffects)
                self.settleDocuments(at: now)
            }
        }
    }

    // MARK: facts in, orders out

    func tellTransactions(_ fact: consuming TransactionLayer.Input, at now: Instant) {
        self.transactions.handle(fact, at: now, into: &self.layerEffects)
        // Inside a settling already: the loop there takes up what was appended.
        if !self.isSettling { self.settleTransactions(at: now) }
    }

    func tellPresence(_ fact: consuming PresenceServer.Input, at now: Instant) {
        self.presence?.handle(fact, at: now, into: &self.presenceEffects)
        self.settlePresence(at: now)
    }

    func tellRegistrar(_ fact: consuming SCSCF.Input, at now: Instant) {
        self.registrar?.handle(fact, at: now, into: &self.registrarEffects)
        self.settleRegistrar(at: now)
    }

    /// Performs the orders of a box, and only then those that they bring from the transaction layer: a request that fails
    /// at once must not be told before the orders behind it, such as to store what it belongs to, are carried out.
    func settleBox(at now: Instant, _ perform: () -> Void) {
        guard !self.isSettling else { return perform() }
        self.isSettling = true
        perform()
        self.settleTransactions(at: now)
    }

    /// Performs the transaction layer's orders until there are none, also those that performing them brings.
    private func settleTransactions(at now: Instant) {
        self.isSettling = true
        while !self.layerEffects.isEmpty {
            // The orders are taken out, so that those which performing them brings have an array of their own.
            var effects: [TransactionLayer.Effect] = []
            swap(&effects, &self.spareLayerEffects)
            swap(&effects, &self.layerEffects)
            for index in effects.indices { self.perform(effects[index], at: now) }
            effects.removeAll(keepingCapacity: true)
            swap(&effects, &self.spareLayerEffects)
        }
        self.isSettling = false
    }
}
