import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// The response context of RFC 3261 §16.7: several branches, one answer.
@Suite("Forking")
struct ForkingTests {
    /// A bench where bob has contacts with these preferences, and an INVITE (or another request) is on its way to them.
    private func forked(_ preferences: [String], _ method: String = "INVITE") throws -> (Bench, [Bench.Copy]) {
        var bench = Bench.open()
        for (index, q) in preferences.enumerated() {
            try bench.receive(
                Requests.register(["<sip:b\(index)@192.0.2.3\(index)>;q=\(q)"], user: "bob", cseq: index + 1))
        }
        try bench.receive(Requests.request(method, to: "sip:bob@example.com"))
        return (bench, bench.copies)
    }

    @Test("equal preferences ring at the same time, lower ones later", .spec("RFC 3261 §16.6", "RFC 3261 §16.5"))
    func order() throws {
        var (bench, copies) = try self.forked(["0.5", "0.9", "0.5", "0.1"])
        #expect(copies.map(\.request.requestURI.text) == ["sip:b1@192.0.2.31"])
        try bench.respond(to: copies[0], 486)
        #expect(bench.copies.map(\.request.requestURI.text) == ["sip:b0@192.0.2.30", "sip:b2@192.0.2.32"])
        copies = bench.copies
        try bench.respond(to: copies[0], 486)
        #expect(bench.copies.isEmpty && bench.answers.isEmpty)
        try bench.respond(to: copies[1], 486)
        #expect(bench.copies.map(\.request.requestURI.text) == ["sip:b3@192.0.2.33"])
        try bench.respond(to: bench.copies[0], 486)
        #expect(bench.statuses == [486])
    }

    @Test("provisional responses pass, 100 stays here", .spec("RFC 3261 §16.7", "RFC 3261 §16.7/4"))
    func provisional() throws {
        var (bench, copies) = try self.forked(["1", "1"])
        try bench.respond(to: copies[0], 100)
        #expect(bench.answers.isEmpty)
        try bench.respond(to: copies[0], 180)
        try bench.respond(to: copies[1], 183)
        #expect(bench.statuses == [183])
    }

    @Test("a non-INVITE gets no provisional response from afar", .spec("RFC 4320 §4.1"))
    func nonInviteProvisional() throws {
        var (bench, copies) = try self.forked(["1"], "MESSAGE")
        try bench.respond(to: copies[0], 180)
        #expect(bench.answers.isEmpty)
    }

    @Test(
        "the first 2xx goes back at once, the others are taken back, every 2xx passes",
        .spec("RFC 3261 §16.7", "RFC 6026 §7.1", "RFC 3261 §16.7/3", "RFC 3261 §16.7/7"))
    func success() throws {
        var (bench, copies) = try self.forked(["1", "1", "1"])
        try bench.respond(to: copies[1], 180)
        try bench.respond(to: copies[0], 200)
        #expect(bench.statuses == [200])
        #expect(bench.cancelled == [copies[1].id, copies[2].id])
        try bench.respond(to: copies[1], 200)
        #expect(bench.statuses == [200], "a second phone was picked up at the same moment")
        try bench.respond(to: copies[0], 200)
        #expect(bench.statuses == [200], "a retransmission")
        try bench.respond(to: copies[2], 487)
        #expect(bench.answers.isEmpty)
        try bench.respond(to: copies[2], 180)
        #expect(bench.answers.isEmpty, "nothing but 2xx follows a final response")
        try bench.wait(.seconds(33))
        #expect(bench.box.proxyIsIdle)
    }

    @Test("of a non-INVITE only the first final response passes", .spec("RFC 3261 §16.7"))
    func firstOnly() throws {
        var (bench, copies) = try self.forked(["1", "1"], "MESSAGE")
        try bench.respond(to: copies[0], 200)
        #expect(bench.statuses == [200])
        #expect(bench.cancelled.isEmpty, "a non-INVITE is never cancelled")
        try bench.respond(to: copies[1], 200)
        #expect(bench.answers.isEmpty)
        #expect(bench.box.proxyIsIdle)
    }

    @Test("a 6xx ends the search and wins", .spec("RFC 3261 §16.7", "RFC 3261 §16.7/2", "RFC 3261 §16.7/7"))
    func decline() throws {
        var (bench, copies) = try self.forked(["1", "1", "0.1"])
        try bench.respond(to: copies[0], 603)
        #expect(bench.answers.isEmpty, "it waits until the others have finished")
        #expect(bench.cancelled == [copies[1].id])
        try bench.respond(to: copies[1], 487)
        #expect(bench.statuses == [603])
        #expect(bench.copies.isEmpty, "the third is not tried")
        #expect(bench.box.proxyIsIdle)
    }

    @Test(
        "the best of the final responses goes back", .spec("RFC 3261 §16.7", "RFC 3261 §16.7/2"),
        arguments: [
            ([486, 302], 302), ([500, 404], 404), ([404, 407], 407), ([480, 415], 415), ([486, 484], 484),
            ([503, 503], 500),
            ([503, 501], 501), ([404, 603], 603), ([404, 486], 486),
        ])
    func best(statuses: [Int], chosen: Int) throws {
        var (bench, copies) = try self.forked(statuses.map { _ in "1" })
        for (copy, status) in zip(copies, statuses) { try bench.respond(to: copy, status) }
        #expect(bench.statuses == [chosen])
        #expect(bench.box.proxyIsIdle)
    }

