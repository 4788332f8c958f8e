import Ground

/// The order of a run: the stage is set, then the phases are measured.
extension LoadEngine {
    /// Starts operation number `index`; false while it cannot start.
    typealias Starter = (_ index: Int) -> Bool

    /// What ends a run before its end.
    enum Failure: Error {
        /// The server did not answer as it must while the stage was set; the text says what came.
        case setUp(String)
    }

    /// Runs all phases of the plan and hands over each result as it is there.
    func run(report: (LoadReport) -> Void) throws(Failure) {
        let plan = self.plan
        switch plan.mode {
        case .publishInitial:
            report(self.measure("publish-init", count: plan.operations, start: self.publishInitial))
        case .publishModify, .publishRefresh, .fanOut: try self.runPublications(report: report)
        case .subscribe: try self.runSubscriptions(report: report)
        case .fetch:
            try self.prePublishIfWanted()
            self.subscriptions = Array(repeating: Subscription(), count: plan.operations)
            report(self.measure("fetch", count: plan.operations, start: self.fetch))
        }
        if plan.unpublish {
            self.watchers = 0
            report(self.measure("unpublish", count: plan.presentities, start: self.unpublish))
        }
    }

    private func runPublications(report: (LoadReport) -> Void) throws(Failure) {
        let plan = self.plan
        try self.publishAll()
        if plan.watchers > 0 {
            self.subscriptions = (0..<plan.presentities * plan.watchers).map {
                Subscription(presentity: $0 / plan.watchers)
            }
            self.expectsState = true
            self.statistics = LoadStatistics()
            self.drive(self.subscriptions.count, window: plan.setUpWindow, start: self.subscribe)
            try self.check("SUBSCRIBE", wanted: self.subscriptions.count)
            self.expectsState = plan.prePublish
        }
        self.watchers = plan.watchers
        let start = plan.mode == .publishRefresh ? self.publishRefresh : self.publishModify
        let warmUp = plan.warmUp ?? min(plan.operations / 20, 2 * plan.presentities)
        if warmUp > 0 {
            self.statistics = LoadStatistics()
            self.drive(warmUp, window: plan.window, rate: plan.rate, start: start)
        }
        report(self.measure(plan.mode.rawValue, count: plan.operations, start: start))
    }

    private func runSubscriptions(report: (LoadReport) -> Void) throws(Failure) {
        let plan = self.plan
        try self.prePublishIfWanted()
        self.subscriptions = (0..<plan.operations).map { Subscription(presentity: $0 % plan.presentities) }
        report(self.measure("subscribe", count: plan.operations, start: self.subscribe))
        if plan.refreshRounds > 0 {
            report(self.measure("refresh", count: plan.operations * plan.refreshRounds, start: self.refresh))
        }
        if plan.unsubscribe {
            report(self.measure("unsubscribe", count: plan.operations, start: self.unsubscribe))
        }
    }

    private func prePublishIfWanted() throws(Failure) {
        if self.plan.prePublish { try self.publishAll() }
    }

    private func publishAll() throws(Failure) {
        self.watchers = 0
        self.statistics = LoadStatistics()
        self.drive(self.plan.presentities, window: self.plan.setUpWindow, start: self.publishInitial)
        try self.check("PUBLISH", wanted: self.plan.presentities)
    }

    /// A stage that is set by less than half would make every figure meaningless.
    private func check(_ what: String, wanted: Int) throws(Failure) {
        let counted = self.statistics
        guard counted.done < wanted / 2 || counted.done == 0 else { return }
        let codes = counted.statuses.enumerated().filter { $0.element > 0 }
            .map { "\($0.element) times \($0.offset)" }.joined(separator: ", ")
        throw Failure.setUp(
            "only \(counted.done) of \(wanted) \(what) requests succeeded: \(counted.timeouts) timeouts, "
                + (codes.isEmpty ? "no answer at all" : "answers: \(codes)"))
    }

