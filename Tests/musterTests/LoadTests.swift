import Ground
import Testing

@testable import muster

/// A presence server in a few lines, for the load generator: it answers at once, inside the process.
private final class ScriptedServer: LoadLink {
    let isReliable: Bool
    private(set) var packetsSent: UInt64 = 0
    private var waiting: [[UInt8]] = []
    private var watchers: [String: [(callID: String, from: String, to: String)]] = [:]
    private var versions: [String: String] = [:]
    private var sequence = 0
    /// Requests that are answered; the others are lost.
    var loses: (Int) -> Bool = { _ in false }
    /// The status that PUBLISH gets.
    var publishStatus = 200
    private(set) var requests: [String] = []
    private var count = 0

    init(isReliable: Bool = false) { self.isReliable = isReliable }

    func send(_ bytes: UnsafePointer<UInt8>, count: Int, to peer: LoadPeer) {
        self.packetsSent += 1
        let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
        guard !text.hasPrefix("SIP/2.0 ") else { return }
        self.count += 1
        self.requests.append(text)
        guard !self.loses(self.count) else { return }
        let resource = Self.value("To", text).split(separator: ">").first.map { String($0.dropFirst()) } ?? ""
        if text.hasPrefix("PUBLISH ") {
            self.publish(text, resource)
        } else {
            self.subscribe(text, resource)
        }
    }

    private static func value(_ name: String, _ text: String) -> String {
        for line in text.split(separator: "\r\n") where line.hasPrefix(name + ": ") {
            return String(line.dropFirst(name.count + 2))
        }
        return ""
    }

    private func respond(_ text: String, _ status: Int, tag: String, _ extra: String = "") {
        var to = Self.value("To", text)
        if !to.contains(";tag=") { to += ";tag=" + tag }
        self.waiting.append(
            Array(
                ("SIP/2.0 \(status) X\r\nVia: \(Self.value("Via", text))\r\nFrom: \(Self.value("From", text))\r\n"
                    + "To: \(to)\r\nCall-ID: \(Self.value("Call-ID", text))\r\n"
                    + "CSeq: \(Self.value("CSeq", text))\r\n\(extra)Content-Length: 0\r\n\r\n").utf8))
    }

    private func publish(_ text: String, _ resource: String) {
        self.sequence += 1
        self.respond(text, self.publishStatus, tag: "s", "SIP-ETag: e\(self.sequence)\r\n")
        guard let note = text.split(separator: "<note>v").dropFirst().first?.prefix(8) else { return }
        self.versions[resource] = String(note)
        for watcher in self.watchers[resource] ?? [] { self.notify(watcher, resource) }
    }

    private func subscribe(_ text: String, _ resource: String) {
        let callID = Self.value("Call-ID", text)
        self.respond(text, 200, tag: "t" + callID, "Contact: <sip:ps@192.0.2.1>\r\n")
        let watcher = (callID, "<\(resource)>;tag=t\(callID)", Self.value("From", text))
        if Self.value("Expires", text) != "0", !self.watchers[resource, default: []].contains(where: { $0.0 == callID })
        {
            self.watchers[resource, default: []].append(watcher)
        }
        self.notify(watcher, resource)
    }

    private func notify(_ watcher: (callID: String, from: String, to: String), _ resource: String) {
        self.sequence += 1
        let body = self.versions[resource].map { "<presence><note>v\($0)</note></presence>" } ?? ""
        self.waiting.append(
            Array(
                ("NOTIFY sip:w SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKn\(self.sequence)\r\nFrom: \(watcher.from)\r\n"
                    + "To: \(watcher.to)\r\ni: \(watcher.callID)\r\nCSeq: \(self.sequence) NOTIFY\r\n\r\n\(body)").utf8)
        )
    }

    func flush() {}

    func receive(_ body: (UnsafePointer<UInt8>, Int, LoadPeer) -> Void) -> Int {
        let messages = self.waiting
        self.waiting = []
        for message in messages {
            message.withUnsafeBufferPointer { if let start = $0.baseAddress { body(start, $0.count, .target) } }
        }
        return messages.count
    }

    func wait(microseconds: Int) {}
}

@Suite("The load generator")
struct LoadTests {
    private func plan(_ mode: LoadPlan.Mode, _ adjust: (inout LoadPlan) -> Void = { _ in }) -> LoadPlan {
        var plan = LoadPlan(target: Endpoint(.loopback, 5060))
        plan.mode = mode
        plan.operations = 60
        plan.presentities = 5
        plan.window = 4
        plan.settle = 0
        plan.maximumTime = 20
        adjust(&plan)
        return plan
    }

    private func run(_ plan: LoadPlan, _ server: ScriptedServer = ScriptedServer()) throws -> [LoadReport] {
        var reports: [LoadReport] = []
        try LoadEngine(plan: plan, link: server, runID: "r1").run { reports.append($0) }
        return reports
    }

    @Test("a change counts when every watcher has the new state")
    func fanOut() throws {
        let report = try #require(try self.run(self.plan(.fanOut) { $0.watchers = 3 }).first)
        #expect(report.statistics.done == 60)
        #expect(report.statistics.notifies == 180)
        #expect(report.statistics.eachNotify.summary()?.count == 180)
        #expect(report.statistics.lastNotify.summary()?.count == 60)
        #expect(report.statistics.errors == 0)
    }

