import Foundation
import Ground
import MusterTesting
import Testing
import XDMServer

@testable import WebEdge

@Suite("the listener on Ut and bad peers", .timeLimit(.minutes(2)))
struct UtHostileTests {
    @Test("refuses requests whose end can be understood in two ways", .spec("RFC 9112 §6.1", "RFC 9112 §6.3"))
    func smuggling() async throws {
        let notes = UtNotes()
        let hidden = "GET /xcap/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
        let heads = [
            "Content-Length: 4\r\nContent-Length: 60\r\n", "Content-Length: 4\r\nContent-Length: 4\r\n",
            "Content-Length: 4, 60\r\n", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "Content-Length: +4\r\n", "Content-Length: 0x4\r\n",
            "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n", "Content-Length : 4\r\n",
            "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding:\u{b}chunked\r\n", "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "X: a\r\n folded\r\nContent-Length: 4\r\n",
            "X: a\rContent-Length: 4\r\n", "X: a\nContent-Length: 4\n", "X\0: a\r\nContent-Length: 4\r\n",
            "Host: other\r\n", ": empty\r\n", "no colon\r\n",
        ]
        try await withUtServer(notes) { port, server in
            let seen = await blocking {
                heads.map { head -> (Int, Bool) in
                    let connection = RawConnection(port)
                    connection.send("POST /xcap/outer HTTP/1.1\r\nHost: localhost\r\n\(head)\r\nABCD" + hidden)
                    let status = connection.answer()?.status ?? 0
                    return (status, connection.endsNow())
                }
            }
            for (index, head) in heads.enumerated() {
                #expect(
                    [400, 501].contains(seen[index].0) && seen[index].1, "\(head.debugDescription): \(seen[index])")
            }
            #expect(await server.counters().events[.malformed] == UInt64(heads.count))
        }
        #expect(notes.requests.isEmpty)
    }

    @Test("refuses chunks that are none", .spec("RFC 9112 §7.1"))
    func badChunks() async throws {
        let notes = UtNotes()
        let bodies = [
            "4\nabcd\r\n0\r\n\r\n", "-1\r\nabcd", "4 4\r\nabcd", "ffffffffffffffffff\r\nabcd",
            "4\r\nabcdEF\r\n0\r\n\r\n",
            "0x4\r\nabcd\r\n0\r\n\r\n", "\r\nabcd",
        ]
        try await withUtServer(notes) { port, _ in
            let seen = await blocking {
                bodies.map { body -> Int in
                    let connection = RawConnection(port)
                    connection.send(
                        "PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
                    let status = connection.answer()?.status ?? 0
                    return connection.endsNow() ? status : -1
                }
            }
            #expect(seen == bodies.map { _ in 400 })
        }
        #expect(notes.requests.isEmpty)
    }

    @Test("answers what is no HTTP/1.1", .spec("RFC 9110 §15.6.2", "RFC 9110 §15.6.6"))
    func noHTTP() async throws {
        let inputs: [([UInt8], Int)] = [
            (Array("FOO /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), 501),
            (Array("get /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), 501),
            (Array("GET /xcap/a HTTP/2.0\r\nHost: localhost\r\n\r\n".utf8), 505),
            (Array("GET /xcap/a HTTP/1.9\r\nHost: localhost\r\n\r\n".utf8), 505),
            (Array("GET /xcap/a\r\n\r\n".utf8), 505), (Array("GET\r\n\r\n".utf8), 501),
            (Array("GET /xcap/a HTTP/1.1\r\n\r\n".utf8), 400),
            (Array("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".utf8), 405),
            ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03], 400),
            (Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), 400), ([0, 0, 0, 0], 400),
            (Array("GET /xcap/\u{fe}\u{ff} HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), 400),
            (Array("GET /xcap/".utf8) + [0xFF] + Array(" HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), 400),
        ]
        try await withUtServer { port, _ in
            let seen = await blocking {
                inputs.map { input, _ -> Int in
                    let connection = RawConnection(port)
                    connection.send(input)
                    return connection.answer()?.status ?? 0
                }
            }
            for (index, (input, status)) in inputs.enumerated() {
                #expect(seen[index] == status, "\(String(decoding: input, as: UTF8.self).debugDescription)")
            }
        }
    }

    @Test("bounds targets and heads", .spec("RFC 9110 §15.5.15", "RFC 6585 §5"))
    func largeHeads() async throws {
        let inputs: [(String, Int)] = [
            ("GET /xcap/\(String(repeating: "a", count: 8_190)) HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
            ("GET /xcap/\(String(repeating: "a", count: 8_186)) HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
            ("GET /xcap/\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
            ("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n", 431),
            (
                "GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n"
                    + String(repeating: "X: \(String(repeating: "a", count: 3_000))\r\n", count: 20) + "\r\n", 431
            ),
            ("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n" + String(repeating: "X: a\r\n", count: 1_000) + "\r\n", 431),
        ]
        try await withUtServer { port, server in
            let seen = await blocking {
                inputs.map { input, _ -> Int in
                    let connection = RawConnection(port)
                    connection.send(input)
                    return connection.answer()?.status ?? 0
                }
            }
            #expect(seen == inputs.map(\.1))
            let counters = await server.counters()
            #expect(counters.events[.targetTooLong] == 2 && counters.events[.headTooLarge] == 3)
        }
    }

    @Test("refuses a body of 100 MB early and keeps nothing of it", .spec("RFC 9110 §15.5.14"))
    func largeBodies() async throws {
        let notes = UtNotes()
        var limits = UtLimits()
        limits.bodyBytes = 10_000
        limits.lingerBytes = 200_000
        try await withUtServer(notes, limits: limits) { port, server in
            let (sent, statuses) = await blocking { () -> (Int, [Int]) in
                let announced = RawConnection(port)
                announced.send("PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
                let first = announced.answer()
                #expect(first?.fields["connection"] == "close")
                // The client goes on all the same.
                var sent = 0
                let block = [UInt8](repeating: 0x41, count: 65_536)
                while sent < 100_000_000 {
                    let count = announced.send(block)
                    sent += count
                    if count < block.count { break }
                }
                let chunked = RawConnection(port)
                chunked.send("PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in 0..<20 { chunked.send("400\r\n" + String(repeating: "a", count: 1_024) + "\r\n") }
                let second = chunked.answer()
                let elsewhere = RawConnection(port)
                elsewhere.send("PUT /else HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
                return (sent, [first?.status ?? 0, second?.status ?? 0, elsewhere.answer()?.status ?? 0])
            }
            #expect(statuses == [413, 413, 404])
            #expect(sent < 50_000_000)
            #expect(await server.counters().events[.bodyTooLarge] == 2)
        }
        #expect(notes.requests.count == 2)
        #expect(notes.requests.allSatisfy { $0.body.isEmpty && $0.bodyFault == .tooLarge })
    }

    @Test("unpacks no more than the limit of what blows up", .spec("RFC 9110 §8.4.1.3"))
    func bombs() async throws {
        let notes = UtNotes()
        let bomb = Gzip().pack([UInt8](repeating: 0, count: 50_000_000)) ?? []
        let small = Gzip().pack([]) ?? []
        #expect(bomb.count < 100_000 && !bomb.isEmpty && !small.isEmpty)
        let members = Array(repeatElement(small, count: 10_000).joined())
        try await withUtServer(notes) { port, _ in
            let statuses = await blocking {
                [bomb, members].map { body -> Int in
                    let connection = RawConnection(port)
                    connection.send(
                        "PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: "
                            + "\(body.count)\r\n\r\n")
                    connection.send(body)
                    return connection.answer()?.status ?? 0
                }
            }
            #expect(statuses == [413, 400])
        }
        #expect(notes.requests.allSatisfy { $0.body.isEmpty })
        let several = (Gzip().pack([1, 2]) ?? []) + (Gzip().pack([3]) ?? [])
        #expect(try Gzip().unpack(several, limit: 3) == [1, 2, 3])
        #expect(throws: Gzip.Fault.tooLarge) { try Gzip().unpack(several, limit: 2) }
    }

    @Test("ends connections that send too slowly, say nothing, or do not read")
    func slowPeers() async throws {
        var limits = UtLimits()
        limits.idle = .milliseconds(400)
        limits.head = .milliseconds(200)
        limits.body = .milliseconds(200)
        limits.reading = .milliseconds(300)
        limits.answer = .milliseconds(300)
        try await withUtServer(limits: limits) { port, server in
            let ends = await blocking { () -> [Int] in
                let head = RawConnection(port)
                head.send("GET /xcap/a HT")
                let body = RawConnection(port)
                body.send("PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
                let silent = RawConnection(port)
                let used = RawConnection(port)
                used.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                _ = used.answer()
                let unanswered = RawConnection(port)
                unanswered.send("GET /xcap/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return [
                    head.answer()?.status ?? 0, head.endsNow() ? 1 : 0, body.answer()?.status ?? 0,
                    body.endsNow() ? 1 : 0, silent.endsNow() ? 1 : 0, used.endsNow() ? 1 : 0,
                    unanswered.answer()?.status ?? 0,
                ]
            }
            #expect(ends == [408, 1, 408, 1, 1, 1, 503])
            let reader = await blocking { () -> Bool in
                let connection = RawConnection(port)
                connection.send(String(repeating: "GET /xcap/huge HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 20))
                return true
            }
            #expect(reader)
            var counters = await server.counters()
            while counters.events[.slowReader] == nil, counters.connections > 0 {
                counters = await server.counters()
            }
            #expect(counters.events[.slowHead] == 1 && counters.events[.slowBody] == 1)
            #expect(counters.events[.idle] == 2 && counters.events[.unanswered] == 1)
        }
    }

    @Test("does not answer ahead of a client that does not read")
    func greedyPipelining() async throws {
        let notes = UtNotes()
        var limits = UtLimits()
        limits.reading = .milliseconds(200)
        try await withUtServer(notes, limits: limits) { port, server in
            let connection = Mutexed<RawConnection?>(nil)
            await blocking {
                let raw = RawConnection(port)
                raw.send(String(repeating: "GET /xcap/huge HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 50))
                connection.value = raw
            }
            while await server.counters().events[.slowReader] == nil {}
            #expect(notes.requests.count == 1)
            #expect(await server.counters().connections == 0)
            connection.value = nil
        }
    }

    @Test("makes room for a new connection where one is idle, and says 503 where none is")
    func manyConnections() async throws {
        let notes = UtNotes()
        var limits = UtLimits()
        limits.connections = 3
        try await withUtServer(notes, limits: limits) { port, server in
            await blocking {
                var held: [RawConnection] = []
                let request = "GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
                for _ in 0..<3 {
                    let connection = RawConnection(port)
                    connection.send(request)
                    #expect(connection.answer()?.status == 200)
                    held.append(connection)
                }
                let fourth = RawConnection(port)
                fourth.send(request)
                #expect(fourth.answer()?.status == 200 && held[0].endsNow())
                for connection in [held[1], held[2], fourth] {
                    connection.send(request.replacing("/xcap/a", with: "/xcap/held"))
                }
                while notes.requests.count < 7 { sched_yield() }
                let fifth = RawConnection(port)
                #expect(fifth.answer()?.status == 503 && fifth.endsNow())
            }
            notes.release(UtResponse(status: 200))
            let counters = await server.counters()
            #expect(counters.events[.evicted] == 1 && counters.events[.refusedConnection] == 1)
            #expect(counters.connectionsAccepted == 4 && counters.connections <= 3)
        }
    }

    @Test("drops answers that nobody waits for any more, and second ones")
    func lateAnswers() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, server in
            await blocking {
                let connection = RawConnection(port)
                connection.send("GET /xcap/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while notes.requests.isEmpty { sched_yield() }
                connection.breakOff()
            }
            while await server.counters().connections > 0 {}
            notes.release(UtResponse(status: 200))
            #expect(await server.counters().requests.isEmpty)
            await blocking {
                let connection = RawConnection(port)
                connection.send("GET /xcap/twice HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(connection.answer()?.text == "first")
                connection.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(connection.answer()?.text == "GET a 0")
            }
        }
    }

    @Test("bears whatever octets come", arguments: 0..<8)
    func noise(seed: Int) async throws {
        try await withUtServer { port, server in
            await blocking {
                var random = SplitMix(seed: UInt64(seed))
                let sample = Array(
                    ("PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"
                        + "Expect: 100-continue\r\n\r\n4\r\nabcd\r\n0\r\n\r\nGET /xcap/b HTTP/1.1\r\nHost: a\r\n\r\n")
                        .utf8)
                for _ in 0..<60 {
                    var bytes = sample
                    for _ in 0..<Int(random.next() % 6) {
                        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
                    }
                    let connection = RawConnection(port)
                    let cut = Int(random.next() % UInt64(bytes.count))
                    connection.send(Array(bytes[..<cut]))
                    connection.send(Array(bytes[cut...]))
                    connection.endOutput()
                    while connection.answer() != nil {}
                    #expect(connection.isEnded)
                }
                let connection = RawConnection(port)
                connection.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(connection.answer()?.text == "GET a 0")
            }
            while await server.counters().connections > 0 {}
        }
    }
}
