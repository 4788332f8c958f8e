import Foundation
import Ground
import Testing
import XDMServer

@testable import WebEdge

@Suite("the listener on Ut and its room", .timeLimit(.minutes(2)))
struct UtRoomTests {
    private let head = "PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"

    /// Waits until a server has read what was sent before: its loop takes what is there before it takes what comes later.
    private func settle(_ port: UInt16) {
        let connection = RawConnection(port)
        connection.send("GET /xcap/b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        #expect(connection.answer()?.status == 200)
    }

    @Test("the bodies of all connections have a bound, at the cost of the slowest")
    func manyBodies() async throws {
        let notes = UtNotes()
        var limits = UtLimits()
        limits.bodyBytes = 1_000
        limits.bodiesBytes = 2_500
        try await withUtServer(notes, limits: limits) { port, server in
            await blocking {
                let connections = (0..<3).map { _ in RawConnection(port) }
                for connection in connections {
                    connection.send(self.head + "0123456789")
                    self.settle(port)
                }
                // The third was too much, so that the first had to go.
                let given = connections[0].answer()
                #expect(given?.status == 503 && given?.fields["retry-after"] == "5" && connections[0].endsNow())
                for connection in connections[1...] {
                    connection.send([UInt8](repeating: 0x41, count: 990))
                    #expect(connection.answer()?.text == "PUT a 1000")
                }
                // What was answered needs no room: as many as ever may come one after the other.
                for _ in 0..<5 {
                    connections[1].send(self.head + String(repeating: "a", count: 1_000))
                    #expect(connections[1].answer()?.text == "PUT a 1000")
                }
            }
            #expect(await server.counters().events[.bodiesTooLarge] == 1)
        }
    }

    @Test("a body that nobody can make room for is refused, and its room is free again")
    func bodiesInHand() async throws {
        let notes = UtNotes()
        var limits = UtLimits()
        limits.bodyBytes = 1_000
        limits.bodiesBytes = 1_500
        try await withUtServer(notes, limits: limits) { port, server in
            await blocking {
                let held = RawConnection(port)
                let body = String(repeating: "a", count: 1_000)
                held.send(self.head.replacing("/xcap/a", with: "/xcap/held") + body)
                while notes.requests.isEmpty { sched_yield() }
                let refused = RawConnection(port)
                refused.send(self.head + body)
                #expect(refused.answer()?.status == 503 && refused.endsNow())
                notes.release(UtResponse(status: 200))
                #expect(held.answer()?.status == 200)
                let last = RawConnection(port)
                last.send(self.head + body)
                #expect(last.answer()?.text == "PUT a 1000")
            }
            #expect(await server.counters().events[.bodiesTooLarge] == 1)
        }
    }

    @Test("who sends a head for long makes room for a new connection, who has just begun does not")
    func slowHeads() async throws {
        for (patience, status) in [(Duration.zero, 200), (.seconds(60), 503)] {
            var limits = UtLimits()
            limits.connections = 2
            limits.patience = patience
            let notes = UtNotes()
            try await withUtServer(notes, limits: limits) { port, _ in
                await blocking {
                    let slow = RawConnection(port)
                    slow.send("GET /xcap/a HTTP/1.1\r\nHo")
                    self.settle(port)
                    // The other place goes to one that is being answered.
                    let busy = RawConnection(port)
                    busy.send("GET /xcap/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    while notes.requests.count < 2 { sched_yield() }
                    let quick = RawConnection(port)
                    quick.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    #expect(quick.answer()?.status == status)
                    if status == 200 { #expect(slow.endsNow()) }
                    notes.release(UtResponse(status: 200))
                    #expect(busy.answer()?.status == 200)
                }
            }
        }
    }

    @Test("a length that no number holds is too large", arguments: ["9223372036854775808", "18446744073709551615"])
    func lengths(length: String) async throws {
        try await withUtServer { port, _ in
            await blocking {
                let connection = RawConnection(port)
                connection.send("PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(length)\r\n\r\nabc")
                #expect(connection.answer()?.status == 413 && connection.endsNow())
            }
        }
    }

    @Test("hands over the conditions that name a time", .spec("RFC 9110 §13.1.3", "RFC 9110 §13.1.4"))
    func times() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, _ in
            await blocking {
                let connection = RawConnection(port)
                connection.send(
                    "GET /xcap/a HTTP/1.1\r\nHost: localhost\r\nIf-Modified-Since: one\r\nif-unmodified-since: two\r\n\r\n"
                )
                #expect(connection.answer()?.status == 200)
            }
        }
        #expect(notes.requests.first?.ifModifiedSince == Array("one".utf8))
        #expect(notes.requests.first?.ifUnmodifiedSince == Array("two".utf8))
    }
}
