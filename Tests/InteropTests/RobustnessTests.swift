import Foundation
import Ground
import MusterTesting
import Testing

extension Interop {
    /// What nobody should send, sent to a node that others use at the same time.
    @Suite("Hostile peers", .serialized)
    struct Hostile {
        /// How much a node may grow under what a few hundred hostile messages bring, in bytes.
        private static let growthBound = 64 << 20

        /// Every message of the torture corpora, whatever its verdict.
        private static func corpus() throws -> [(name: String, bytes: [UInt8])] {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("TortureTests")
            var found: [(name: String, bytes: [UInt8])] = []
            let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "msg" else { continue }
                found.append((file.lastPathComponent, Array(try Data(contentsOf: file))))
            }
            return found.sorted { $0.name < $1.name }
        }

        @Test(
            "after every torture message as a datagram the node still serves, and has not grown",
            .spec("RFC 4475 §3", "RFC 5118 §4", "RFC 3261 §16.3", "RFC 3261 §8.2", "RFC 3261 §18.3"))
        func tortureByDatagram() throws {
            let server = try RunningServer()
            try server.expectServing()
            let before = try #require(server.tool.residentBytes)
            let corpus = try Self.corpus()
            #expect(corpus.count > 160)
            for message in corpus {
                let socket = try PlainSocket.datagram(to: server.endpoint)
                socket.send(message.bytes)
                try server.expectServing("after \(message.name)")
            }
            let growth = try #require(server.tool.residentBytes) - before
            #expect(growth < Self.growthBound, "the node grew by \(growth >> 20) MB")
            server.stop()
        }

        @Test(
            "after every torture message on a stream the node still serves, and has not grown",
            .spec("RFC 4475 §3", "RFC 5118 §4", "RFC 3261 §18.3"))
        func tortureByStream() throws {
            let server = try RunningServer()
            try server.expectServing()
            let before = try #require(server.tool.residentBytes)
            for message in try Self.corpus() {
                let socket = try PlainSocket.stream(to: server.endpoint)
                socket.send(message.bytes)
                socket.finish()
                let other = try PlainSocket.stream(to: server.endpoint)
                other.send(PlainMessage.request("OPTIONS", from: "asker", at: other.name, transport: "TCP"))
                #expect(other.awaitResponse()?.status == 200, "after \(message.name)")
            }
            let growth = try #require(server.tool.residentBytes) - before
            #expect(growth < Self.growthBound, "the node grew by \(growth >> 20) MB")
            server.stop()
        }

        @Test("garbage of every length is no reason to stop", .spec("RFC 3261 §18.3"))
        func garbage() throws {
            let server = try RunningServer()
            var random = SplitMix(state: 20_260_101)
            for length in stride(from: 0, through: 3000, by: 37) {
                let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                try PlainSocket.datagram(to: server.endpoint).send(bytes)
                let stream = try PlainSocket.stream(to: server.endpoint)
                stream.send(bytes)
            }
            // Half a message, line ends without end, and a request line that never ends.
            let request = PlainMessage.request("OPTIONS", from: "asker", at: "x.invalid")
            for cut in stride(from: 1, to: request.count, by: 11) {
                try PlainSocket.datagram(to: server.endpoint).send(Array(request[..<cut]))
            }
            try PlainSocket.stream(to: server.endpoint).send([UInt8](repeating: 10, count: 100_000))
            try server.expectServing()
            server.stop()
        }

        @Test(
            "the largest datagram there is gets an answer that says too large, or none",
            .spec("RFC 3261 §21.4.11", "RFC 3261 §18.1.1"))
        func largestDatagram() throws {
            let server = try RunningServer()
            let socket = try PlainSocket.datagram(to: server.endpoint)
            let filler = String(repeating: "x", count: 65_000)
            socket.send(PlainMessage.request("OPTIONS", from: "asker", at: socket.name, more: ["Subject: \(filler)"]))
            if let answer = socket.awaitResponse(within: 5) {
                #expect([200, 400, 413, 431, 494, 513].contains(answer.status ?? 0), "\(answer.start)")
            }
            let document = "<presence>" + String(repeating: "<a>", count: 20_000)
            socket.send(
                PlainMessage.request(
                    "PUBLISH", from: "asker", to: "sip:asker@bench.test", at: socket.name,
                    more: ["Event: presence", "Content-Type: application/pidf+xml"], body: document))
            let answer = socket.awaitResponse(within: 10)
            #expect([400, 413].contains(answer?.status ?? 0), "\(answer?.start ?? "no answer")")
            try server.expectServing()
        }

