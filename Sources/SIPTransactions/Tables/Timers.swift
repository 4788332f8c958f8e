internal import Ground

/// The pending timers of a layer. Those that everybody starts with the same delay stand in queues that cost nothing;
/// only back-off and INVITE timers need a sorted one.
struct Timers {
    /// The first timer E: T1.
    var firstRetransmission: FixedDelayQueue<TimerKey>
    /// The late 100 of a non-INVITE (RFC 4320 §4.1).
    var lateTrying: FixedDelayQueue<TimerKey>
    /// Timer K: T4.
    var clientLinger: FixedDelayQueue<TimerKey>
    /// Timer F: 64*T1.
    var clientLifetime: FixedDelayQueue<TimerKey>
    /// Timer J: 64*T1.
    var serverLinger: FixedDelayQueue<TimerKey>
    /// Questions to the name system that were never answered: 64*T1.
    var resolutions: FixedDelayQueue<Ticket>
    /// All the others, for clients and servers.
    var clients = DeadlineQueue<TimerKey>()
    var servers = DeadlineQueue<TimerKey>()

    init(_ configuration: TransactionLayer.Configuration) {
        self.firstRetransmission = FixedDelayQueue(delay: configuration.t1)
        self.lateTrying = FixedDelayQueue(delay: configuration.lateTryingDelay)
        self.clientLinger = FixedDelayQueue(delay: configuration.t4)
        self.clientLifetime = FixedDelayQueue(delay: configuration.lifetime)
        self.serverLinger = FixedDelayQueue(delay: configuration.lifetime)
        self.resolutions = FixedDelayQueue(delay: configuration.lifetime)
    }

    /// The earliest of all.
    var next: Instant? {
        var earliest = Instant.distantFuture
        if let at = self.firstRetransmission.next, at < earliest { earliest = at }
        if let at = self.lateTrying.next, at < earliest { earliest = at }
        if let at = self.clientLinger.next, at < earliest { earliest = at }
        if let at = self.clientLifetime.next, at < earliest { earliest = at }
        if let at = self.serverLinger.next, at < earliest { earliest = at }
        if let at = self.resolutions.next, at < earliest { earliest = at }
        if let at = self.clients.next, at < earliest { earliest = at }
        if let at = self.servers.next, at < earliest { earliest = at }
        return earliest == .distantFuture ? nil : earliest
    }

    /// How many entries wait, wanted or not.
    var count: Int {
        self.firstRetransmission.count + self.lateTrying.count + self.clientLinger.count + self.clientLifetime.count
            + self.serverLinger.count + self.resolutions.count + self.clients.count + self.servers.count
    }
}
