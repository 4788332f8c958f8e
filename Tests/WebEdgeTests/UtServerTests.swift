import Ground
import MusterTesting
import NIOPosix
import Testing
import XDMServer

@testable import WebEdge

@Suite("the listener on Ut", .timeLimit(.minutes(2)))
struct UtServerTests {
    @Test("gives a target to the handler exactly as it came")
    func rawTargets() async throws {
        let notes = UtNotes()
        let targets = [
            "pres-rules/users/sip%3Aalice%40home.test/index", "a/../b", "a//b", "./a", "", "a/", "%2e%2e/%2F",
            "resource-lists/users/sip:a@b/index/~~/resource-lists/list[@name=\"l%201\"]/entry[2]?xmlns(a=urn:b)",
            "x/users/'\"<>[]{}|\\^`/index", "%zz", "a%00b", "?q",
        ]
        try await withUtServer(notes) { port, _ in
            let seen = await blocking { () -> [Int] in
                let connection = RawConnection(port)
                return targets.map { target in
                    connection.send("GET /xcap/\(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    return connection.answer()?.status ?? 0
                }
            }
            #expect(seen == targets.map { _ in 200 })
        }
        #expect(notes.targets == targets)
        #expect(notes.requests.first?.requestTarget == Array("/xcap/\(targets[0])".utf8))
    }

    @Test("takes absolute targets and refuses what lies outside the root", .spec("RFC 9112 §3.2.2"))
    func otherTargets() async throws {
        let notes = UtNotes()
        let targets: [(String, Int)] = [
            ("http://127.0.0.1/xcap/a", 200), ("HTTP://localhost:8070/xcap/b?c", 200), ("/xcap", 200),
            ("/xcap?x", 200), ("/xcapx/a", 404), ("/", 404), ("//xcap/a", 404), ("/XCAP/a", 404),
            ("/x/../xcap/a", 404), ("*", 404), ("http://evil.test/xcap/a", 421), ("http://u@127.0.0.1/xcap/a", 404),
            ("ftp://127.0.0.1/xcap/a", 404), ("/xcap/a#b", 400), ("/xcap/\u{e9}", 400), ("/xcap/a\u{7f}", 400),
        ]
        try await withUtServer(notes) { port, _ in
            let seen = await blocking {
                targets.map { target, _ -> Int in
                    let connection = RawConnection(port)
                    connection.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    return connection.answer()?.status ?? 0
                }
            }
            for (index, (target, status)) in targets.enumerated() {
                #expect(seen[index] == status, "\(target)")
            }
        }
        #expect(notes.targets == ["a", "b?c", "", "?x"])
    }

    @Test("hands over the fields that count")
    func fields() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, _ in
            let answer = await blocking { () -> RawConnection.Answer? in
                let connection = RawConnection(port)
                connection.send(
                    "PUT /xcap/a HTTP/1.1\r\nHOST: [::1]:8070\r\nauthorization: Digest x=\"1\"\r\nIf-Match: \"a\"\r\n"
                        + "if-match: \"b\"\r\nIf-None-Match: *\r\nContent-TYPE: application/xml\r\nX-3GPP-Intended-Identity"
                        + ": \"sip:a@b\"\r\nX-3GPP-Asserted-Identity: \"sip:liar@b\"\r\nContent-Length: 3\r\n\r\nabc")
                return connection.answer()
            }
            #expect(answer?.status == 200 && answer?.text == "PUT a 3")
        }
        let request = try #require(notes.requests.first)
        #expect(request.authorization == Array("Digest x=\"1\"".utf8))
        #expect(request.ifMatch == Array("\"a\", \"b\"".utf8) && request.ifNoneMatch == Array("*".utf8))
        #expect(request.contentType == Array("application/xml".utf8))
        #expect(request.intendedIdentity == Array("\"sip:a@b\"".utf8))
        #expect(request.assertedIdentity == nil && !request.isTrustedPeer)
        #expect(request.body == [0x61, 0x62, 0x63] && request.bodyFault == nil)
        #expect(request.remote.address == .loopback && request.remote.port != 0)
    }

    @Test("believes an asserted identity from a trusted proxy only", .spec("OMA XDM identity/1", "REQ-24141-38"))
    func trust() async throws {
        for (trusted, expected) in [(["127.0.0.1"], true), (["10.0.0.0/8", "::1"], false)] {
            let notes = UtNotes()
            try await withUtServer(notes, trusted: trusted) { port, _ in
                await blocking {
                    for field in ["X-3GPP-Asserted-Identity", "x-xcap-asserted-identity"] {
                        let connection = RawConnection(port)
                        connection.send(
                            "GET /xcap/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\(field): \"sip:alice@home.test\"\r\n\r\n")
                        _ = connection.answer()
                    }
                }
            }
            #expect(notes.requests.count == 2)
            for request in notes.requests {
                #expect(request.isTrustedPeer == expected)
                #expect(request.assertedIdentity == (expected ? Array("\"sip:alice@home.test\"".utf8) : nil))
            }
        }
    }

    @Test("refuses two asserted identities that contradict each other")
    func contradiction() async throws {
        let notes = UtNotes()
        try await withUtServer(notes, trusted: ["127.0.0.1"]) { port, _ in
            let statuses = await blocking {
                ["sip:mallory@home.test", "sip:alice@home.test"].map { second -> Int in
                    let connection = RawConnection(port)
                    connection.send(
                        "GET /xcap/a HTTP/1.1\r\nHost: x\r\nX-3GPP-Asserted-Identity: \"sip:alice@home.test\"\r\n"
                            + "X-XCAP-Asserted-Identity: \"\(second)\"\r\n\r\n")
                    return connection.answer()?.status ?? 0
                }
            }
            #expect(statuses == [400, 200])
        }
    }

    @Test("answers a name that somebody points at this machine with 421", .spec("REQ-33141-38"))
    func rebinding() async throws {
        try await withUtServer(hosts: ["XCAP.home.test"]) { port, server in
            let hosts: [(String, Int)] = [
                ("evil.test", 421), ("localhost.evil.test", 421), ("127.0.0.1:\(port)", 200), ("[::1]", 200),
                ("xcap.home.test", 200), ("xcap.home.test:8443", 200), ("LOCALHOST:1", 200), ("", 200),
            ]
            let seen = await blocking {
                hosts.map { host, _ -> Int in
                    let connection = RawConnection(port)
                    connection.send("GET /xcap/a HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                    return connection.answer()?.status ?? 0
                }
            }
            #expect(seen == hosts.map(\.1))
            #expect(await server.counters().events[.foreignHost] == 2)
        }
    }

    @Test("keeps a connection open, and ends it where the client wants that", .spec("RFC 9112 §9.3"))
    func keepAlive() async throws {
        try await withUtServer { port, server in
            await blocking {
                let connection = RawConnection(port)
                for _ in 0..<50 {
                    connection.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    #expect(connection.answer()?.fields["connection"] == nil)
                }
                connection.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                #expect(connection.answer()?.fields["connection"] == "close" && connection.endsNow())
                let old = RawConnection(port)
                old.send("GET /xcap/a HTTP/1.0\r\n\r\n")
                #expect(old.answer()?.status == 200 && old.endsNow())
                let kept = RawConnection(port)
                kept.send("GET /xcap/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(kept.answer()?.fields["connection"] == "keep-alive")
                kept.send("GET /xcap/a HTTP/1.0\r\n\r\n")
                #expect(kept.answer()?.status == 200 && kept.endsNow())
                // An upgrade that is not granted ends the connection, because the parser stops there.
                let upgrade = RawConnection(port)
                upgrade.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
                #expect(upgrade.answer()?.fields["connection"] == "close" && upgrade.endsNow())
            }
            let counters = await server.counters()
            #expect(counters.requests[.init(method: "GET", status: 200)] == 55)
            #expect(counters.connectionsAccepted == 4)
        }
    }

    @Test("answers pipelined requests in their order, however late", .spec("RFC 9112 §9.3.2"))
    func pipelining() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, _ in
            let answers = Task.detached {
                await blocking { () -> [String] in
                    let connection = RawConnection(port)
                    var text = "GET /xcap/held HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    text += "PUT /xcap/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
                    for index in 0..<5_000 { text += "GET /xcap/\(index) HTTP/1.1\r\nHost: localhost\r\n\r\n" }
                    text += "GET /xcap/gone HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                    connection.send(text)
                    var seen: [String] = []
                    while let answer = connection.answer() { seen.append("\(answer.status) \(answer.text)") }
                    return seen
                }
            }
            await notes.wait(for: 1)
            #expect(notes.requests.count == 1)
            notes.release(UtResponse(status: 200, body: Array("late".utf8)))
            let seen = await answers.value
            #expect(
                seen == ["200 late", "200 PUT b 2"] + (0..<5_000).map { "200 GET \($0) 0" } + ["204 "])
        }
    }

    @Test("leaves the body out of answers to HEAD, 204 and 304", .spec("RFC 9110 §9.3.2", "RFC 9110 §15.4.5"))
    func bodiless() async throws {
        try await withUtServer { port, _ in
            await blocking {
                let connection = RawConnection(port)
                connection.send("HEAD /xcap/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let head = connection.answer(isHead: true)
                #expect(head?.fields["content-length"] == "\(UtNotes.big.body.count)" && head?.status == 200)
                connection.send("HEAD /xcap/big HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
                let packed = connection.answer(isHead: true)
                connection.send("GET /xcap/big HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
                let full = connection.answer()
                #expect(packed?.fields["content-length"] == full?.fields["content-length"])
                #expect(packed?.fields["content-encoding"] == "gzip")
                connection.send("DELETE /xcap/gone HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let gone = connection.answer()
                #expect(gone?.status == 204 && gone?.fields["content-length"] == nil)
                connection.send("GET /xcap/tagged HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"abc\"\r\n\r\n")
                let same = connection.answer()
                #expect(
                    same?.status == 304 && same?.fields["etag"] == "\"abc\"" && same?.fields["content-length"] == nil)
                #expect(same?.fields["vary"] == "Accept-Encoding")
                connection.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(connection.answer()?.text == "GET a 0")
            }
        }
    }

    @Test("packs large answers where the client takes gzip, under the same entity tag", .spec("RFC 9110 §8.4.1.3"))
    func packing() async throws {
        try await withUtServer { port, server in
            let accepts: [(String, Bool)] = [
                ("gzip", true), ("deflate, gzip;q=0.5", true), ("*", true), ("gzip;q=0", false), ("identity", false),
                ("br", false), ("*;q=0", false), ("gzip;q=0.0, *", false),
            ]
            await blocking {
                let connection = RawConnection(port)
                for (accept, expected) in accepts {
                    connection.send(
                        "GET /xcap/tagged HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: \(accept)\r\n\r\n")
                    let answer = connection.answer()
                    #expect((answer?.fields["content-encoding"] == "gzip") == expected, "\(accept)")
                    #expect(answer?.fields["etag"] == "\"abc\"" && answer?.fields["vary"] == "Accept-Encoding")
                    let body = answer?.body ?? []
                    let plain = expected ? (try? Gzip().unpack(body, limit: 1_000_000)) : body
                    #expect(plain == UtNotes.big.body)
                    #expect(!expected || body.count * 10 < UtNotes.big.body.count)
                }
                connection.send("GET /xcap/small HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
                #expect(connection.answer()?.text == "GET small 0")
            }
            #expect(await server.counters().packedAnswers == 3)
        }
    }

    @Test("unpacks bodies under gzip, and refuses other codings with 415 and those that would do", .spec("RFC 7694 §3"))
    func unpacking() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, server in
            await blocking {
                let packed = Gzip().pack(UtNotes.big.body) ?? []
                let cases: [(coding: String, body: [UInt8], status: Int)] = [
                    ("gzip", packed, 200), ("X-GZIP", packed, 200), ("identity", [1, 2], 200),
                    ("deflate", [1, 2], 415), ("gzip, gzip", packed, 415), ("gzip", [1, 2, 3], 400),
                    ("gzip", packed.dropLast(5) + [], 400), ("gzip", packed + [0], 400),
                    ("gzip", packed.dropLast(8) + [0, 0, 0, 0] + packed.suffix(4), 400),
                ]
                let connection = RawConnection(port)
                for (coding, body, status) in cases {
                    connection.send(
                        "PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: \(coding)\r\nContent-Length: "
                            + "\(body.count)\r\n\r\n")
                    connection.send(body)
                    let answer = connection.answer()
                    #expect(answer?.status == status, "\(coding) \(body.count)")
                    if status == 415 { #expect(answer?.fields["accept-encoding"] == "gzip") }
                }
            }
            let counters = await server.counters()
            #expect(counters.unpackedRequests == 2 && counters.events[.unknownCoding] == 2)
            #expect(counters.events[.brokenCoding] == 4)
        }
        #expect(notes.requests.prefix(2).map(\.body) == [UtNotes.big.body, UtNotes.big.body])
        #expect(notes.requests.map { $0.packedBody != nil }.prefix(3) == [true, true, false])
        #expect(notes.requests.map(\.body.count).dropFirst(3).allSatisfy { $0 == 0 })
    }

    @Test("takes chunked bodies, byte by byte if need be", .spec("RFC 9112 §7.1"))
    func chunks() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, _ in
            await blocking {
                let connection = RawConnection(port)
                let head = "PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                let body = "3;ext=\"1\"\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
                for byte in (head + body).utf8 { connection.send([byte]) }
                #expect(connection.answer()?.text == "PUT a 5")
                connection.send(head + body)
                #expect(connection.answer()?.text == "PUT a 5")
            }
        }
        #expect(notes.requests.map(\.body) == [Array("abcde".utf8), Array("abcde".utf8)])
    }

    @Test("tells a client that waits to send its body", .spec("RFC 9110 §10.1.1"))
    func continuing() async throws {
        try await withUtServer { port, _ in
            await blocking {
                let connection = RawConnection(port)
                let head = "PUT /xcap/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
                connection.send(head + "3\r\n\r\n")
                #expect(connection.answer()?.status == 100)
                connection.send("abc")
                #expect(connection.answer()?.text == "PUT a 3")
                // One that has nothing to send is not kept waiting.
                connection.send(head + "0\r\n\r\n")
                #expect(connection.answer()?.text == "PUT a 0")
                // A body that would be refused is never asked for.
                connection.send(head + "99999999\r\n\r\n")
                #expect(connection.answer()?.status == 413 && connection.endsNow())
                let other = RawConnection(port)
                other.send(head.replacing("/xcap/a", with: "/else") + "3\r\n\r\n")
                #expect(other.answer()?.status == 404 && other.endsNow())
            }
        }
    }

    @Test("writes Date, no field that would begin another, and nothing that a browser would run")
    func ownFields() async throws {
        try await withUtServer { port, _ in
            let (forged, big) = await blocking { () -> (RawConnection.Answer?, RawConnection.Answer?) in
                let connection = RawConnection(port)
                connection.send("GET /xcap/forged HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let forged = connection.answer()
                connection.send("GET /xcap/big HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n\r\n")
                return (forged, connection.answer())
            }
            #expect(forged?.status == 200 && forged?.fields["x-forged"] == nil && forged?.fields["x-b"] == nil)
            #expect(big?.fields["x-content-type-options"] == "nosniff")
            #expect(big?.fields["content-security-policy"] == "default-src 'none'; sandbox")
            #expect(big?.fields["date"]?.hasSuffix(" GMT") == true)
            #expect(big?.fields.keys.contains { $0.hasPrefix("access-control") } == false)
        }
        #expect(
            String(decoding: HTTPDate.write(seconds: 784_111_777), as: UTF8.self) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(
            String(decoding: HTTPDate.write(seconds: 1_709_164_800), as: UTF8.self) == "Thu, 29 Feb 2024 00:00:00 GMT")
    }

    @Test("answers a client that has ended its side")
    func halfClosed() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, _ in
            let answer = Task.detached {
                await blocking { () -> RawConnection.Answer? in
                    let connection = RawConnection(port)
                    connection.send("GET /xcap/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    connection.endOutput()
                    let answer = connection.answer()
                    return connection.endsNow() ? answer : nil
                }
            }
            await notes.wait(for: 1)
            notes.release(UtResponse(status: 200, body: [0x41]))
            #expect(await answer.value?.body == [0x41])
        }
    }

    @Test("finishes what it is answering when it ends")
    func draining() async throws {
        let notes = UtNotes()
        let answer = Mutexed<RawConnection.Answer?>(nil)
        let task = Mutexed<Task<Void, Never>?>(nil)
        try await withUtServer(notes) { port, _ in
            task.value = Task.detached {
                answer.value = await blocking { () -> RawConnection.Answer? in
                    let idle = RawConnection(port)
                    idle.send("GET /xcap/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    _ = idle.answer()
                    let connection = RawConnection(port)
                    connection.send("GET /xcap/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    // The idle one is closed at once: that is how we see the end beginning.
                    guard idle.endsNow() else { return nil }
                    notes.release(UtResponse(status: 200, body: [0x41]))
                    return connection.answer()
                }
            }
            await notes.wait(for: 2)
        }
        await task.value?.value
        #expect(answer.value?.status == 200 && answer.value?.fields["connection"] == "close")
    }

    @Test("says which port is in use, and which setting names it")
    func portInUse() async throws {
        try await withUtServer { port, _ in
            let second = UtServer(
                configuration: UtServer.Configuration(port: port), loop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: .quiet, answer: { _ in UtResponse(status: 200) })
            let fault = await #expect(throws: Fault.self) { try await second.run() }
            #expect(fault?.code == "web.port-unavailable" && fault?.reason.contains("xcap.listen") == true)
        }
        #expect(throws: Fault(code: "web.port-unavailable", reason: "")) {
            // An address of documentation (RFC 5737), which no machine has.
            try ListeningPort(IPAddress(ipv4: 0xC000_0201), 0, setting: "xcap.listen")
        }
    }

    @Test("has its port before it listens there", arguments: [IPAddress.loopback, IPAddress("::1")])
    func portTaken(address: IPAddress?) async throws {
        let address = try #require(address)
        let port = try ListeningPort(address, 0, setting: "xcap.listen")
        #expect(port.endpoint.port != 0)
        let answer = Mutexed<HTTPClient.Answer?>(nil)
        let server = UtServer(
            configuration: UtServer.Configuration(address: address, port: 1), on: port,
            loop: MultiThreadedEventLoopGroup.singleton.next(), logger: .quiet,
            answer: { request in UtResponse(status: 200, body: Array(request.remote.address.description.utf8)) })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            let origin = HTTPOrigin(host: address.description, port: port.endpoint.port)
            let client = HTTPClient(origin, entropy: .seeded(1))
            // It is refused until the server listens.
            while answer.value == nil { answer.value = try? await client.send(HTTPClient.Request("GET", "/xcap/a")) }
            await client.close()
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
        #expect(answer.value?.body == Array(address.description.utf8))
    }
}