        @Test(
            "a stream that promises more than the limit is refused at once and closed",
            .spec("RFC 3261 §21.4.11", "RFC 3261 §18.3", "RFC 3261 §21.5.7"))
        func oversizeStream() throws {
            let server = try RunningServer()
            let before = try #require(server.tool.residentBytes)
            for length in ["70000", "4294967295", "18446744073709551616", "99999999999999999999999999"] {
                let socket = try PlainSocket.stream(to: server.endpoint)
                let text = String(
                    decoding: PlainMessage.request("OPTIONS", from: "asker", at: socket.name, transport: "TCP"),
                    as: UTF8.self)
                socket.send(
                    Array(text.replacingOccurrences(of: "Content-Length: 0", with: "Content-Length: \(length)").utf8))
                let answer = socket.awaitResponse(within: 10)
                #expect([400, 413, 513].contains(answer?.status ?? 0), "\(length): \(answer?.start ?? "no answer")")
                #expect(socket.awaitClose(within: 10), "a stream that lost its framing stays open after \(length)")
            }
            // A head that never ends: what comes behind the bound is thrown away, and soon the node closes.
            let endless = try PlainSocket.stream(to: server.endpoint)
            endless.send(Array("OPTIONS sip:bench.test SIP/2.0\r\n".utf8))
            let piece = Array(("Subject: " + String(repeating: "y", count: 4000) + "\r\n").utf8)
            let deadline = Date(timeIntervalSinceNow: 20)
            while endless.send(piece), deadline.timeIntervalSinceNow > 0 {}
            #expect(deadline.timeIntervalSinceNow > 0, "the node reads a head without end")
            let growth = try #require(server.tool.residentBytes) - before
            #expect(growth < Self.growthBound, "the node grew by \(growth >> 20) MB")
            try server.expectServing()
        }

        @Test("two hundred connections that never finish a message hold up nobody", .spec("RFC 3261 §18.3"))
        func slowLoris() throws {
            let server = try RunningServer()
            let half = Array("OPTIONS sip:bench.test SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bK1\r\n".utf8)
            var held: [PlainSocket] = []
            for _ in 0..<200 {
                let socket = try PlainSocket.stream(to: server.endpoint)
                socket.send(half)
                held.append(socket)
            }
            for socket in held { socket.send([0x53]) }
            let other = try PlainSocket.stream(to: server.endpoint)
            other.send(PlainMessage.request("OPTIONS", from: "asker", at: other.name, transport: "TCP"))
            #expect(other.awaitResponse()?.status == 200)
            try server.expectServing()
            #expect(held.count == 200)
        }

        @Test("a source that floods is bounded; another one is served as if nothing were")
        func flood() throws {
            var wishes = RunningServer.Wishes()
            wishes.isLaboratory = false
            wishes.flood = 100
            let server = try RunningServer(wishes)
            let flooder = try PlainSocket.datagram(to: server.endpoint)
            for _ in 0..<2000 {
                flooder.send(PlainMessage.request("OPTIONS", from: "flooder", at: flooder.name))
            }
            let other = try PlainSocket.datagram(to: server.endpoint, from: IPAddress("127.0.0.2") ?? .loopback)
            other.send(PlainMessage.request("OPTIONS", from: "asker", at: other.name))
            #expect(other.awaitResponse()?.status == 200, "the innocent wait for the flooder")
            var answers = 0
            while flooder.awaitResponse(within: 1) != nil { answers += 1 }
            #expect(answers >= 50, "a burst is not served: \(answers)")
            #expect(answers < 1500, "a flood is served: \(answers)")
            server.stop()
        }
    }
}

/// A small generator whose numbers are the same in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
