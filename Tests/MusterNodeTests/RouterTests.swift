import Ground
import MusterNode
import MusterTesting
import SIPWire
import Testing

/// Which box serves what, in a node that is both registrar and presence server.
@Suite("Routing inside a node")
struct RouterTests {
    private let router = Router(domains: ["home.test"])
    private let local = Endpoint(.loopback, 5060)

    private func destination(
        _ start: String, _ headers: String = "", to tag: String? = nil, bound: Set<String> = []
    ) throws -> Router.Destination {
        let text =
            "\(start) SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
            + "From: <sip:bob@home.test>;tag=1\r\nTo: <sip:alice@home.test>\(tag.map { ";tag=\($0)" } ?? "")\r\n"
            + "Call-ID: a\r\nCSeq: 1 \(start.split(separator: " ")[0])\r\n\(headers)Content-Length: 0\r\n\r\n"
        let message = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
        return self.router.destination(of: message, local: self.local) { uri in
            bound.contains(uri.canonicalIdentity[...].text)
        }
    }

    @Test(
        "presence of a served domain is the Presence Server's, registered or not",
        .spec("RFC 3856 §7", "RFC 3856 §7/1", "REQ-33141-1"))
    func presence() throws {
        let alice: Set = ["sip:alice@home.test"]
        for uri in ["sip:alice@home.test", "sips:alice@HOME.test", "sip:alice@home.test;transport=tcp"] {
            for method in ["SUBSCRIBE", "PUBLISH"] {
                #expect(try self.destination("\(method) \(uri)", "Event: presence;id=7\r\n") == .presence)
                #expect(try self.destination("\(method) \(uri)", "Event: presence\r\n", bound: alice) == .presence)
            }
        }
    }

    @Test("a refresh finds the Presence Server by its Contact", .spec("RFC 6665 §4.4.1", "RFC 6665 §4.5.1/1"))
    func refresh() throws {
        let event = "Event: presence\r\n"
        #expect(try self.destination("SUBSCRIBE sip:127.0.0.1", event, to: "x") == .presence)
        #expect(try self.destination("SUBSCRIBE sip:127.0.0.1:5060", event, to: "x") == .presence)
        #expect(try self.destination("SUBSCRIBE sip:127.0.0.1:5999", event, to: "x") == .registrar)
        #expect(try self.destination("SUBSCRIBE sip:carol@home.test;gr=urn:x", event, to: "x") == .registrar)
    }

    @Test("packages that we do not serve go to who registered, and are refused by us otherwise")
    func otherPackages() throws {
        let alice: Set = ["sip:alice@home.test"]
        let event = "Event: dialog\r\n"
        #expect(try self.destination("SUBSCRIBE sip:alice@home.test", event, bound: alice) == .registrar)
        #expect(try self.destination("SUBSCRIBE sip:alice@home.test", event) == .presence)
        #expect(try self.destination("SUBSCRIBE sip:alice@home.test", "Event: presence.winfo.winfo\r\n") == .presence)
        #expect(try self.destination("PUBLISH sip:alice@home.test", event) == .presence)
    }

    @Test(
        "watcher information is the Presence Server's and changes of documents are the XDM server's, registered or not",
        .spec("RFC 3857 §4.1", "RFC 5875 §4.1"))
    func templateAndDifferences() throws {
        let alice: Set = ["sip:alice@home.test"]
        for bound in [alice, []] {
            let watchers = "Event: presence.winfo\r\n"
            #expect(try self.destination("SUBSCRIBE sip:alice@home.test", watchers, bound: bound) == .presence)
            let changes = "Event: xcap-diff;diff-processing=aggregate\r\n"
            #expect(try self.destination("SUBSCRIBE sip:alice@home.test", changes, bound: bound) == .documents)
            #expect(try self.destination("SUBSCRIBE sip:127.0.0.1", changes, to: "x", bound: bound) == .documents)
            #expect(try self.destination("SUBSCRIBE sip:zoe@elsewhere.test", changes, bound: bound) == .registrar)
        }
        #expect(try self.destination("PUBLISH sip:alice@home.test", "Event: xcap-diff\r\n") == .presence)
    }

    @Test("everything else is the S-CSCF's")
    func others() throws {
        #expect(try self.destination("REGISTER sip:home.test") == .registrar)
        #expect(try self.destination("MESSAGE sip:alice@home.test") == .registrar)
        #expect(try self.destination("INVITE sip:alice@home.test") == .registrar)
        #expect(try self.destination("NOTIFY sip:carol@192.0.2.7:5070", "Event: presence\r\n", to: "x") == .registrar)
        #expect(try self.destination("SUBSCRIBE sip:zoe@elsewhere.test", "Event: presence\r\n") == .registrar)
        #expect(try self.destination("OPTIONS sip:home.test") == .presence)
        #expect(
            try self.destination("OPTIONS sip:alice@home.test", bound: ["sip:alice@home.test"]) == .registrar)
        #expect(
            try self.destination(
                "SUBSCRIBE sip:alice@home.test", "Event: presence\r\nRoute: <sip:home.test;lr>, <sip:p.test;lr>\r\n")
                == .registrar)
    }
}
