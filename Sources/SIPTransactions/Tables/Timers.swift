internal import Ground

/// The pending timers of a layer. Those that everybody starts with the same delay stand in queues that cost nothing;
/// only back-off and INVITE timers need a sorted one.
struct Timers {
    /// The first timer E: T1.
    var firstRetransmission: TimerQueue
    /// The late 100 of a non-INVITE (RFC 4320 §4.1).
    var lateTrying: TimerQueue
    /// Timer K: T4.
    var clientLinger: TimerQueue
    /// Timer F: 64*T1.
    var clientLifetime: TimerQueue
    /// Timer J: 64*T1.
    var serverLinger: TimerQueue
    /// Questions to the name system that were never answered: 64*T1.
    var resolutions: FixedDelayQueue<Ticket>
    /// All the others, for clients and servers.
    var clients = DeadlineQueue<TimerKey>()
    var servers = DeadlineQueue<TimerKey>()

    init(_ configuration: TransactionLayer.Configuration) {
        self.firstRetransmission = TimerQueue(delay: configuration.t1)
        self.lateTrying = TimerQueue(delay: configuration.lateTryingDelay)
        self.clientLinger = TimerQueue(delay: configuration.t4)
        self.clientLifetime = TimerQueue(delay: configuration.lifetime)
        self.serverLinger = TimerQueue(delay: configuration.lifetime)
        self.resolutions = FixedDelayQueue(delay: configuration.lifetime)
    }

    /// The earliest of all.
    var next: Instant? {
        var earliest = min(self.firstRetransmission.next, self.lateTrying.next, self.clientLinger.next)
        earliest = min(earliest, self.clientLifetime.next, self.serverLinger.next)
        if self.resolutions.count > 0, let at = self.resolutions.next { earliest = min(earliest, at.nanoseconds) }
        if let at = self.clients.next { earliest = min(earliest, at.nanoseconds) }
        if let at = self.servers.next { earliest = min(earliest, at.nanoseconds) }
        return earliest == .max ? nil : Instant(nanoseconds: earliest)
    }

    /// How many entries wait, wanted or not.
    var count: Int {
        self.firstRetransmission.count + self.lateTrying.count + self.clientLinger.count + self.clientLifetime.count
            + self.serverLinger.count + self.resolutions.count + self.clients.count + self.servers.count
    }
}
