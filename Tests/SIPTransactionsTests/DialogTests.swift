import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("Dialogs")
struct DialogTests {
    static let subscribe = Rig.request(
        "SUBSCRIBE", from: "\"Bob\" <sip:bob@example.com>;tag=b1", callID: "abc@host", cseq: "7 SUBSCRIBE",
        extra: "Event: presence\r\nRecord-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>\r\n")

    private func accepted(_ text: String = DialogTests.subscribe) throws -> Dialog {
        try #require(Dialog(accepting: try Rig.message(text), localTag: Array("us".utf8)[...]))
    }

    private func text(_ dialog: Dialog, _ method: Method = .notify, _ sequence: UInt32 = 1) -> String {
        var writer = dialog.request(method, sequence: sequence)
        return String(decoding: writer.finish(), as: UTF8.self)
    }

    @Test("a server takes its dialog from the request", .spec("RFC 3261 §12.1.1", "RFC 3261 §12.1.1/1"))
    func server() throws {
        let dialog = try self.accepted()
        #expect(dialog.callID.text == "abc@host")
        #expect(dialog.localTag.text == "us")
        #expect(dialog.remoteTag.text == "b1")
        #expect(dialog.localURI.text == "sip:alice@example.com")
        #expect(dialog.remoteURI.text == "sip:bob@example.com")
        #expect(dialog.remoteTarget.text == "sip:bob@192.0.2.99:5070")
        #expect(dialog.remoteSequence == 7)
        #expect(dialog.localSequence == 0)
        #expect(!dialog.isSecure)
        #expect(dialog.state == .confirmed)
        // The route set is in the order of the request.
        #expect(dialog.routeSet.map(\.text) == ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"])
        #expect(dialog.nextHop.text == "sip:p2.example.com;lr")
    }

