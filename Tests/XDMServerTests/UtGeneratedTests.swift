import Ground
import MusterTesting
import PresenceDocuments
import Testing
import XDMServer
import XMLTree

@Suite("Documents that the server writes itself")
struct UtGeneratedTests {
    static let index = "rls-services/global/index"
    static let directory = "org.openmobilealliance.xcap-directory/users/sip:alice@home.net/directory.xml"

    @Test("the capabilities name what is served", .spec("RFC 4825 §12/1", "REQ-24141-39"))
    func capabilities() throws {
        var bench = UtBench()
        let answer = bench.get("xcap-caps/global/index")
        #expect(answer.field("Content-Type") == "application/xcap-caps+xml")
        #expect(answer.field("Cache-Control") == "no-cache")
        let root = try #require(try XMLDocument.parse(answer.body[...]).rootElement)
        let auids = try #require(root.child("auids")).children("auid").map { $0.text.text }
        for auid in [
            "xcap-caps", "resource-lists", "rls-services", "pres-rules", "org.openmobilealliance.pres-rules",
            "pidf-manipulation", "org.openmobilealliance.xcap-directory",
            "org.openmobilealliance.group-usage-list", "org.openmobilealliance.user-profile",
        ] {
            #expect(auids.contains(auid), "\(auid)")
            #expect(bench.get("\(auid)/users/sip:bob@home.net/x").status == (auid == "xcap-caps" ? 404 : 403))
        }
        let namespaces = try #require(root.child("namespaces")).children("namespace").map { $0.text.text }
        #expect(namespaces.contains("urn:ietf:params:xml:ns:resource-lists"))
        #expect(Set(namespaces).count == namespaces.count)
        #expect(root.child("extensions")?.children.isEmpty == true)
        #expect(bench.get("xcap-caps/global/index", as: "bob", ifNoneMatch: answer.tag).status == 304)
        #expect(bench.get("xcap-caps/global/index/~~/xcap-caps/auids/auid%5B1%5D").status == 200)
        #expect(bench.get("xcap-caps/global/other").status == 404)
    }