    @Test("first publications go to fresh presentities without a condition, later ones carry the last tag")
    func publications() throws {
        let server = ScriptedServer()
        #expect(try self.run(self.plan(.publishInitial), server).first?.statistics.done == 60)
        #expect(!server.requests.contains { $0.contains("SIP-If-Match") })
        #expect(Set(server.requests.map { $0.split(separator: " ")[1] }).count == 60)
        let second = ScriptedServer()
        #expect(try self.run(self.plan(.publishRefresh), second).first?.statistics.done == 60)
        let refresh = try #require(second.requests.last)
        #expect(refresh.contains("SIP-If-Match: e"))
        #expect(refresh.hasSuffix("Content-Length: 0\r\n\r\n"))
    }

    @Test("subscriptions, refreshes and unsubscriptions are phases of their own")
    func subscriptions() throws {
        let reports = try self.run(
            self.plan(.subscribe) {
                $0.prePublish = true
                $0.refreshRounds = 2
                $0.unsubscribe = true
            })
        #expect(reports.map(\.phase) == ["subscribe", "refresh", "unsubscribe"])
        #expect(reports.map(\.statistics.done) == [60, 120, 60])
        #expect(reports.allSatisfy { $0.statistics.errors == 0 })
    }

    @Test("a fetch is complete with its answer and its NOTIFY")
    func fetch() throws {
        let report = try #require(try self.run(self.plan(.fetch) { $0.prePublish = true }).first)
        #expect(report.statistics.done == 60)
        #expect(report.statistics.notifies == 60)
    }

    @Test("a lost request is sent again over UDP", .timeLimit(.minutes(1)))
    func lost() throws {
        let server = ScriptedServer()
        server.loses = { $0 == 3 }
        let report = try #require(
            try self.run(
                self.plan(.publishInitial) {
                    $0.t1 = 1
                    $0.operations = 5
                }, server
            ).first)
        #expect(report.statistics.done == 5)
        #expect(report.statistics.retransmissions >= 1)
    }

    @Test("a phase ends when there are too many errors")
    func refused() throws {
        let server = ScriptedServer()
        server.publishStatus = 403
        let report = try #require(
            try self.run(
                self.plan(.publishInitial) {
                    $0.operations = 5000
                    $0.maximumErrors = 10
                }, server
            ).first)
        #expect(report.statistics.done == 0)
        #expect((11...20).contains(report.statistics.errors))
        #expect(report.statistics.statuses[403] == report.statistics.errors)
    }

    @Test("a stage that cannot be set ends the run with the reason")
    func setUpFails() {
        let server = ScriptedServer()
        server.publishStatus = 404
        #expect(throws: LoadEngine.Failure.self) { try self.run(self.plan(.publishModify), server) }
    }

    @Test("the report is one JSON object with the figures that scripts read")
    func report() throws {
        let json = try #require(try self.run(self.plan(.fetch)).first).json
        #expect(!json.contains("\n"))
        for key in [
            "phase", "ops", "errors", "timeouts", "retransmissions", "elapsed_s", "ops_per_s", "notifies",
            "notify_dups",
            "codes", "lat_final_us",
        ] { #expect(json.contains("\"\(key)\":"), "\(key) is in \(json)") }
        #expect(json.contains("\"codes\":{\"200\":60}"))
    }

    @Test("numbers that make no sense are refused")
    func plans() {
        #expect(self.plan(.fetch).fault == nil)
        #expect(self.plan(.fetch) { $0.operations = 0 }.fault != nil)
        #expect(self.plan(.fetch) { $0.window = 0 }.fault != nil)
        #expect(self.plan(.fetch) { $0.watchers = .max }.fault != nil)
        #expect(self.plan(.fetch) { $0.documentBytes = 5000 }.fault != nil)
        #expect(self.plan(.fetch) { $0.domain = "" }.fault != nil)
        #expect(self.plan(.fetch) { $0.local = Endpoint(IPAddress(ipv6High: 0, low: 1), 1) }.fault != nil)
    }

    @Test("a process line is read whatever the program is called")
    func processLine() {
        let text = "42 (a ) b) S 7 1 1 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 5 6 7"
        let line = ServerUsage.ProcessLine(process: 42, text: text)
        #expect(line?.parent == 7)
        #expect(line?.user == 50)
        #expect(line?.system == 60)
        #expect(line?.childrenUser == 70)
        #expect(line?.childrenSystem == 80)
        #expect(ServerUsage.ProcessLine(process: 1, text: "garbage") == nil)
        #expect(ServerUsage.ProcessLine(process: 1, text: "1 (x) S") == nil)
    }

    @Test(
        "bytes that are no message do not disturb the scan",
        arguments: [
            "", "\n", "SIP/2.0 200\n", "NOTIFY x\r\nVia\r\n:\r\n:x\r\n\r\n", "NOTIFY\r\nVia: \r\nCSeq:\r\n\r\nnote>v",
        ])
    func scan(text: String) {
        let bytes = Array(text.utf8) + [0]
        bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            let message = LoadMessage(start, count: bytes.count - 1)
            #expect(message.version == 0)
        }
    }
}