    @Test(
        "the challenges of all branches go back together", .spec("RFC 3261 §16.7", "RFC 3261 §22.3", "RFC 3261 §16.7/5")
    )
    func challenges() throws {
        var (bench, copies) = try self.forked(["1", "1", "1"])
        try bench.respond(to: copies[0], 401, [(.wwwAuthenticate, "Digest realm=\"a\", nonce=\"1\"")])
        try bench.respond(to: copies[1], 407, [(.proxyAuthenticate, "Digest realm=\"b\", nonce=\"2\"")])
        try bench.respond(to: copies[2], 401, [(.wwwAuthenticate, "Digest realm=\"c\", nonce=\"3\"")])
        let answer = try bench.answer()
        #expect(answer.all(.wwwAuthenticate).count + answer.all(.proxyAuthenticate).count == 3)
    }

    @Test(
        "CANCEL takes everything back and tries nothing new",
        .spec("RFC 3261 §16.10", "RFC 3261 §9.2", "RFC 3261 §16.10/1"))
    func cancelling() throws {
        var (bench, copies) = try self.forked(["1", "1", "0.2"])
        try bench.respond(to: copies[0], 180)
        try bench.take(.cancelReceived(ServerTransactionID(raw: 4)))
        #expect(bench.cancelled == copies.map(\.id))
        try bench.respond(to: copies[0], 487)
        try bench.respond(to: copies[1], 487)
        #expect(bench.statuses == [487])
        #expect(bench.copies.isEmpty)
        try bench.take(.cancelReceived(ServerTransactionID(raw: 4)))
        #expect(bench.cancelled.isEmpty)
    }

    @Test(
        "an INVITE that rings for ever is taken back by timer C",
        .spec("RFC 3261 §16.8", "RFC 3261 §16.6", "RFC 3261 §16.6/3", "RFC 3261 §16.8/1"))
    func timerC() throws {
        var (bench, copies) = try self.forked(["1"])
        try bench.respond(to: copies[0], 180)
        try bench.wait(.seconds(180))
        #expect(bench.cancelled.isEmpty)
        try bench.respond(to: copies[0], 180)
        try bench.wait(.seconds(180))
        #expect(bench.cancelled.isEmpty, "every provisional response starts it anew")
        try bench.wait(.seconds(6))
        #expect(bench.cancelled == [copies[0].id])
        try bench.wait(.seconds(33))
        #expect(bench.statuses == [408], "who does not even answer the CANCEL has timed out")
        #expect(bench.box.proxyIsIdle)
    }

    @Test("silence is 408 for an INVITE and nothing for the others", .spec("RFC 3261 §16.9", "RFC 4320 §4.2"))
    func silence() throws {
        var (bench, copies) = try self.forked(["1"])
        try bench.take(.requestFailed(copies[0].id, .timeout))
        #expect(bench.statuses == [408])
        (bench, copies) = try self.forked(["1"], "MESSAGE")
        try bench.take(.requestFailed(copies[0].id, .timeout))
        #expect(bench.answers.isEmpty)
        #expect(bench.box.proxyIsIdle)
    }

    @Test(
        "what cannot be sent acts as a 503, which becomes 500",
        .spec("RFC 3261 §16.9", "RFC 3261 §16.7", "RFC 3261 §16.7/6", "RFC 3261 §16.9/1"))
    func unreachable() throws {
        var (bench, copies) = try self.forked(["1", "0.5"])
        try bench.take(.requestFailed(copies[0].id, .transport))
        #expect(bench.copies.count == 1, "the next target is tried")
        try bench.take(.requestFailed(bench.copies[0].id, .unresolvable))
        #expect(bench.statuses == [500])
        #expect(bench.box.proxyIsIdle)
    }

    @Test("responses that belong to nothing are dropped", .spec("RFC 6026 §7.3", "RFC 3261 §18.1.2/2"))
    func strays() throws {
        var (bench, copies) = try self.forked(["1"], "MESSAGE")
        try bench.respond(to: copies[0], 200)
        try bench.respond(to: copies[0], 200)
        #expect(bench.answers.isEmpty)
        try bench.take(.requestFailed(copies[0].id, .timeout))
        #expect(bench.answers.isEmpty)
    }

    @Test("the number of requests on their way is bounded", .spec("RFC 3261 §21.5.4"))
    func bounded() throws {
        var bench = Bench.open { $0.proxy.maximumContexts = 1 }
        try bench.receive(Requests.register(["<sip:b@192.0.2.30>"], user: "bob"))
        try bench.receive(Requests.request(to: "sip:bob@example.com"))
        try bench.receive(Requests.request(to: "sip:bob@example.com", call: "c2"))
        #expect(bench.statuses == [503])
        #expect(try bench.answer().count(.retryAfter) == 1)
        try bench.wait(.seconds(401))
        #expect(bench.box.proxyIsIdle, "what nobody ever answers does not stay for ever")
    }
}
