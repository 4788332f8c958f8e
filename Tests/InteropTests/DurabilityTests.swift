import Foundation
import MusterTesting
import Testing

extension Interop {
    /// A 2xx means that the state survives the end of the process.
    @Suite("Durability", .serialized)
    struct Durability {
        private static func document(_ note: String) -> String {
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@bench.test">\
            <tuple id="t1"><status><basic>open</basic></status><note>\(note)</note></tuple></presence>
            """
        }

        private static func publish(_ note: String?, etag: String?, on socket: PlainSocket, _ transport: String)
            -> PlainMessage?
        {
            socket.send(
                PlainMessage.request(
                    "PUBLISH", from: "alice", to: "sip:alice@bench.test", at: socket.name, transport: transport,
                    more: ["Event: presence", "Expires: 600"] + (etag.map { ["SIP-If-Match: \($0)"] } ?? [])
                        + (note == nil ? [] : ["Content-Type: application/pidf+xml"]),
                    body: note.map(self.document) ?? ""))
            return socket.awaitResponse()
        }

        @Test(
            "after kill -9 a subscription goes on in its dialog with the next CSeq, and entity tags stay good",
            .spec("RFC 6665 §4.2.2", "RFC 3261 §12.2.1.1", "RFC 3903 §6", "RFC 3903 §4.1", "TS 24.141 §5.3.3"))
        func survives() throws {
            let server = try RunningServer()
            let watcher = try PlainSocket.datagram(to: server.endpoint)
            let publisher = try PlainSocket.datagram(to: server.endpoint)
            let first = try #require(Self.publish("before", etag: nil, on: publisher, "UDP"))
            #expect(first.status == 200)

            let call = UUID().uuidString
            func subscribe(cseq: Int, toTag: String?, uri: String?, expires: Int) -> PlainMessage? {
                watcher.send(
                    PlainMessage.request(
                        "SUBSCRIBE", from: "bob", to: "sip:alice@bench.test", uri: uri, at: watcher.name, call: call,
                        cseq: cseq, toTag: toTag,
                        more: ["Event: presence", "Expires: \(expires)", "Contact: <sip:bob@\(watcher.name)>"]))
                return watcher.awaitResponse()
            }
            let accepted = try #require(subscribe(cseq: 1, toTag: nil, uri: nil, expires: 600))
            #expect(accepted.status == 200)
            let notified = try #require(watcher.awaitRequest("NOTIFY"))
            #expect(notified.body.contains("before"))
            let lastCSeq = try #require(notified["CSeq"].flatMap { Int($0.prefix { $0.isNumber }) })

            try server.killAndRestart()

            let second = try #require(
                Self.publish("after", etag: first["SIP-ETag"], on: publisher, "UDP"), "no answer to PUBLISH")
            #expect(second.status == 200, "\(second.start)")
            #expect(second["SIP-ETag"] != first["SIP-ETag"])
            // The server may tell the state once more before it tells the new one; no number is missing or repeated.
            var told = lastCSeq
            var body = ""
            while !body.contains("after") {
                let next = try #require(watcher.awaitRequest("NOTIFY"), "no NOTIFY after the restart")
                told += 1
                #expect(next["CSeq"] == "\(told) NOTIFY")
                #expect(next["Call-ID"] == call)
                #expect(next.tag(of: "From") == accepted.tag(of: "To"))
                #expect(next.tag(of: "To") == "from")
                body = next.body
            }

            // The dialog takes a refresh and an end as if nothing had happened.
            let contact = accepted["Contact"].map { $0.trimmingCharacters(in: ["<", ">"]) }
            let refreshed = subscribe(cseq: 2, toTag: accepted.tag(of: "To"), uri: contact, expires: 0)
            #expect(refreshed?.status == 200, "\(refreshed?.start ?? "no answer")")
            let last = watcher.awaitRequest("NOTIFY")
            #expect(last?["Subscription-State"]?.hasPrefix("terminated") == true)
            #expect(last?["CSeq"] == "\(told + 1) NOTIFY")
            // The old entity tag is used up, the new one removes.
            #expect(Self.publish(nil, etag: first["SIP-ETag"], on: publisher, "UDP")?.status == 412)
            #expect(Self.publish(nil, etag: second["SIP-ETag"], on: publisher, "UDP")?.status == 200)
        }

        @Test(
            "whatever moment the process dies in, what it acknowledged is there",
            .spec("RFC 3903 §6", "RFC 3903 §4.1"))
        func killedUnderLoad() throws {
            let server = try RunningServer()
            var etag: String?
            for round in 0..<5 {
                let socket = try PlainSocket.stream(to: server.endpoint)
                var note = ""
                for step in 0..<20 {
                    let answer = try #require(
                        Self.publish("note-\(round)-\(step)", etag: etag, on: socket, "TCP"), "no answer")
                    #expect(answer.status == 200, "\(answer.start) in round \(round), step \(step)")
                    etag = answer["SIP-ETag"]
                    note = "note-\(round)-\(step)"
                }
                try server.killAndRestart()
                let outcome = try Tool.muster([
                    "fetch", "sip:alice@bench.test", "--as", "sip:bob@bench.test", "--server",
                    "sip:\(server.address)", "--json",
                ])
                #expect(outcome.output.contains("\"\(note)\""), "\(note) is lost: \(outcome.output)")
            }
        }
    }
}