    /// Keeps the window full (closed loop) or to the beat (open loop) until all operations have ended.
    private func drive(
        _ count: Int, window: Int, rate: Double = 0, duration: Double = 0, start: Starter
    ) {
        let begin = LoadClock.now
        let last = duration > 0 ? begin + UInt64(duration * 1_000_000) : UInt64.max
        var count = count
        var index = 0
        while index < count || self.inFlight > 0 {
            let now = LoadClock.now
            var wait = 20_000
            if now > last || now >= self.end || self.statistics.errors > self.plan.maximumErrors { count = index }
            while index < count, self.inFlight < window {
                if rate > 0 {
                    let due = begin + UInt64(Double(index) * 1_000_000 / rate)
                    if due > now {
                        wait = min(Int(due - now), 20_000)
                        break
                    }
                }
                guard start(index) else { break }
                index += 1
            }
            self.pump(microseconds: wait)
        }
    }

    private func settle() {
        let end = LoadClock.now + UInt64(max(0, self.plan.settle) * 1_000_000)
        while LoadClock.now < end { self.pump(microseconds: 5000) }
    }

    private func measure(_ phase: String, count: Int, start: Starter) -> LoadReport {
        self.settle()
        self.statistics = LoadStatistics()
        self.cursor = 0
        let sentBefore = self.link.packetsSent
        let before = ServerUsage.measure(of: self.plan.serverProcesses)
        let ownBefore = LoadClock.ownCPU
        let begin = LoadClock.now
        self.drive(count, window: self.plan.window, rate: self.plan.rate, duration: self.plan.duration, start: start)
        let elapsed = Double(LoadClock.now - begin) / 1_000_000
        let ownCPU = LoadClock.ownCPU - ownBefore
        let timely = self.statistics.notifies
        self.settle()
        let after = ServerUsage.measure(of: self.plan.serverProcesses)
        return LoadReport(
            label: self.plan.label, phase: phase, presentities: self.plan.presentities, watchers: self.plan.watchers,
            window: self.plan.window, statistics: self.statistics, timelyNotifies: timely, elapsed: elapsed,
            packetsSent: self.link.packetsSent - sentBefore, ownCPU: ownCPU, usageBefore: before, usageAfter: after)
    }

    private func publishInitial(_ index: Int) -> Bool {
        self.startPublish(
            index % self.plan.presentities, initial: true, withBody: true, expires: self.plan.expires)
    }

    private func publishModify(_ index: Int) -> Bool {
        guard let next = self.nextIdlePresentity() else { return false }
        return self.startPublish(next, initial: false, withBody: true, expires: self.plan.expires)
    }

    private func publishRefresh(_ index: Int) -> Bool {
        guard let next = self.nextIdlePresentity() else { return false }
        return self.startPublish(next, initial: false, withBody: false, expires: self.plan.expires)
    }

    private func unpublish(_ index: Int) -> Bool {
        self.startPublish(index, initial: false, withBody: false, expires: 0)
    }

    private func nextIdlePresentity() -> Int? {
        for _ in self.presentities.indices {
            let candidate = self.cursor % self.presentities.count
            self.cursor += 1
            if self.presentities[candidate].operation < 0 { return candidate }
        }
        return nil
    }

    private func subscribe(_ index: Int) -> Bool {
        self.startSubscribe(index, kind: .subscribe, expires: self.plan.expires)
    }

    private func refresh(_ index: Int) -> Bool {
        self.startSubscribe(index % self.subscriptions.count, kind: .refresh, expires: self.plan.expires)
    }

    private func unsubscribe(_ index: Int) -> Bool {
        self.startSubscribe(index, kind: .unsubscribe, expires: 0)
    }

    private func fetch(_ index: Int) -> Bool {
        self.subscriptions[index].presentity = index % self.plan.presentities
        return self.startSubscribe(index, kind: .fetch, expires: 0)
    }
}
