import ArgumentParser
import Glibc
import Ground
import UserAgent

/// `muster load`: measures a presence server, ours or another.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Put load on a presence server and measure it.",
        discussion: """
            An operation counts only when all that it must cause has arrived: its 200 and, where there are watchers, the \
            NOTIFY with the new state at every one of them. The server must serve --domain without asking for passwords \
            and let every watcher see everything.

            Modes: publish-init, publish-mod, publish-refresh, subscribe, fetch, fan-out.

            Example: muster load --target 127.0.0.1:5070 --mode fan-out --presentities 100 --watchers 10 --ops 3000
            """)

    @Option(help: ArgumentHelp("The server.", valueName: "address:port"))
    var target: String

    @Option(help: "What is measured.")
    var mode: LoadPlan.Mode = .publishModify

    @Option(help: "udp or tcp.")
    var transport: LoadPlan.Transport = .udp

    @Option(help: ArgumentHelp("Where the generator listens.", valueName: "address:port"))
    var local = "127.0.0.1:7060"

    @Option(help: "The domain of all users.")
    var domain = "bench.test"

    @Option(help: "A text for the results.")
    var label = ""

    @Option(name: .customLong("ops"), help: "Operations to measure.")
    var operations = 10_000

    @Option(name: .customLong("warmup"), help: "Operations before; a twentieth unless told.")
    var warmUp: Int?

    @Option(help: "Presentities.")
    var presentities = 1000

    @Option(help: "Watchers of each presentity; 10 with fan-out, else none.")
    var watchers: Int?

    @Option(help: "The number of the first presentity, so that runs do not meet.")
    var base = 0

    @Option(help: "Operations in flight (closed loop).")
    var window = 32

    @Option(name: .customLong("setup-window"), help: "Operations in flight before the measurement.")
    var setUpWindow = 32

    @Option(help: "Operations a second (open loop); 0: as fast as the window allows.")
    var rate = 0.0

    @Option(help: "Seconds after which no new operation starts; 0: none.")
    var duration = 0.0

    @Option(help: "Seconds after which an operation has failed.")
    var opTimeout = 10.0

    @Option(help: "Timer F in seconds.")
    var timerF = 32.0

    @Option(help: "T1 in milliseconds.")
    var t1 = 500

    @Option(help: "Seconds before and after each phase that count for the server's CPU.")
    var settle = 0.2

    @Option(name: .customLong("pidf-bytes"), help: "Size of the presence documents.")
    var documentBytes = 600

    @Option(help: "Seconds to ask for in PUBLISH and SUBSCRIBE.")
    var expires = 3600

    @Flag(name: .customLong("prepublish"), help: "Publish state before subscribing or fetching.")
    var prePublish = false

    @Option(help: "Rounds of refreshes after the subscriptions.")
    var refreshRounds = 0

    @Flag(name: .customLong("unsub"), help: "End the subscriptions, measured.")
    var unsubscribe = false

    @Flag(help: "Remove the publications at the end, measured.")
    var unpublish = false

    @Option(help: "Errors after which a phase ends.")
    var maxErrors = 100

    @Option(help: "Seconds after which the run ends.")
    var maxTime = 300.0

    @Option(name: .customLong("event"), help: "The event package.")
    var package = "presence"

    @Option(
        name: .customLong("server-pid"), parsing: .singleValue,
        help: ArgumentHelp("A process of the server, to measure its CPU and memory; may be repeated.", valueName: "pid")
    )
    var serverProcesses: [Int32] = []

    @Flag(help: "One JSON object a phase.")
    var json = false

    func validate() throws { _ = try self.plan() }

    /// The options as one value.
    func plan() throws -> LoadPlan {
        guard let target = Endpoint(self.target), target.port > 0 else {
            throw ValidationError("--target \(self.target) is no address and port, like 127.0.0.1:5060")
        }
        guard let local = Endpoint(self.local), local.port > 0 else {
            throw ValidationError("--local \(self.local) is no address and port, like 127.0.0.1:7060")
        }
        var plan = LoadPlan(target: target)
        plan.mode = self.mode
        plan.transport = self.transport
        plan.local = local
        plan.domain = self.domain
        plan.label = self.label
        plan.operations = self.operations
        plan.warmUp = self.warmUp
        plan.presentities = self.presentities
        plan.base = self.base
        plan.watchers = self.watchers ?? (self.mode == .fanOut ? 10 : 0)
        plan.window = self.window
        plan.setUpWindow = self.setUpWindow
        plan.rate = self.rate
        plan.duration = self.duration
        plan.operationTimeout = self.opTimeout
        plan.timerF = self.timerF
        plan.t1 = self.t1
        plan.settle = self.settle
        plan.documentBytes = self.documentBytes
        plan.expires = self.expires
        plan.prePublish = self.prePublish
        plan.refreshRounds = self.refreshRounds
        plan.unsubscribe = self.unsubscribe
        plan.unpublish = self.unpublish
        plan.maximumErrors = self.maxErrors
        plan.maximumTime = self.maxTime
        plan.package = self.package
        plan.serverProcesses = self.serverProcesses
        if let fault = plan.fault { throw ValidationError(fault) }
        return plan
    }

    func run() async throws {
        let plan = try self.plan()
        let runID = String(UInt32(truncatingIfNeeded: getpid()), radix: 16) + String(time(nil) & 0xFFFFFF, radix: 16)
        let link: any LoadLink =
            switch plan.transport {
            case .udp: try DatagramLink(local: plan.local, target: plan.target)
            case .tcp: try StreamLink(local: plan.local, target: plan.target)
            }
        let engine = LoadEngine(plan: plan, link: link, runID: runID)
        var errors = 0
        do {
            try engine.run { report in
                errors += report.statistics.errors
                Terminal.result(self.json ? report.json : report.humanText)
            }
        } catch {
            switch error {
            case .setUp(let reason):
                throw CommandFailure(
                    reason, advice: "Check that \(plan.target) serves \(plan.domain) without asking for passwords.")
            }
        }
        if engine.isOverdue { throw CommandFailure("the run was ended after --max-time \(Int(plan.maximumTime)) s") }
        if errors > plan.maximumErrors { throw CommandFailure("a phase was ended after \(errors) errors") }
    }
}

extension LoadPlan.Mode: ExpressibleByArgument {}
extension LoadPlan.Transport: ExpressibleByArgument {}
