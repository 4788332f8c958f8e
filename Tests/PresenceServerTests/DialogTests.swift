import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("The dialogs of the notifier")
struct DialogTests {
    @Test(
        "NOTIFY follows the route set of the SUBSCRIBE",
        .spec(
            "RFC 3261 §12.1.1", "RFC 3261 §12.2.1.1", "RFC 6665 §4.4.1", "REQ-23141-22", "RFC 3261 §12.1.1/1",
            "RFC 3261 §12.1.1/2", "RFC 6665 §4.2.2/12", "REQ-33141-7"))
    func routeSet() throws {
        var bench = Bench()
        let dialog = try bench.subscribe(
            "ann",
            extra: "Record-Route: <sip:127.0.0.1:6061;lr>, <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p3;lr>\r\n")
        #expect(dialog.answer.list(.recordRoute).count == 3)
        let notify = try #require(bench.drain().first)
        let routes = notify.message.list(.route).map(\.text)
        #expect(routes == ["<sip:127.0.0.1:6061;lr>", "<sip:p2.example.com;lr>", "<sip:p3;lr>"])
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:6060")
        guard case .flow(let flow) = notify.target else {
            Issue.record("the next hop is an address")
            return
        }
        #expect(flow.remote.port == 6061)
    }

    @Test(
        "a refresh moves the remote target, not the route set",
        .spec("RFC 3261 §12.2.2", "RFC 6665 §4.4.1", "RFC 3261 §12.2.2/3"))
    func targetRefresh() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", extra: "Record-Route: <sip:127.0.0.1:6061;lr>\r\n")
        _ = try bench.resubscribe(
            dialog, cseq: 2, extra: "Record-Route: <sip:evil.test;lr>\r\n", contact: "<sip:w@127.0.0.1:7070>")
        let notify = try #require(bench.drain().last)
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:7070")
        #expect(notify.message.list(.route).map(\.text) == ["<sip:127.0.0.1:6061;lr>"])
        _ = try bench.resubscribe(dialog, cseq: 3, contact: nil)
        #expect(bench.drain().last?.message.requestURI.text == "sip:w@127.0.0.1:7070")
    }

    @Test(
        "the SUBSCRIBE that ends a subscription moves the remote target too",
        .spec("RFC 3261 §12.2.2", "RFC 6665 §4.4.1"), arguments: ["presence", "presence.winfo"])
    func targetOfTheEnd(package: String) throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", as: "ann", event: package)
        _ = bench.drain()
        _ = try bench.resubscribe(
            dialog, cseq: 2, event: package, expires: "0", contact: "<sip:w@127.0.0.1:7070>")
        let notify = try #require(bench.drain().last)
        #expect(notify.state == "terminated;reason=timeout")
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:7070")
    }

    @Test("headers in a Contact do not come into the Request-URI of a NOTIFY", .spec("RFC 3261 §19.1.1"))
    func headersInContact() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", contact: "<sip:w@127.0.0.1:6060;x=y?Subject=a&Route=%3Csip:evil.test%3E>")
        let notify = try #require(bench.drain().last)
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:6060;x=y")
    }

    @Test("a strict router gets the request in its own form", .spec("RFC 3261 §12.2.1.1", "RFC 3261 §12.2.1.1/2"))
    func strictRouter() throws {
        var bench = Bench()
        let dialog = try bench.subscribe(
            "ann", extra: "Record-Route: <sip:127.0.0.1:6061>, <sip:p2.example.com;lr>\r\n")
        for (cseq, contact) in [(2, nil), (3, "<sip:w@127.0.0.1:7070>")] as [(UInt32, String?)] {
            let notify = try #require(bench.drain().last)
            #expect(notify.message.requestURI.text == "sip:127.0.0.1:6061")
            #expect(notify.message.list(.route).first?.text == "<sip:p2.example.com;lr>")
            #expect(notify.message.list(.route).last?.text.contains("sip:w@127.0.0.1") == true)
            _ = try bench.resubscribe(dialog, cseq: cseq, contact: contact)
        }
        #expect(bench.drain().last?.message.list(.route).last?.text == "<sip:w@127.0.0.1:7070>")
    }

    @Test(
        "the way back is an address, a name or the connection", .spec("RFC 3261 §18.1.1", "RFC 3263 §4", "RFC 5923 §5"))
    func targets() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", contact: "<sip:w@client.example.com>")
        if case .uri(let uri)? = bench.drain().last?.target {
            #expect(uri.host.text == "client.example.com")
        } else {
            Issue.record("a name is resolved")
        }
        _ = try bench.subscribe("ann", contact: "<sip:w@127.0.0.1:6060;transport=tcp>")
        if case .uri? = bench.drain().last?.target {} else { Issue.record("another transport is resolved") }
        bench.transport = .tcp
        let dialog = try bench.subscribe("ann", contact: "<sip:w@127.0.0.1:6060;transport=tcp>")
        #expect(dialog.answer.text(.contact) == "<sip:127.0.0.1:5070;transport=tcp>")
        if case .flowOrURI(let flow, _)? = bench.drain().last?.target {
            #expect(flow.connection == 9)
        } else {
            Issue.record("the connection is used")
        }
    }

    @Test("a NOTIFY too large for a datagram may go over TCP", .spec("RFC 3261 §18.1.1"))
    func large() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: String(repeating: "x", count: 3000)))
        _ = try bench.subscribe("ann")
        guard case .hops(let hops)? = bench.drain().last?.target else {
            Issue.record("a hop leaves the transport open")
            return
        }
        #expect(hops.first?.endpoint.port == 6060)
    }

    @Test(
        "the id of the Event goes through the whole dialog",
        .spec(
            "RFC 6665 §8.2.1", "RFC 6665 §4.2.2", "RFC 3856 §6.2/1", "RFC 6665 §4.2.2/1", "RFC 6665 §4.5.2/1",
            "RFC 6665 §5.4.2/1", "RFC 6665 §8.2.1/1"))
    func eventID() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", event: "presence;id=77;x=y")
        #expect(bench.drain().last?.header(.event) == "presence;id=77")
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence;id=77").status == 200)
    }

    @Test("sips in the Request-URI is sips in our Contact", .spec("RFC 3261 §12.1.1", "RFC 3261 §12.1.1/3"))
    func sips() throws {
        var bench = Bench()
        bench.transport = .tls
        let dialog = try bench.subscribe("ann", contact: "<sips:w@127.0.0.1>", uri: "sips:ann@bench.test")
        #expect(dialog.answer.text(.contact).hasPrefix("<sips:"))
    }
}