    @Test(
        "the directory lists the documents of a user, whole and by application usage",
        .spec(
            "OMA XDM directory/1", "OMA XDM directory/2", "OMA XDM directory/3", "OMA XDM directory/4",
            "OMA XDM directory/5"))
    func directoryOfAUser() throws {
        var bench = UtBench()
        let empty = bench.get(Self.directory)
        #expect(empty.status == 200 && !empty.text.contains("<entry"))
        let tag = bench.put(Sample.lists, Sample.friends, type: Sample.listType).tag
        bench.put("pres-rules/users/sip:alice@home.net/a%20b", Sample.rules, type: Sample.rulesType)
        bench.put("resource-lists/users/sip:bob@home.net/index", Sample.friends, type: Sample.listType, as: "bob")
        let answer = bench.get(Self.directory)
        #expect(answer.field("Content-Type") == "application/vnd.oma.xcap-directory+xml")
        #expect(answer.tag != empty.tag)
        let root = try #require(try XMLDocument.parse(answer.body[...]).rootElement)
        let entries = root.children("folder").flatMap { $0.children("entry") }
        #expect(
            entries.compactMap { $0.attribute("uri")?.text } == [
                "http://home.net/xcap/" + Sample.lists,
                "http://home.net/xcap/pres-rules/users/sip:alice@home.net/a%20b",
            ])
        #expect(entries.first?.attribute("etag")?.text == String(tag.dropFirst().dropLast()))
        #expect(entries.first?.attribute("size")?.text == "\(Sample.friends.utf8.count)")
        #expect(entries.first?.attribute("last-modified")?.text == "2027-01-15T08:00:00Z")
        let folder = bench.get(Self.directory + "/~~/xcap-directory/folder%5B@auid=%22pres-rules%22%5D")
        #expect(folder.status == 200 && folder.text.contains("a%20b") && !folder.text.contains("resource-lists"))
        #expect(bench.get(Self.directory, as: "bob").status == 403)
        let put = bench.put(Self.directory, answer.text, type: "application/vnd.oma.xcap-directory+xml")
        #expect(put.status == 405 && put.field("Allow") == "GET, HEAD")
        #expect(bench.get(Self.directory, ifNoneMatch: answer.tag).status == 304)
    }

    @Test(
        "the index of all services shows every change, and only documents named index",
        .spec(
            "RFC 4826 §4.4.7/1", "RFC 4826 §4.4.8/1", "RFC 4826 §4.4.8/2", "RFC 4826 §4.4.8/3", "RFC 4826 §4.4.9/1",
            "RFC 4826 §4.1/1", "RFC 4826 §4.4.4/1", "RFC 4825 §8.2.7/1"))
    func serviceIndex() throws {
        var bench = UtBench()
        let empty = bench.get(Self.index, as: "rls")
        #expect(empty.status == 200 && empty.field("Content-Type") == Sample.serviceType)
        bench.put(
            Sample.services, Sample.services(Sample.service("sip:friends@home.net")), type: Sample.serviceType)
        bench.put(
            Sample.services + "2", Sample.services(Sample.service("sip:other@home.net")), type: Sample.serviceType)
        let prefixed = """
            <r:rls-services xmlns:r="urn:ietf:params:xml:ns:rls-services" xmlns:l="urn:ietf:params:xml:ns:resource-lists">\
            <r:service uri="sip:Team%41@HOME.net"><r:list name="t"><l:entry uri="sip:x@home.net"/></r:list></r:service>\
            </r:rls-services>
            """
        let second = "rls-services/users/sip:bob@home.net/index"
        #expect(bench.put(second, prefixed, type: Sample.serviceType, as: "bob").status == 201)
        let full = bench.get(Self.index, as: "rls")
        let services = try ListServices.parse(full.body[...]).services
        #expect(
            services.map { String(decoding: $0.uri, as: UTF8.self) } == ["sip:friends@home.net", "sip:TeamA@home.net"])
        guard case .list(let list) = try #require(services.last?.members) else {
            Issue.record("the list of a service is lost")
            return
        }
        #expect(list.entries.map(\.uri) == [Array("sip:x@home.net".utf8)])
        #expect(full.tag != empty.tag)
        let one = bench.get(
            Self.index + "/~~/rls-services/service%5B@uri=%22sip:TeamA@home.net%22%5D", as: "rls")
        #expect(one.status == 200 && one.text.contains("sip:x@home.net") && one.tag == full.tag)
        #expect(
            bench.get(Self.index + "/~~/rls-services/service%5B@uri=%22sip:other@home.net%22%5D", as: "rls").status
                == 404)
        #expect(bench.get(Self.index + "/~~/rls-services/service%5B2%5D/@uri", as: "rls").text == "sip:TeamA@home.net")
        bench.delete(second, as: "bob")
        let after = bench.get(Self.index, as: "rls")
        #expect(after.tag != full.tag && !after.text.contains("TeamA"))
        #expect(bench.server.counters.services == 1)
        for reader in ["alice", "bob"] { #expect(bench.get(Self.index, as: reader).status == 403) }
    }

    @Test("the index of all has the same entity tag after a restart, as it has the same content")
    func indexAfterRestart() {
        var bench = UtBench()
        bench.put(
            Sample.services, Sample.services(Sample.service("sip:friends@home.net")), type: Sample.serviceType)
        let before = bench.get(Self.index, as: "rls")
        bench.restart()
        #expect(bench.get(Self.index, as: "rls") == before)
    }

    @Test(
        "the URI of a service is taken once, in any spelling, and free ones are offered",
        .spec("RFC 4826 §4.4.5/1", "RFC 4826 §4.4.5/2", "RFC 4826 §4.4.5/3", "RFC 4826 §5/1"))
    func uniqueServices() throws {
        var bench = UtBench { $0.users = .provisioned(UtBench.users("alice", "bob", "carol")) }
        let mine = Sample.services(Sample.service("sip:friends@home.net"))
        #expect(bench.put(Sample.services, mine, type: Sample.serviceType).status == 201)
        #expect(bench.put(Sample.services, mine + "\n", type: Sample.serviceType).status == 200, "one's own is free")
        let place = "rls-services/users/sip:bob@home.net/index"
        for uri in ["sip:friends@home.net", "sip:friend%73@HOME.net", "sip:carol@home.net", "sip:bob@HOME.NET"] {
            let refused = bench.put(
                place, Sample.services(Sample.service(uri, user: "bob")), type: Sample.serviceType, as: "bob")
            #expect(refused.status == 409 && refused.text.contains("<uniqueness-failure"), "\(uri)")
            let free = try #require(try XMLDocument.parse(refused.body[...]).rootElement?.child("uniqueness-failure"))
                .children("exists").flatMap { $0.children("alt-value") }.map { $0.text.text }
            let first = try #require(free.first)
            let taken = bench.put(
                place, Sample.services(Sample.service(first, user: "bob")), type: Sample.serviceType, as: "bob")
            #expect(taken.status == 201, "an offered URI is free: \(first)")
            bench.delete(place, as: "bob")
        }
        bench.delete(Sample.services)
        let now = bench.put(
            place, Sample.services(Sample.service("sip:friends@home.net", user: "bob")), type: Sample.serviceType,
            as: "bob")
        #expect(now.status == 201)
    }

    @Test(
        "a service leads to the lists of its own user, here",
        .spec("RFC 4826 §4.1/2", "RFC 4826 §4.4.5/4", "RFC 4826 §4.4.5/5"))
    func references() {
        var bench = UtBench()
        let good = Sample.service("sip:friends@home.net")
        for bad in [
            good.replacing("http://home.net/xcap", with: "http://else.net/xcap"),
            good.replacing("users/sip:alice@home.net", with: "users/sip:bob@home.net"),
            good.replacing("xcap/resource-lists", with: "xcap/pres-rules"),
            good.replacing("http://home.net/xcap/", with: "/"),
        ] {
            let refused = bench.put(Sample.services, Sample.services(bad), type: Sample.serviceType)
            #expect(refused.status == 409 && refused.text.contains("<constraint-failure"), "\(refused.text)")
        }
        let twice = """
            <service uri="sip:t@home.net"><list xmlns:l="urn:ietf:params:xml:ns:resource-lists">\
            <l:entry uri="sip:x@home.net"/><l:entry uri="sip:x@home.net"/></list></service>
            """
        let refused = bench.put(Sample.services, Sample.services(twice), type: Sample.serviceType)
        #expect(refused.text.contains("<uniqueness-failure"))
        #expect(bench.put(Sample.services, Sample.services(good), type: Sample.serviceType).status == 201)
    }
}
