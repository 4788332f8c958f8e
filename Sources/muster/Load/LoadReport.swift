import UserAgent

/// The result of one measured phase, as one JSON object or as text for people.
struct LoadReport {
    var label: String
    var phase: String
    var presentities: Int
    var watchers: Int
    var window: Int
    var statistics: LoadStatistics
    /// NOTIFYs that came while operations ran; those of the settling time are in `statistics` only.
    var timelyNotifies: Int
    var elapsed: Double
    var packetsSent: UInt64
    var ownCPU: Double
    var usageBefore: ServerUsage
    var usageAfter: ServerUsage

    private var serverSeconds: Double { self.usageAfter.seconds - self.usageBefore.seconds }
    private var perSecond: Double { self.elapsed > 0 ? Double(self.statistics.done) / self.elapsed : 0 }
    private var notifiesPerSecond: Double {
        self.elapsed > 0 ? Double(self.timelyNotifies) / self.elapsed : 0
    }
    /// Microseconds of the server's CPU for one operation; nil if the server is not watched.
    var cpuPerOperation: Double? {
        guard self.usageAfter.processes > 0, self.statistics.done > 0 else { return nil }
        return self.serverSeconds * 1_000_000 / Double(self.statistics.done)
    }

    private var cpuPerNotify: Double? {
        guard self.usageAfter.processes > 0, self.statistics.notifies > 0 else { return nil }
        return self.serverSeconds * 1_000_000 / Double(self.statistics.notifies)
    }

    /// One line of JSON.
    var json: String {
        let counted = self.statistics
        var object = JSONObject()
        object.add("label", text: self.label)
        object.add("phase", text: self.phase)
        object.add("ops", counted.done)
        object.add("errors", counted.errors)
        object.add("timeouts", counted.timeouts)
        object.add("retransmissions", counted.retransmissions)
        object.add("elapsed_s", self.elapsed, decimals: 3)
        object.add("ops_per_s", self.perSecond, decimals: 1)
        object.add("notifies", counted.notifies)
        object.add("notifies_per_s", self.notifiesPerSecond, decimals: 1)
        object.add("notify_dups", counted.repeatedNotifies)
        object.add("notify_bytes_avg", counted.notifies > 0 ? counted.notifyBytes / counted.notifies : 0)
        object.add("notify_nobody", counted.emptyNotifies)
        object.add("late_responses", counted.lateResponses)
        object.add("foreign_notifies", counted.foreignNotifies)
        object.add("presentities", self.presentities)
        object.add("watchers", self.watchers)
        object.add("window", self.window)
        object.add("pkts_in", counted.packetsReceived)
        object.add("pkts_out", Int(self.packetsSent))
        object.add("loadgen_cpu_s", self.ownCPU, decimals: 2)
        object.add("loadgen_util", self.elapsed > 0 ? self.ownCPU / self.elapsed : 0, decimals: 2)
        self.addServer(to: &object)
        var codes = JSONObject()
        for (status, count) in counted.statuses.enumerated() where count > 0 { codes.add(String(status), count) }
        object.add("codes", object: codes)
        self.add(counted.finalResponse, named: "lat_final_us", to: &object)
        self.add(counted.lastNotify, named: "lat_last_notify_us", to: &object)
        self.add(counted.eachNotify, named: "lat_notify_us", to: &object)
        return object.text
    }

    private func addServer(to object: inout JSONObject) {
        guard self.usageAfter.processes > 0 else { return }
        let before = self.usageBefore
        let after = self.usageAfter
        object.add("server_cpu_s", self.serverSeconds, decimals: 2)
        object.add("server_user_s", after.userSeconds - before.userSeconds, decimals: 2)
        object.add("server_sys_s", after.systemSeconds - before.systemSeconds, decimals: 2)
        object.add("server_procs", after.processes)
        object.add("server_util", self.elapsed > 0 ? self.serverSeconds / self.elapsed : 0, decimals: 2)
        object.add("cpu_us_per_op", self.cpuPerOperation ?? 0, decimals: 2)
        if let perNotify = self.cpuPerNotify { object.add("cpu_us_per_notify", perNotify, decimals: 2) }
        object.add("pss_before_kb", before.proportionalKilobytes)
        object.add("pss_after_kb", after.proportionalKilobytes)
        object.add("rss_before_kb", before.residentKilobytes)
        object.add("rss_after_kb", after.residentKilobytes)
    }

    private func add(_ sample: LatencySample, named name: String, to object: inout JSONObject) {
        guard let summary = sample.summary() else { return }
        var inner = JSONObject()
        inner.add("n", summary.count)
        inner.add("p50", Int(summary.p50))
        inner.add("p90", Int(summary.p90))
        inner.add("p99", Int(summary.p99))
        inner.add("max", Int(summary.maximum))
        object.add(name, object: inner)
    }

    /// A few aligned lines.
    var humanText: String {
        let counted = self.statistics
        var lines: [String] = []
        let rate = FixedPoint.text(self.perSecond, decimals: 0)
        let seconds = FixedPoint.text(self.elapsed, decimals: 2)
        lines.append("\(self.phase): \(counted.done) operations in \(seconds) s, \(rate) a second")
        if counted.notifies > 0 {
            let notifies = FixedPoint.text(self.notifiesPerSecond, decimals: 0)
            lines.append("  NOTIFY        \(counted.notifies), \(notifies) a second")
        }
        if let cpu = self.cpuPerOperation {
            var line = "  server CPU    \(FixedPoint.text(cpu, decimals: 1)) µs an operation"
            if let perNotify = self.cpuPerNotify {
                line += ", \(FixedPoint.text(perNotify, decimals: 1)) µs a NOTIFY"
            }
            lines.append(line)
            let grown = self.usageAfter.proportionalKilobytes - self.usageBefore.proportionalKilobytes
            lines.append("  server memory \(self.usageAfter.proportionalKilobytes) KiB, \(grown) KiB more than before")
        }
        if let summary = counted.finalResponse.summary() { lines.append("  to the answer " + Self.words(summary)) }
        if let summary = counted.lastNotify.summary() { lines.append("  to the NOTIFY " + Self.words(summary)) }
        var troubles: [String] = []
        if counted.errors > 0 { troubles.append("\(counted.errors) errors") }
        if counted.timeouts > 0 { troubles.append("\(counted.timeouts) of them timeouts") }
        if counted.retransmissions > 0 { troubles.append("\(counted.retransmissions) retransmissions") }
        if counted.repeatedNotifies > 0 { troubles.append("\(counted.repeatedNotifies) NOTIFYs more than once") }
        let refused = counted.statuses.enumerated().filter { $0.element > 0 && $0.offset >= 300 }
        for (status, count) in refused { troubles.append("\(count) times \(status)") }
        if !troubles.isEmpty { lines.append("  trouble       " + troubles.joined(separator: ", ")) }
        return lines.joined(separator: "\n")
    }

    private static func words(_ summary: LatencySample.Summary) -> String {
        func milliseconds(_ value: UInt32) -> String { FixedPoint.text(Double(value) / 1000, decimals: 2) }
        return "p50 \(milliseconds(summary.p50)) ms, p90 \(milliseconds(summary.p90)) ms, "
            + "p99 \(milliseconds(summary.p99)) ms, longest \(milliseconds(summary.maximum)) ms"
    }
}
