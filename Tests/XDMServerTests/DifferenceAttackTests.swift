import DigestAuth
import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing
import XDMServer
import XMLTree

@Suite("Attacks on changes of documents, and documents that are followed")
struct DifferenceAttackTests {
    private typealias Bench = DifferenceBench

    @Test(
        "of the documents of others nothing is told: not that they are there, not that they change",
        .spec("RFC 5875 §7/1", "RFC 5875 §4.7/3", "REQ-33141-D5"))
    func foreign() throws {
        let spellings = [
            Bench.lists, "resource-lists/users/sip%3Aalice%40home.net/index",
            "http://home.net/xcap/" + Bench.lists, "resource-lists/users/alice@HOME.NET/index",
            "resource-lists/users/sip:alice@home.net/", "resource-lists/", "resource-lists/users/",
            "resource-lists/users/sip:bob@home.net/../sip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net%2F..%2Fsip:alice@home.net/",
            "resource-lists/users/sip:alice@home.net/index/~~/resource-lists/list",
            "resource-lists/users/sip:alice@home.net/index/~~/resource-lists/list/@name",
            "rls-services/global/index", "resource-lists/global/index", "/", "//", "resource-lists//",
        ]
        var bench = Bench()
        let nothing = try bench.subscribe("bob", to: ["resource-lists/users/sip:bob@home.net/index"]).answer
        let reference = try #require(bench.drain().first)
        bench.put(Bench.lists, Bench.list("secret"))
        for spelling in spellings {
            let dialog = try bench.subscribe("bob", to: [spelling])
            let notify = try #require(bench.drain().first)
            #expect(dialog.answer.status == nothing.status && notify.lines.isEmpty, "\(spelling)")
            #expect(notify.message.body == reference.message.body)
        }
        bench.put(Bench.lists, Bench.list("secret", "other"))
        bench.edit("DELETE", Bench.lists)
        #expect(bench.drain().isEmpty)
    }

    @Test("other names of the same user lead to the same documents", .spec("RFC 5875 §7/1"))
    func aliases() throws {
        var bench = Bench { $0.aliases = [Array("tel:+12015550123".utf8): Array("sip:alice@home.net".utf8)] }
        bench.put(Bench.lists, Bench.list("a"))
        let text = bench.request(
            "x", body: Bench.watching(Bench.lists), asserted: "P-Asserted-Identity: <tel:+1-201-555-0123>\r\n")
        #expect(try bench.send(text)?.status == 200)
        #expect(bench.drainLines() == ["document \(Bench.lists) new"])
    }

