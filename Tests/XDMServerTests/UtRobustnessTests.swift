import Ground
import MusterTesting
import Testing
import XDMServer

@Suite("Bounds, bombs, restarts and withdrawn users")
struct UtRobustnessTests {
    @Test("a bomb, a type definition, an entity or a broken encoding changes nothing", .spec("RFC 4825 §8.2.5/5"))
    func bombs() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let before = bench.storage
        let head = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
        let deep = String(repeating: "<list>", count: 5_000) + String(repeating: "</list>", count: 5_000)
        for body in [
            head + Sample.friends.replacing("blue", with: "&b;"),
            "<!DOCTYPE r SYSTEM \"file:///etc/passwd\">" + Sample.friends,
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\(deep)</resource-lists>",
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">",
            "", " ", "\u{0}", "not xml at all",
        ] {
            let answer = bench.put(Sample.lists, body, type: Sample.listType)
            #expect(answer.status == 409 || answer.status == 413, "\(body.prefix(40)): \(answer.status)")
        }
        var broken = UtBench.request("PUT", Sample.lists, type: Sample.listType)
        broken.body = Array(Sample.friends.utf8.prefix(200)) + [0xC3, 0x28, 0xFF]
        #expect(bench.send(broken).text.contains("<not-utf-8"))
        #expect(bench.storage == before)
    }

    @Test("what the listener could not read is refused, and changes nothing")
    func bodyFaults() {
        var bench = UtBench()
        for (fault, status) in [(UtRequest.BodyFault.tooLarge, 413), (.unknownEncoding, 415), (.broken, 400)] {
            var request = UtBench.request("PUT", Sample.lists, type: Sample.listType)
            request.bodyFault = fault
            #expect(bench.send(request).status == status)
            request.assertedIdentity = Array("\"sip:bob@home.net\"".utf8)
            #expect(bench.send(request).status == 403, "a stranger learns nothing of it")
        }
        #expect(bench.storage.isEmpty)
    }

    @Test("the size of a document is bounded, whole or grown piece by piece")
    func documentBytes() {
        let limit = 4_096
        var bench = UtBench {
            $0.limits.documentBytes = limit
            $0.engineLimits.documentBytes = 1 << 16
            $0.engineLimits.xml.bytes = 1 << 16
        }
        let large = Sample.friends.replacing("blue", with: String(repeating: "x", count: limit))
        #expect(bench.put(Sample.lists, large, type: Sample.listType).status == 413)
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        var statuses: [Int] = []
        for number in 0..<200 {
            let uri = "sip:u\(number)@home.net"
            statuses.append(
                bench.put(
                    Sample.lists + "/~~/resource-lists/list%5B1%5D/entry%5B@uri=%22\(uri)%22%5D",
                    "<entry uri=\"\(uri)\"/>", type: Sample.elementType
                ).status)
        }
        #expect(Set(statuses) == [201, 413])
        #expect(bench.get(Sample.lists).body.count <= limit)
        #expect(bench.observations.contains(.documentSizeLimit))
        #expect(bench.delete(Sample.lists + "/~~/resource-lists/list%5B2%5D").status == 200, "smaller always fits")
    }

    @Test("a larger document fits where the operator allows it, however it is read and changed")
    func largerDocuments() {
        var bench = UtBench { $0.limits.documentBytes = 1 << 20 }
        let large = Sample.friends.replacing("blue", with: String(repeating: "x", count: 600_000))
        #expect(bench.put(Sample.lists, large, type: Sample.listType).status == 201)
        #expect(bench.get(Sample.lists + "/~~/resource-lists/list%5B2%5D").text == "<list name=\"work\"/>")
        #expect(bench.delete(Sample.lists + "/~~/resource-lists/list%5B2%5D").status == 200)
        bench.restart()
        #expect(bench.get(Sample.lists).body.count > 600_000)
    }

    @Test("the number and the bytes of a user's documents are bounded, and those of all")
    func quotas() {
        var bench = UtBench {
            $0.limits.documentsPerUser = 2
            $0.limits.documents = 3
            $0.limits.bytesPerUser = 2 * Sample.friends.utf8.count + 10
        }
        #expect(bench.put(Sample.lists, Sample.friends, type: Sample.listType).status == 201)
        #expect(bench.put(Sample.lists + "2", Sample.friends, type: Sample.listType).status == 201)
        #expect(bench.put(Sample.lists + "3", Sample.friends, type: Sample.listType).status == 507)
        let grown = Sample.friends.replacing("blue", with: "blue and a little more")
        #expect(bench.put(Sample.lists, grown, type: Sample.listType).status == 507)
        #expect(bench.put(Sample.lists, Sample.friends + "\n", type: Sample.listType).status == 200)
        let other = "resource-lists/users/sip:bob@home.net/"
        #expect(bench.put(other + "a", Sample.friends, type: Sample.listType, as: "bob").status == 201)
        #expect(bench.put(other + "b", Sample.friends, type: Sample.listType, as: "bob").status == 507)
        #expect(bench.observations == [.userDocumentLimit, .userBytesLimit, .documentLimit])
        #expect(bench.storage.count == 3)
        bench.delete(Sample.lists + "2")
        #expect(bench.put(other + "b", Sample.friends, type: Sample.listType, as: "bob").status == 201)
    }

    @Test("a target that is too long is 414, and the index of all stops where it would be too large")
    func longTargets() {
        var bench = UtBench { $0.limits.serviceIndexBytes = 600 }
        let name = String(repeating: "a", count: 20_000)
        #expect(bench.get("resource-lists/users/sip:alice@home.net/\(name)").status == 414)
        for number in 0..<3 {
            let user = "u\(number)"
            let uri = "sip:list\(number)@home.net"
            bench.put(
                "rls-services/users/sip:\(user)@home.net/index",
                Sample.services(Sample.service(uri, user: user)), type: Sample.serviceType, as: user)
        }
        #expect(bench.get(UtGeneratedTests.index, as: "rls").status == 507)
        let one = "/~~/rls-services/service%5B@uri=%22sip:list1@home.net%22%5D"
        #expect(bench.get(UtGeneratedTests.index + one, as: "rls").status == 200, "single services are still found")
    }

    @Test("what was stored is there after a restart, with its tags", .spec("REQ-33141-D10"))
    func restart() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        bench.put(
            Sample.services, Sample.services(Sample.service("sip:friends@home.net")), type: Sample.serviceType)
        let before = bench.get(Sample.lists)
        let counters = bench.server.counters
        bench.restart()
        #expect(bench.get(Sample.lists) == before)
        #expect(bench.server.counters.documents == counters.documents)
        #expect(bench.server.counters.documentBytes == counters.documentBytes)
        let taken = bench.put(
            "rls-services/users/sip:bob@home.net/index",
            Sample.services(Sample.service("sip:friends@home.net", user: "bob")), type: Sample.serviceType, as: "bob")
        #expect(taken.status == 409, "service URIs are still unique")
        let next = bench.put(Sample.lists, Sample.friends + "\n", type: Sample.listType, ifMatch: before.tag)
        #expect(next.status == 200 && next.tag != before.tag)
    }

    @Test("a damaged record is left out and told")
    func damaged() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        for (selector, record) in bench.storage {
            bench.storage[selector]?.owner = Array("sip:bob@home.net".utf8)
            bench.storage[[1]] = record
            bench.storage[[1]]?.selector = Array("resource-lists/users/sip:alice@home.net/".utf8)
        }
        bench.restart()
        #expect(bench.observations == [.damagedRecord, .damagedRecord])
        #expect(bench.get(Sample.lists).status == 404)
        #expect(bench.get(Sample.lists, as: "bob").status == 403)
    }

    @Test(
        "the documents of a user who is withdrawn go, at once and at a restart", .spec("REQ-22141-29", "REQ-22141-31"))
    func withdrawal() {
        var bench = UtBench { $0.users = .provisioned(UtBench.users("alice", "bob")) }
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        bench.put("pres-rules/users/sip:alice@home.net/index", Sample.rules, type: Sample.rulesType)
        bench.put("resource-lists/users/sip:bob@home.net/index", Sample.friends, type: Sample.listType, as: "bob")
        bench.changes = []
        let kept = bench.storage
        bench.give(.usersChanged(.provisioned(UtBench.users("bob"))))
        #expect(bench.documentNames == ["resource-lists/users/sip:bob@home.net/index"])
        #expect(bench.changes.count == 2 && bench.changes.allSatisfy { $0.current == nil })
        #expect(bench.get(Sample.lists).status == 404)
        bench.storage = kept
        bench.server = XDMServer(configuration: bench.configuration, entropy: .seeded(1))
        bench.give(.usersChanged(.provisioned(UtBench.users("bob"))))
        bench.give(
            .restored(
                StoredDocuments(documents: kept.values.sorted { $0.selector.lexicographicallyPrecedes($1.selector) })))
        #expect(bench.documentNames == ["resource-lists/users/sip:bob@home.net/index"])
    }

    @Test("a server that is about to end takes no new work")
    func drained() {
        var bench = UtBench()
        bench.give(.drained)
        let answer = bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        #expect(answer.status == 503 && answer.field("Retry-After") == "5")
        #expect(bench.storage.isEmpty)
    }

    @Test("what is done is counted by method, status and application usage")
    func counters() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        bench.get(Sample.lists)
        bench.get("nonsense/users/sip:alice@home.net/index")
        bench.delete(Sample.lists)
        let counters = bench.server.counters
        #expect(counters.requests == [.put: 1, .get: 2, .delete: 1])
        #expect(counters.answers == [201: 1, 200: 2, 404: 1])
        #expect(counters.usages == [Array("resource-lists".utf8): 3])
        #expect(counters.documentsCreated == 1 && counters.documentsRemoved == 1 && counters.owners == 0)
    }

    @Test("targets of random bytes are answered, and never reach a document")
    func randomTargets() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let before = bench.storage
        var chance = Entropy.seeded(99)
        let pieces = [
            "resource-lists", "users", "global", "sip:alice@home.net", "index", "/", "/", "~~", "%2F", "%00", "..", "%",
            "%41", "[1]", "@a", "\"", "'", "*", "?", "xmlns(a=b)", "::", "\u{FF}", "rls-services", "list",
        ]
        for _ in 0..<3_000 {
            var target = ""
            for _ in 0..<(1 + chance.next(below: 12)) {
                target += pieces[Int(chance.next(below: UInt64(pieces.count)))]
            }
            let method = ["GET", "PUT", "DELETE", "POST"][Int(chance.next(below: 4))]
            let answer = bench.send(UtBench.request(method, target, as: "bob", type: "x/y", body: "<a/>"))
            #expect(answer.status >= 400, "\(method) \(target)")
        }
        #expect(bench.storage == before)
    }
}
