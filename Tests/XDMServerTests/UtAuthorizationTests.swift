import Ground
import MusterTesting
import Testing
import XDMServer

@Suite("Who may touch which document, and attacks on that")
struct UtAuthorizationTests {
    private static func filled(_ change: (inout XDMServer.Configuration) -> Void = { _ in }) -> UtBench {
        var bench = UtBench(change)
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        return bench
    }

    @Test(
        "nobody touches the documents of another user, whatever the method",
        .spec("REQ-33141-D5", "REQ-33141-22", "REQ-33141-29", "RFC 4826 §3.4.9/1", "RFC 4827 §10/1", "RFC 4825 §5.7/1"))
    func foreign() {
        var bench = Self.filled()
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let request = UtBench.request(
                method, Sample.lists, as: "bob", type: Sample.listType, body: Sample.friends)
            #expect(bench.send(request).status == 403)
        }
        #expect(bench.get(Sample.lists).text == Sample.friends)
        #expect(bench.observations.allSatisfy { $0 == .foreignDocument } && bench.observations.count == 4)
    }

    @Test("no spelling of a path leads to the documents of another user", .spec("REQ-33141-D5"))
    func spellings() {
        var bench = Self.filled()
        let before = bench.storage
        for path in [
            "resource-lists/users/sip:bob@home.net/../sip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net/%2e%2e/sip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net%2F..%2Fsip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net/..%2Fsip:alice@home.net%2Findex",
            "resource-lists/users/./sip:alice@home.net/index",
            "resource-lists//users/sip:alice@home.net/index",
            "/resource-lists/users/sip:alice@home.net/index",
            "resource-lists/users/sip%3Aalice%40home.net/index",
            "resource-lists/users/sip%253Aalice%2540home.net/index",
            "resource-lists/users/sip:alice@HOME.NET/index",
            "resource-lists/users/SIP:alice@home.net/index",
            "resource-lists/users/sips:alice@home.net/index",
            "resource-lists/users/pres:alice@home.net/index",
            "resource-lists/users/alice@home.net/index",
            "resource-lists/users/sip:%61lice@home.net/index",
            "resource-lists/users/sip:%2561lice@home.net/index",
            "resource-lists/users/sip:alice@home.net./index",
            "resource-lists/users/sip:alice@home.net:5060/index",
            "resource-lists/users/sip:alice@home.net;x=y/index",
            "resource-lists/users/sip:alice:pw@home.net/index",
            "resource-lists/users/sip:bob@home.net%00sip:alice@home.net/index",
            "resource-lists/users/sip:alice@home.net%00/index",
            "resource-lists/users/sip:alice@home.net%20/index",
            "resource-lists/users/%3Csip:alice@home.net%3E/index",
            "resource-lists/users/sip:bob@home.net,sip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net%5C..%5Csip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net/index/~~/../sip:alice@home.net/index",
            "resource-lists/users/../global/../users/sip:alice@home.net/index",
            "resource-lists/users/sip:bob@home.net@home.net/index",
            "resource-lists/global/../users/sip:alice@home.net/index",
            "resource-lists/users/sip:%FF%FE@home.net/index",
        ] {
            for method in ["GET", "PUT", "DELETE"] {
                let request = UtBench.request(
                    method, path, as: "bob", type: Sample.listType, body: Sample.friends)
                let answer = bench.send(request)
                #expect([400, 403, 404].contains(answer.status), "\(method) \(path): \(answer.status)")
                #expect(!answer.text.contains("friends"))
            }
        }
        #expect(bench.storage == before)
    }

    @Test("every spelling of one's own name leads to one document", .spec("REQ-33141-D5", "REQ-33141-D1"))
    func ownSpellings() {
        var bench = Self.filled()
        for name in [
            "sip:alice@home.net", "sip%3Aalice%40home.net", "sip:alice@HOME.net", "SIP:alice@home.net",
            "sips:alice@home.net", "pres:alice@home.net", "alice@home.net", "sip:%61lice@home.net",
            "sip:al%2569ce@home.net",
        ] {
            let answer = bench.get("resource-lists/users/\(name)/index")
            #expect(answer.text == Sample.friends, "\(name): \(answer.status)")
        }
        #expect(bench.get("resource-lists/users/sip:Alice@home.net/index").status == 403, "a user part has case")
        #expect(bench.get("resource-lists/users/sip%253Aalice@home.net/index").status == 404, "decoded once")
        let put = bench.put("resource-lists/users/alice@HOME.NET/index", Sample.friends, type: Sample.listType)
        #expect(put.status == 200)
        #expect(bench.documentNames == [Sample.lists])
    }

    @Test("a telephone number is a name too, with and without separators", .spec("REQ-33141-D1"))
    func telephone() {
        var bench = UtBench()
        let put = UtBench.request(
            "PUT", "resource-lists/users/tel:+1-201-555-0123/index", type: Sample.listType,
            asserted: "\"tel:+12015550123\"", body: Sample.friends)
        #expect(bench.send(put).status == 201)
        #expect(bench.documentNames == ["resource-lists/users/tel:+12015550123/index"])
    }

    @Test("a stranger does not learn who is a user and who has documents", .spec("REQ-33141-D5"))
    func existence() {
        var bench = Self.filled { $0.users = .provisioned(UtBench.users("alice", "bob")) }
        let known = bench.get(Sample.lists, as: "bob")
        let empty = bench.get("pres-rules/users/sip:alice@home.net/index", as: "bob")
        let unknown = bench.get("resource-lists/users/sip:nobody@home.net/index", as: "bob")
        #expect(known.status == 403 && known == empty && known == unknown)
    }

    @Test("an unknown application usage, an unknown user and a foreign domain are 404")
    func unknown() {
        var bench = Self.filled { $0.users = .provisioned(UtBench.users("alice")) }
        #expect(bench.get("nonsense/users/sip:alice@home.net/index").status == 404)
        #expect(bench.get("resource-lists/users/sip:nobody@home.net/index", as: "nobody").status == 404)
        #expect(bench.get("resource-lists/users/sip:nobody@home.net/index", as: "rls").status == 404)
        #expect(bench.get("resource-lists/users/sip:alice@else.net/index").status == 404)
        #expect(bench.get("resource-lists/users/mailto:alice@home.net/index").status == 404)
        for target in ["", "/", "resource-lists", "resource-lists/users", "resource-lists/users/sip:alice@home.net"] {
            #expect(bench.get(target).status == 404, "\(target)")
        }
        #expect(bench.get("resource-lists/users/sip:alice@home.net/").status == 404)
        #expect(bench.get("resource-lists/global/index").status == 404)
    }

    @Test("trusted readers read everything and write nothing", .spec("REQ-33141-15", "RFC 4827 §10/1"))
    func trustedReaders() {
        var bench = Self.filled()
        #expect(bench.get(Sample.lists, as: "rls").text == Sample.friends)
        #expect(bench.put(Sample.lists, Sample.friends, type: Sample.listType, as: "rls").status == 403)
        #expect(bench.delete(Sample.lists, as: "rls").status == 403)
    }

    @Test("the global tree is read by everybody and written by nobody", .spec("REQ-33141-D5", "RFC 4825 §5.7/1"))
    func global() {
        var bench = Self.filled()
        #expect(bench.get("xcap-caps/global/index", as: "bob").status == 200)
        for target in ["xcap-caps/global/index", "rls-services/global/index"] {
            let put = bench.put(target, Sample.services(), type: Sample.serviceType)
            #expect(put.status == 405 && put.field("Allow") == "GET, HEAD")
            #expect(bench.delete(target).status == 405)
        }
        #expect(bench.put("rls-services/global/other", Sample.services(), type: Sample.serviceType).status == 403)
        #expect(bench.storage.count == 1)
    }

    @Test("other names of a user lead to the one home directory", .spec("REQ-33141-D1"))
    func aliases() {
        var bench = UtBench {
            $0.aliases = [
                Array("tel:+12015550123".utf8): Array("sip:alice@home.net".utf8),
                Array("al".utf8): Array("sip:alice@home.net".utf8),
            ]
        }
        let put = UtBench.request(
            "PUT", "resource-lists/users/al/index", type: Sample.listType, asserted: "\"tel:+12015550123\"",
            body: Sample.friends)
        #expect(bench.send(put).status == 201)
        #expect(bench.documentNames == [Sample.lists])
        #expect(bench.get(Sample.lists).status == 200)
        #expect(bench.get("resource-lists/users/al/index", as: "bob").status == 403)
    }
}