    @Test(
        "who asks is proven: nobody, a stranger, a digest",
        .spec("RFC 6665 §4.2.1.3/1", "RFC 6665 §4.2.1.3/2", "RFC 6665 §6.1/1"))
    func identities() throws {
        var bench = Bench()
        bench.isTrusted = false
        #expect(try bench.send(bench.request("alice", body: Bench.watching(Bench.lists)))?.status == 403)
        let settings = DigestAuthenticator.Configuration(
            realm: "home.net", algorithms: [.sha256], nonceSecret: Redacted(Array("k".utf8)))
        var guarded = Bench { $0.subscriberAuthentication = .digest(settings) }
        guarded.isTrusted = false
        guarded.put(Bench.lists, Bench.list("a"))
        let challenge = try #require(
            try guarded.send(guarded.request("alice", body: Bench.watching(Bench.lists))))
        #expect(challenge.status == 401)
        guarded.credentials["al"] = DigestCredentials(
            identities: [Array("sip:alice@home.net".utf8)], user: "al", realm: "home.net",
            password: Redacted("secret"))
        for (password, status) in [("secret", 200), ("wrong", 401)] {
            var client = DigestClient(user: "al", password: Redacted(password))
            var chance = Entropy.seeded(5)
            let answers = client.answer(
                challenges: challenge.all(.wwwAuthenticate), method: Array("SUBSCRIBE".utf8)[...],
                uri: Array("sip:alice@home.net".utf8)[...], body: [], entropy: &chance)
            let header = answers.map { "Authorization: \(String(decoding: $0, as: UTF8.self))\r\n" }.joined()
            let answer = try guarded.send(
                guarded.request("mallory", body: Bench.watching(Bench.lists), extra: header))
            #expect(answer?.status == status)
        }
        #expect(guarded.drainLines() == ["document \(Bench.lists) new"])
        guarded.give(.loaded(Ticket(number: 77), .unknown))
        #expect(guarded.observations.contains(.unknownTicket))
        guarded.isTrusted = true
        #expect(try guarded.subscribe(to: [Bench.lists]).answer.status == 200)
        var open = Bench { $0.fromStandsInForIdentity = true }
        open.isTrusted = false
        #expect(try open.send(open.request("alice", body: Bench.watching(Bench.lists)))?.status == 200)
    }

    @Test(
        "requests that are no SUBSCRIBE to this package are refused in the protocol's terms",
        .spec("RFC 6665 §4.1.3/1", "RFC 6665 §4.4.4/1"))
    func otherRequests() throws {
        var bench = Bench()
        #expect(try bench.send(bench.request("alice", body: nil, method: "NOTIFY"))?.status == 481)
        #expect(try bench.send(bench.request("alice", body: nil, method: "MESSAGE"))?.status == 405)
        let options = try bench.send(bench.request("alice", body: nil, method: "OPTIONS"))
        #expect(options?.status == 200 && options?.text(.allowEvents) == "xcap-diff")
        let unknown = bench.request("alice", body: nil).replacing("xcap-diff", with: "reg")
        let refused = try bench.send(unknown)
        #expect(refused?.status == 489 && refused?.text(.allowEvents) == "xcap-diff")
        let accept = try bench.subscribe(to: [Bench.lists], extra: "Accept: application/pidf+xml\r\n").answer
        #expect(accept.status == 406 && accept.text(.accept) == "application/xcap-diff+xml")
    }

    @Test(
        "lists that are broken, huge or bombs are refused; foreign parts of a list are passed over",
        .spec("RFC 5875 §4.4/3", "RFC 5875 §7/2"))
    func lists() throws {
        var bench = Bench { $0.limits.watchedResources = 10 }
        bench.put(Bench.lists, Bench.list("a"))
        func status(_ body: String) throws -> Int? {
            try bench.send(bench.request("alice", body: body))?.status
        }
        #expect(try status("<resource-lists") == 400)
        #expect(try status("<list/>") == 400)
        #expect(try status("<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>") == 400)
        #expect(try status(Bench.watching((0..<11).map { "a/users/u/\($0)" })) == 413)
        #expect(try status(Bench.watching(["a/" + String(repeating: "x", count: 5000)])) == 413)
        #expect(try status(String(repeating: "<a>", count: 20_000)) == 400)
        let text = try bench.send(bench.request("alice", body: "x", contentType: "text/plain"))
        #expect(text?.status == 415 && text?.text(.accept) == Sample.listType)
        #expect(bench.drain().isEmpty)
        let foreign = """
            <r:resource-lists xmlns:r="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x"><x:y/><r:list x:k="1">\
            <r:entry/><r:entry uri=""/><x:entry uri="\(Bench.other)"/><r:list><r:entry uri="\(Bench.other)"/></r:list>\
            <r:entry uri="\(Bench.lists)"><r:display-name>d</r:display-name></r:entry><r:entry uri="\(Bench.lists)"/>\
            </r:list></r:resource-lists>
            """
        #expect(try status(foreign) == 200)
        #expect(bench.drainLines() == ["document \(Bench.lists) new"])
    }

    @Test("selectors that cost much are bounded", .spec("RFC 5875 §7/2", "RFC 5875 §4.4/5"))
    func selectors() throws {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("a"))
        let many = (0..<33).map { Bench.lists + "/~~/resource-lists/list/entry%5B\($0)%5D" }
        #expect(try bench.subscribe(to: many).answer.status == 488)
        let deep = Bench.lists + "/~~/" + (0..<300).map { _ in "*" }.joined(separator: "/")
        for selector in [
            deep, Bench.lists + "/~~/resource-lists/namespace::*", Bench.lists + "/~~/", Bench.lists + "/~~/p:x",
            Bench.lists + "/~~/resource-lists/list%5B@name=%22", Bench.lists + "/~~/*%5B99999999999999999999%5D",
            Bench.lists + "/~~/%ff", "%zz/users/x/y", "resource-lists/users/%00/index",
        ] {
            let dialog = try bench.subscribe(to: [selector])
            #expect(dialog.answer.status == 200 && bench.drainLines().isEmpty, "\(selector)")
            try bench.refresh(dialog, cseq: 2, expires: "0")
            _ = bench.drain()
        }
        bench.put(Bench.lists, Bench.list("b"))
        #expect(bench.drain().isEmpty)
    }

    @Test("collections that hold too much are refused", .spec("RFC 5875 §7/2"))
    func wide() throws {
        var bench = Bench { $0.limits.watchedDocuments = 3 }
        for index in 0..<4 { bench.put("resource-lists/users/sip:alice@home.net/d\(index)", Bench.list("a")) }
        #expect(try bench.subscribe(to: ["resource-lists/users/sip:alice@home.net/"]).answer.status == 488)
        #expect(try bench.subscribe("rls", to: ["resource-lists/"]).answer.status == 488)
        #expect(try bench.subscribe(to: nil).answer.status == 488)
        #expect(bench.server.counters.subscriptions == 0)
    }

    @Test("subscriptions are bounded, for all and for each", .spec("RFC 6665 §6.3/1", "RFC 5875 §7/2"))
    func bounds() throws {
        var bench = Bench { $0.limits.subscriptions = 2 }
        for _ in 0..<2 { #expect(try bench.subscribe(to: [Bench.lists]).answer.status == 200) }
        let third = try bench.subscribe(to: [Bench.lists]).answer
        #expect(third.status == 503 && third.text(.retryAfter) == "30")
        #expect(bench.observations == [.subscriptionLimit])
    }

    @Test("a dialog of somebody else cannot be used", .spec("RFC 6665 §4.2.1.4/4"))
    func stolenDialog() throws {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("a"))
        let dialog = try bench.subscribe(to: [Bench.lists])
        _ = bench.drain()
        let stolen = DifferenceDialog(
            callID: dialog.callID, fromTag: dialog.fromTag, toTag: dialog.toTag, user: "bob", answer: dialog.answer)
        #expect(try bench.refresh(stolen, cseq: 2, to: [Bench.bobs]).status == 403)
        #expect(bench.observations == [.foreignDialog] && bench.notifications.isEmpty)
    }

    @Test("records that are damaged are left out, whatever is wrong with them")
    func damaged() throws {
        var bench = Bench()
        bench.toleratesDamage = true
        bench.put(Bench.lists, Bench.list("a"))
        _ = try bench.subscribe(to: [Bench.lists], mode: "aggregate")
        let good = try #require(bench.subscriptions.values.first)
        for index in good.dialog.indices {
            var record = good
            record.dialog[index] ^= 0x81
            bench.subscriptions = [record.id: record]
            bench.restart()
            bench.put(Bench.lists, Bench.list("u\(index)"))
        }
        for length in good.dialog.indices {
            var record = good
            record.dialog = Array(record.dialog.prefix(length))
            bench.subscriptions = [record.id: record]
            bench.restart()
        }
        #expect(bench.observations.contains(.damagedRecord))
    }

    /// Edits of one list document, at random.
    private static func edit(_ bench: inout Bench, _ dice: inout Entropy) {
        let target = dice.next(below: 3) == 0 ? Bench.other : Bench.lists
        let entry = "sip:u\(dice.next(below: 6))@home.net"
        let list = target + "/~~/resource-lists/list%5B1%5D"
        let element = list + "/entry%5B@uri=%22\(entry)%22%5D"
        switch dice.next(below: 9) {
        case 0: bench.put(target, Bench.list("u1", "u2", "u3"))
        case 1: bench.put(target, Sample.friends)
        case 2, 3:
            bench.put(
                element, "<entry uri=\"\(entry)\"><display-name>N\(dice.next(below: 9)) &amp; co</display-name></entry>"
            )
        case 4: bench.edit("DELETE", element)
        case 5: bench.put(list + "/@name", "n\(dice.next(below: 4))")
        case 6: bench.edit("DELETE", target)
        case 7: bench.edit("DELETE", target + "/~~/resource-lists/list%5B2%5D")
        default: bench.put(target + "/~~/resource-lists/list%5B@name=%22new%22%5D", "<list name=\"new\"/>")
        }
    }

    @Test(
        "whatever happens to documents, a copy that follows the notifications is the server's document",
        .spec("RFC 5875 §4.7/13", "RFC 5875 §4.8/1", "RFC 5875 §4.8/2", "RFC 5874 §3/6"),
        arguments: [nil, "xcap-patching", "aggregate"] as [String?])
    func followed(mode: String?) throws {
        var fetches = 0
        var patches = 0
        for seed in 0..<6 {
            var dice = Entropy.seeded(UInt64(seed) + 500)
            var bench = Bench { $0.notificationInterval = .seconds(2) }
            bench.put(Bench.lists, Bench.list("u1"))
            _ = try bench.subscribe(to: [Bench.lists, Bench.other], mode: mode)
            var mirror = DocumentMirror()
            for _ in 0..<120 {
                Self.edit(&bench, &dice)
                if dice.next(below: 3) == 0 { bench.advance(.seconds(1)) }
                for notify in bench.drain() {
                    let received = try DifferenceDocument.Received.parse(notify.message.body)
                    for outcome in mirror.apply(received) {
                        switch outcome {
                        case .updated: patches += 1
                        case .fetch(let selector, _):
                            // Fetched when it suits: what comes may be newer than what was told.
                            guard let record = bench.documents[selector] else { break }
                            fetches += 1
                            try mirror.fetched(selector, tag: record.entityTag, body: record.body[...])
                        case .current, .removed, .ignored, .component: break
                        }
                    }
                }
            }
            bench.advance(.seconds(10))
            for notify in bench.drain() {
                let received = try DifferenceDocument.Received.parse(notify.message.body)
                for case .fetch(let selector, _) in mirror.apply(received) {
                    let record = try #require(bench.documents[selector])
                    try mirror.fetched(selector, tag: record.entityTag, body: record.body[...])
                }
            }
            #expect(Set(mirror.copies.keys) == Set(bench.documents.keys), "seed \(seed)")
            for (selector, record) in bench.documents {
                let copy = try #require(mirror.copies[selector])
                #expect(copy.entityTag == record.entityTag, "seed \(seed)")
                let document = try XMLDocument.parse(record.body[...])
                #expect(copy.document == document, "seed \(seed)")
            }
        }
        if mode != nil { #expect(patches > fetches) } else { #expect(patches == 0) }
    }
}
