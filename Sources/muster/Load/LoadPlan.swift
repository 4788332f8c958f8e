import Ground

/// What a load run does.
struct LoadPlan {
    /// Which operation is measured.
    enum Mode: String, CaseIterable {
        /// Each operation is the first PUBLISH of another presentity.
        case publishInitial = "publish-init"
        /// Each operation changes the state of a presentity; with watchers it is complete when all know it.
        case publishModify = "publish-mod"
        /// Each operation refreshes a publication, without a body.
        case publishRefresh = "publish-refresh"
        /// Each operation is a new subscription, complete with its 200 and its NOTIFY.
        case subscribe
        /// Each operation is a SUBSCRIBE with Expires 0, complete with its 200 and its NOTIFY.
        case fetch
        /// `publish-mod` with watchers: one change, many NOTIFYs.
        case fanOut = "fan-out"
    }

    /// The transport to the server.
    enum Transport: String, CaseIterable {
        case udp, tcp
    }

    var mode = Mode.publishModify
    var transport = Transport.udp
    /// The server under test.
    var target: Endpoint
    /// Where the generator listens; its Contact.
    var local = Endpoint(.loopback, 7060)
    var domain = "bench.test"
    /// A text that goes into the results.
    var label = ""
    var operations = 10_000
    /// Operations before the measurement; nil: a twentieth, at most two a presentity.
    var warmUp: Int?
    var presentities = 1000
    /// The number of the first presentity, so that runs do not meet each other's state.
    var base = 0
    /// Watchers of each presentity.
    var watchers = 0
    /// Operations in flight (closed loop).
    var window = 32
    var setUpWindow = 32
    /// Operations a second (open loop); 0: as fast as the window allows.
    var rate = 0.0
    /// Seconds after which no new operation starts; 0: no such end.
    var duration = 0.0
    /// Seconds after which an operation counts as failed.
    var operationTimeout = 10.0
    /// Timer F of RFC 3261 §17.1.2.2, in seconds.
    var timerF = 32.0
    /// T1 of RFC 3261 §17.1.2.1, in milliseconds.
    var t1 = 500
    /// Seconds before and after each phase that count for the server's CPU, because servers defer work.
    var settle = 0.2
    var documentBytes = 600
    var expires = 3600
    var prePublish = false
    var refreshRounds = 0
    var unsubscribe = false
    var unpublish = false
    /// A phase ends early after this many errors.
    var maximumErrors = 100
    /// Seconds after which the whole run ends.
    var maximumTime = 300.0
    var package = "presence"
    /// Processes of the server; their descendants count as well.
    var serverProcesses: [Int32] = []

    init(target: Endpoint) { self.target = target }

    /// What is wrong with the numbers, or nil.
    var fault: String? {
        if self.operations < 1 || self.presentities < 1 || self.window < 1 || self.setUpWindow < 1 {
            return "--ops, --presentities, --window and --setup-window must be at least 1"
        }
        if self.window > 100_000 || self.setUpWindow > 100_000 { return "--window is at most 100000" }
        if self.watchers < 0 || self.base < 0 || self.refreshRounds < 0 { return "a count cannot be negative" }
        let (total, overflow) = self.presentities.multipliedReportingOverflow(by: max(1, self.watchers))
        if overflow || total > 10_000_000 || self.operations > 100_000_000 { return "that many would never end" }
        if self.base > 100_000_000 { return "--base is at most 100000000" }
        if !(300...2400).contains(self.documentBytes) { return "--pidf-bytes is between 300 and 2400" }
        if self.domain.isEmpty || self.domain.utf8.count > 64 { return "--domain is 1 to 64 characters long" }
        if self.expires < 1 || self.t1 < 1 || self.operationTimeout <= 0 || self.maximumTime <= 0 {
            return "times must be positive"
        }
        if self.target.address.isIPv6 != self.local.address.isIPv6 {
            return "--local and --target must both be IPv4 or both be IPv6"
        }
        return nil
    }
}