    @Test(
        "a request of the dialog carries the route set, the tags and the next number",
        .spec("RFC 3261 §12.2.1.1", "RFC 3261 §8.1.2/1", "RFC 3261 §12.2.1.1/1"))
    func request() throws {
        var dialog = try self.accepted()
        let sequence = dialog.nextSequence()
        #expect(
            self.text(dialog, .notify, sequence)
                == "NOTIFY sip:bob@192.0.2.99:5070 SIP/2.0\r\nRoute: <sip:p2.example.com;lr>\r\n"
                + "Route: <sip:p1.example.com;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=us\r\n"
                + "To: <sip:bob@example.com>;tag=b1\r\nCall-ID: abc@host\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n"
        )
        var writer = dialog.request(.notify)
        let bytes = writer.finish()
        #expect(String(decoding: bytes, as: UTF8.self).contains("CSeq: 2 NOTIFY"))
        let outgoing = try #require(dialog.outgoing(.notify, bytes))
        #expect(bytes[..<outgoing.viaOffset].text == "NOTIFY sip:bob@192.0.2.99:5070 SIP/2.0\r\n")
        #expect(dialog.viaOffset(.other(Array("X-TEST".utf8))) == 6 + 1 + 23 + 11 - 1)
    }

    @Test(
        "a client takes its dialog from the response, the route set reversed",
        .spec("RFC 3261 §12.1.2", "RFC 3261 §12.1.2/1"))
    func client() throws {
        let response =
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:bob@example.com>;tag=b1\r\n"
            + "To: <sip:alice@example.com>;tag=us\r\nCall-ID: c\r\nCSeq: 9 SUBSCRIBE\r\n"
            + "Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>\r\n"
            + "Contact: <sip:server.example.com;transport=tcp>\r\nContent-Length: 0\r\n\r\n"
        let dialog = try #require(Dialog(establishedBy: try Rig.message(response)))
        #expect(dialog.routeSet.map(\.text) == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"])
        #expect(dialog.localSequence == 9)
        #expect(dialog.remoteSequence == nil)
        #expect(dialog.localURI.text == "sip:bob@example.com")
        #expect(dialog.localTag.text == "b1")
        #expect(dialog.remoteTarget.text == "sip:server.example.com;transport=tcp")
        let untagged = response.replacingOccurrences("200 OK", with: "180 Ringing")
            .replacingOccurrences(";tag=us", with: "")
        #expect(Dialog(establishedBy: try Rig.message(untagged)) == nil)
        var early = try #require(
            Dialog(establishedBy: try Rig.message(response.replacingOccurrences("200 OK", with: "183 Progress"))))
        #expect(early.state == .early)
        early.confirm()
        #expect(early.state == .confirmed)
        let refused = response.replacingOccurrences("200 OK", with: "404 Not Found")
        #expect(Dialog(establishedBy: try Rig.message(refused)) == nil)
    }

    @Test("without a route set the remote target is the next hop", .spec("RFC 3261 §12.2.1.1", "RFC 3261 §8.1.2/1"))
    func noRoutes() throws {
        let dialog = try self.accepted(Rig.request("SUBSCRIBE"))
        #expect(dialog.routeSet.isEmpty)
        #expect(dialog.nextHop == dialog.remoteTarget)
        #expect(!self.text(dialog).contains("Route"))
    }

    @Test(
        "a strict router stands in the request line and the target at the end of the route",
        .spec("RFC 3261 §12.2.1.1", "RFC 3261 §12.2.1.1/2"))
    func strict() throws {
        let dialog = try self.accepted(
            Rig.request("SUBSCRIBE", extra: "Record-Route: <sip:strict.example.com>, <sip:p1.example.com;lr>\r\n"))
        let text = self.text(dialog)
        #expect(
            text.hasPrefix(
                "NOTIFY sip:strict.example.com SIP/2.0\r\nRoute: <sip:p1.example.com;lr>\r\n"
                    + "Route: <sip:bob@192.0.2.99:5070>\r\nMax-Forwards"))
        #expect(dialog.nextHop.text == "sip:strict.example.com")
        #expect(dialog.remoteTarget.text == "sip:bob@192.0.2.99:5070")
        #expect(dialog.routeSet.map(\.text) == ["<sip:strict.example.com>", "<sip:p1.example.com;lr>"])
        #expect(Dialog(decoding: dialog.encoded()[...]) == dialog)
    }

    @Test("a lower or equal number is out of order, a gap is not", .spec("RFC 3261 §12.2.2", "RFC 3261 §12.2.2/2"))
    func sequence() throws {
        var dialog = try self.accepted()
        let verdict7 = dialog.received(sequence: 7)
        #expect(verdict7 == .outOfOrder)
        let verdict6 = dialog.received(sequence: 6)
        #expect(verdict6 == .outOfOrder)
        let verdict20 = dialog.received(sequence: 20)
        #expect(verdict20 == .inOrder)
        let verdict19 = dialog.received(sequence: 19)
        #expect(verdict19 == .outOfOrder)
        #expect(dialog.remoteSequence == 20)
    }

    @Test(
        "a target refresh changes the target and nothing else",
        .spec("RFC 3261 §12.2.2", "RFC 6665 §4.5.2", "RFC 3261 §12.2.2/3"))
    func refresh() throws {
        var dialog = try self.accepted()
        dialog.setLocalSequence(41)
        let isRefreshed = dialog.refreshRemoteTarget(Array("sip:bob@198.51.100.3:5062".utf8)[...])
        #expect(isRefreshed)
        #expect(dialog.remoteTarget.text == "sip:bob@198.51.100.3:5062")
        #expect(dialog.routeSet.map(\.text) == ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"])
        let sequence = dialog.nextSequence()
        #expect(self.text(dialog, .notify, sequence).hasPrefix("NOTIFY sip:bob@198.51.100.3:5062 SIP/2.0"))
        #expect(dialog.localSequence == 42)
        let before = dialog
        for bad in ["", "sip:", "tel:+1555", "sip:a@b\r\nEvil: yes", "mailto:x@y"] {
            let isRefreshedByBad = dialog.refreshRemoteTarget(Array(bad.utf8)[...])
            #expect(!isRefreshedByBad)
        }
        #expect(dialog == before)
        let without = try Rig.message(Rig.request("SUBSCRIBE").replacingOccurrences("Contact", with: "X-None"))
        let isRefreshedByNone = dialog.refreshRemoteTarget(from: without)
        #expect(!isRefreshedByNone)
        let isRefreshedByContact = dialog.refreshRemoteTarget(from: try Rig.message(Rig.request("SUBSCRIBE")))
        #expect(isRefreshedByContact)
    }

    @Test("a request that forms no dialog is refused", .spec("RFC 3261 §12.1.1", "RFC 3261 §8.1.1.8"))
    func unusable() throws {
        for (part, other) in [
            ("Contact: <sip:bob@192.0.2.99:5070>", "Contact: <mailto:bob@example.com>"),
            ("Contact: <sip:bob@192.0.2.99:5070>", "Contact: *"), ("Contact:", "X-Contact:"), ("From:", "X-From:"),
            ("To:", "X-To:"), ("CSeq: 7", "CSeq: x"),
            ("<sip:p1.example.com;lr>", "<mailto:p1@example.com>"),
        ] {
            let text = Self.subscribe.replacingOccurrences(part, with: other)
            #expect(Dialog(accepting: try Rig.message(text), localTag: Array("us".utf8)[...]) == nil, "\(other)")
        }
        let message = try Rig.message(Self.subscribe)
        #expect(Dialog(accepting: message, localTag: []) == nil)
        #expect(Dialog(accepting: message, localTag: Array("a\r\nb".utf8)[...]) == nil)
        let long = String(repeating: "<sip:p.example.com;lr>, ", count: 60) + "<sip:q.example.com;lr>"
        let many = Rig.request("SUBSCRIBE", extra: "Record-Route: \(long)\r\n")
        #expect(Dialog(accepting: try Rig.message(many), localTag: Array("us".utf8)[...]) == nil)
    }

    @Test("a SIPS request over TLS makes a secure dialog", .spec("RFC 3261 §12.1.1"))
    func secure() throws {
        let text = Self.subscribe.replacingOccurrences("SUBSCRIBE sip:", with: "SUBSCRIBE sips:")
        let message = try Rig.message(text)
        #expect(try #require(Dialog(accepting: message, localTag: Array("us".utf8)[...], isOverTLS: true)).isSecure)
        #expect(try #require(Dialog(accepting: message, localTag: Array("us".utf8)[...])).isSecure == false)
    }

    @Test("a peer without tags has an empty one", .spec("RFC 3261 §12.1.1", "RFC 3261 §12.1.1/4"))
    func withoutTag() throws {
        let dialog = try self.accepted(Rig.request("SUBSCRIBE", from: "<sip:bob@example.com>"))
        #expect(dialog.remoteTag.isEmpty)
        #expect(self.text(dialog).contains("To: <sip:bob@example.com>\r\n"))
        #expect(dialog.matches(callID: dialog.callID, localTag: Array("us".utf8)[...], remoteTag: []))
        #expect(!dialog.matches(callID: dialog.callID, localTag: Array("us".utf8)[...], remoteTag: [0x61]))
    }

    @Test("the stored form gives the same dialog")
    func coding() throws {
        var dialog = try self.accepted()
        _ = dialog.nextSequence()
        let bytes = dialog.encoded()
        #expect(Dialog(decoding: bytes[...]) == dialog)
        #expect(bytes.count < 256)
        #expect(MemoryLayout<Dialog>.size <= 72)
    }

    @Test("damage to the stored form gives nil or a dialog that could have been made")
    func damage() throws {
        let bytes = try self.accepted().encoded()
        for count in 0..<bytes.count { #expect(Dialog(decoding: bytes[..<count]) == nil) }
        #expect(Dialog(decoding: (bytes + [0])[...]) == nil)
        var entropy = Entropy.seeded(3)
        var survivors = 0
        for _ in 0..<5_000 {
            var damaged = bytes
            for _ in 0...entropy.next(below: 3) {
                damaged[Int(entropy.next(below: UInt64(damaged.count)))] = UInt8(truncatingIfNeeded: entropy.next())
            }
            guard let dialog = Dialog(decoding: damaged[...]) else { continue }
            survivors += 1
            // Whatever came out can be written into a message that can be read, line by line.
            var writer = dialog.request(.notify, sequence: 1)
            let message = try SIPMessage.parse(writer.finish(), framing: .datagram)
            #expect(message.headers.count == dialog.routeSet.count + 6)
            #expect(dialog.nextHopURI != nil)
        }
        #expect(survivors > 0)
    }

    @Test("the local number starts over before it leaves its range", .spec("RFC 3261 §8.1.1.5", "RFC 3261 §8.1.1.5/1"))
    func numberRange() throws {
        var dialog = try self.accepted()
        dialog.setLocalSequence(0x7FFF_FFFD)
        let last = dialog.nextSequence()
        #expect(last == 0x7FFF_FFFE)
        let first = dialog.nextSequence()
        #expect(first == 1)
    }
}
