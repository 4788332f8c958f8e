import ArgumentParser
import Ground
import SIPWire
import Testing
import UserAgent

@testable import muster

@Suite("The command line")
struct CommandTests {
    private let common = ["--as", "sip:bob@home.example"]

    @Test("who, whom and where are understood")
    func watch() throws {
        let command = try WatchCommand.parse(
            ["sip:alice@home.example", "--server", "sip:192.0.2.1:5080", "--transport", "tcp", "--expires", "600"]
                + self.common)
        #expect(command.presentities == ["sip:alice@home.example"])
        #expect(command.options.serverURI == "sip:192.0.2.1:5080;transport=tcp")
        #expect(command.options.chosenTransport == .tcp)
        #expect(command.options.expires == 600)
    }

    @Test("the transport of the server's URI goes first")
    func transport() throws {
        let options = try ClientOptions.parse(
            self.common + ["--server", "sip:h;transport=tls", "--transport", "udp"])
        #expect(options.serverURI == "sip:h;transport=tls")
        #expect(options.chosenTransport == .tls)
        #expect(try ClientOptions.parse(self.common + ["--server", "sips:h"]).chosenTransport == .tls)
        #expect(try ClientOptions.parse(self.common).chosenTransport == nil)
    }

    @Test(
        "what cannot be meant is refused with a word about what is",
        arguments: [
            ["--as", "bob"], ["--as", "sip:home.example"], ["--as", "tel:+1555"],
            ["--as", "sip:b@h", "--server", "192.0.2.1"], ["--as", "sip:b@h", "--bind", "nowhere"],
            ["--as", "sip:b@h", "--expires", "0"], ["--as", "sip:b@h", "--tls-key", "x"],
            ["--as", "sip:b@h", "--transport", "pigeon"], [],
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { try ClientOptions.parse(arguments) }
    }

    @Test("a watch needs addresses of users", arguments: [[], ["alice"], ["http://x"]])
    func presentities(names: [String]) {
        #expect(throws: (any Error).self) { try WatchCommand.parse(names + self.common) }
    }

    @Test("rates and packages are checked")
    func wishes() throws {
        #expect(throws: (any Error).self) {
            try WatchCommand.parse(["sip:a@b", "--max-rate", "0"] + self.common)
        }
        #expect(throws: (any Error).self) {
            try WatchCommand.parse(["sip:a@b", "--event", "pre sence"] + self.common)
        }
        let command = try WatchCommand.parse(["sip:a@b", "--max-rate", "0.5", "--partial"] + self.common)
        let request = try command.wishes.request(for: "sip:a@b", expires: 60)
        #expect(request.rates.maximum == 0.5)
        #expect(request.partial)
        #expect(request.expires == 60)
    }

    @Test("a status on the command line becomes a document")
    func publish() throws {
        let command = try PublishCommand.parse(
            self.common + ["--status", "closed", "--activity", "away", "--activity", "meal", "--note", "gone"])
        let summary = try command.document(at: Instant(seconds: 1)).summary
        #expect(summary.isOpen == false)
        #expect(summary.persons.first?.activities == ["away", "meal"])
        #expect(summary.services.first?.notes == ["gone"])
        #expect(summary.services.first?.contact == "sip:bob@home.example")
    }

    @Test("a document in a file stands alone")
    func publishFile() {
        #expect(throws: (any Error).self) {
            try PublishCommand.parse(self.common + ["--file", "x.xml", "--note", "no"])
        }
        #expect(throws: CommandFailure.self) {
            try PublishCommand.parse(self.common + ["--file", "/nonexistent/x.xml"]).document(at: .zero)
        }
    }

    @Test("the Contact leads to the socket over the transport that was chosen")
    func contact() {
        var configuration = ClientConfiguration(
            agent: UserAgent.Configuration(identity: "sip:bob@home.example", contact: ""), transport: nil,
            bind: Endpoint(.loopback, 0), isServerLiteral: true)
        let bound = Endpoint(.loopback, 5062)
        #expect(configuration.contact(at: bound) == "sip:bob@127.0.0.1:5062")
        configuration.transport = .tcp
        #expect(configuration.contact(at: bound) == "sip:bob@127.0.0.1:5062;transport=tcp")
        let six = Endpoint(IPAddress(ipv6High: 0, low: 1), 5062)
        #expect(configuration.contact(at: six) == "sip:bob@[::1]:5062;transport=tcp")
    }

    @Test("the load options are those of the benchmark")
    func load() throws {
        let plan = try LoadCommand.parse([
            "--target", "127.0.0.1:5070", "--mode", "fan-out", "--ops", "5", "--server-pid", "1", "--server-pid", "2",
        ]).plan()
        #expect(plan.watchers == 10)
        #expect(plan.operations == 5)
        #expect(plan.serverProcesses == [1, 2])
        #expect(throws: (any Error).self) { try LoadCommand.parse(["--target", "nowhere"]) }
        #expect(throws: (any Error).self) { try LoadCommand.parse(["--target", "127.0.0.1:1", "--ops", "0"]) }
    }

    @Test("every command is there under its name")
    func commands() {
        for name in [
            "serve", "demo", "publish", "watch", "fetch", "register", "subscriber", "check-config", "example-config",
            "load", "policy", "watchers", "list", "xcap",
        ] {
            #expect(
                Muster.configuration.subcommands.contains { $0.configuration.commandName == name }
                    || Muster.configuration.groupedSubcommands.contains { group in
                        group.subcommands.contains { $0._commandName == name }
                    }, "\(name)")
        }
    }

    @Test("tables are aligned, and foreign text cannot break them")
    func table() {
        #expect(TextTable.aligned([["A", "BB"], ["long", "x\u{1B}y"]]) == "A     BB\nlong  x y")
        #expect(TextTable.aligned([]).isEmpty)
    }

    @Test("an address that faces the loopback is the loopback")
    func localAddress() {
        #expect(LocalAddress.facing("127.0.0.1") == .loopback)
        #expect(LocalAddress.facing("[::1]") == IPAddress(ipv6High: 0, low: 1))
        #expect(LocalAddress.facing("no such host at all") == .loopback)
    }
}
