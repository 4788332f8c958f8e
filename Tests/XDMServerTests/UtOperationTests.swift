import Ground
import MusterTesting
import Testing
import XDMServer

@Suite("Operations on Ut, end to end")
struct UtOperationTests {
    @Test(
        "a document is created, read, replaced and removed by its owner",
        .spec(
            "REQ-33141-15", "REQ-24141-36", "REQ-24141-38", "REQ-24141-9", "RFC 4826 §3.4.1/1", "RFC 4826 §3.4.2/1",
            "RFC 4826 §3.4.7/1"))
    func lifeOfADocument() {
        var bench = UtBench()
        #expect(bench.get(Sample.lists).status == 404)
        let created = bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        #expect(created.status == 201)
        #expect(created.body.isEmpty)
        let read = bench.get(Sample.lists)
        #expect(read.status == 200)
        #expect(read.text == Sample.friends)
        #expect(read.field("Content-Type") == Sample.listType)
        #expect(read.tag == created.tag)
        #expect(bench.documentNames == [Sample.lists])
        let replaced = bench.put(
            Sample.lists, Sample.friends.replacing("school", with: "work"), type: Sample.listType)
        #expect(replaced.status == 200)
        #expect(replaced.tag != created.tag)
        #expect(bench.delete(Sample.lists).status == 200)
        #expect(bench.get(Sample.lists).status == 404)
        #expect(bench.storage.isEmpty)
        #expect(bench.changes.map { $0.current != nil } == [true, true, false])
        #expect(bench.changes.map { $0.previous != nil } == [false, true, true])
        #expect(bench.server.counters.documents == 0 && bench.server.counters.documentBytes == 0)
    }

    @Test(
        "the tag of a document is the tag of everything in it, and copies are asked about",
        .spec("OMA XDM caching/1", "RFC 4826 §3.4.4/1"))
    func tags() {
        var bench = UtBench()
        let tag = bench.put(Sample.lists, Sample.friends, type: Sample.listType).tag
        let element = bench.get(Sample.lists + "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B2%5D")
        #expect(element.text == "<entry uri=\"sip:carol@home.net\"/>")
        #expect(element.field("Content-Type") == Sample.elementType)
        #expect(element.tag == tag)
        #expect(tag.hasPrefix("\"") && tag.hasSuffix("\""))
        let attribute = bench.get(Sample.lists + "/~~/resource-lists/list%5B2%5D/@name")
        #expect(attribute.text == "work" && attribute.tag == tag)
        let bindings = bench.get(Sample.lists + "/~~/resource-lists/namespace::*")
        #expect(bindings.field("Content-Type") == "application/xcap-ns+xml" && bindings.tag == tag)
        let copy = bench.get(Sample.lists, ifNoneMatch: tag)
        #expect(copy.status == 304 && copy.body.isEmpty && copy.tag == tag)
        #expect(bench.get(Sample.lists).field("Cache-Control") == "private, no-cache")
        #expect(bench.get(Sample.lists).field("Last-Modified") == "Fri, 15 Jan 2027 08:00:00 GMT")
    }

    @Test("the time that Last-Modified told guards a document as its tag does", .spec("RFC 9110 §13.1.4"))
    func unmodifiedSince() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let told = bench.get(Sample.lists).field("Last-Modified") ?? ""
        func request(_ method: String, unmodified: String? = nil, modified: String? = nil) -> UtRequest {
            var request = UtBench.request(
                method, Sample.lists, type: Sample.listType, body: Sample.friends.replacing("school", with: "work"))
            request.ifUnmodifiedSince = unmodified.map { Array($0.utf8) }
            request.ifModifiedSince = modified.map { Array($0.utf8) }
            return request
        }
        let before = "Thu, 01 Jan 1998 00:00:00 GMT"
        #expect(bench.send(request("PUT", unmodified: before)).status == 412)
        #expect(bench.send(request("DELETE", unmodified: before)).status == 412)
        #expect(bench.send(request("GET", unmodified: before)).status == 412)
        #expect(bench.send(request("GET", modified: told)).status == 304)
        #expect(bench.send(request("GET", modified: before)).status == 200)
        #expect(bench.get(Sample.lists).text == Sample.friends)
        #expect(bench.send(request("PUT", unmodified: told)).status == 200)
        bench.now += .seconds(1)
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        #expect(bench.send(request("PUT", unmodified: told)).status == 412)
    }

    @Test("the time of the last change is told as HTTP writes it, through all of the calendar")
    func lastModified() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] as [(Int64, String)] {
            var bench = UtBench()
            bench.now = Instant(seconds: seconds)
            bench.put(Sample.lists, Sample.friends, type: Sample.listType)
            bench.now += .seconds(60)
            #expect(bench.get(Sample.lists).field("Last-Modified") == text)
        }
    }

    @Test("HEAD says what GET would")
    func head() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let head = bench.send(UtBench.request("HEAD", Sample.lists))
        #expect(head == bench.get(Sample.lists))
        #expect(bench.send(UtBench.request("HEAD", Sample.lists + "x")).status == 404)
    }

    @Test("a document that must not exist is created once", .spec("RFC 4825 §8.2.6/3"))
    func createOnce() {
        var bench = UtBench()
        #expect(bench.put(Sample.lists, Sample.friends, type: Sample.listType, ifNoneMatch: "*").status == 201)
        #expect(bench.put(Sample.lists, Sample.friends, type: Sample.listType, ifNoneMatch: "*").status == 412)
    }

    @Test(
        "of two writers with one tag the second loses nothing of the first",
        .spec("RFC 4825 §8.2.6/2", "RFC 4825 §8.5/1"))
    func lostUpdate() {
        var bench = UtBench()
        let tag = bench.put(Sample.lists, Sample.friends, type: Sample.listType).tag
        let entry = Sample.lists + "/~~/resource-lists/list%5B2%5D/entry%5B@uri=%22sip:d@home.net%22%5D"
        let first = bench.put(entry, "<entry uri=\"sip:d@home.net\"/>", type: Sample.elementType, ifMatch: tag)
        #expect(first.status == 201)
        let kept = bench.get(Sample.lists).text
        let second = bench.put(Sample.lists, Sample.friends, type: Sample.listType, ifMatch: tag)
        #expect(second.status == 412)
        #expect(bench.delete(Sample.lists, ifMatch: tag).status == 412)
        #expect(bench.get(Sample.lists).text == kept)
        #expect(bench.put(Sample.lists, Sample.friends, type: Sample.listType, ifMatch: first.tag).status == 200)
        #expect(bench.put(Sample.lists + "2", Sample.friends, type: Sample.listType, ifMatch: "*").status == 412)
    }

    @Test("an edit leaves white space, comments and foreign elements as they are", .spec("RFC 4826 §3.1/6"))
    func preservation() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let uri = Sample.lists + "/~~/resource-lists/list%5B@name='friends'%5D/entry%5B@uri='sip:carol@home.net'%5D"
        let renamed = "<entry uri=\"sip:carol@home.net\"><display-name>C</display-name></entry>"
        #expect(bench.put(uri, renamed, type: Sample.elementType).status == 200)
        let expected = Sample.friends.replacing("<entry uri=\"sip:carol@home.net\"/>", with: renamed)
        #expect(bench.get(Sample.lists).text == expected)
        #expect(bench.get(uri).text == renamed)
        #expect(bench.put(uri, renamed, type: Sample.elementType).tag == bench.get(Sample.lists).tag)
        #expect(bench.changes.count == 2, "the same bytes again change nothing")
    }

    @Test(
        "each error has its status, and its element where it is a conflict",
        .spec("RFC 4825 §11.1/1", "RFC 4825 §8.2.5/5"))
    func errors() {
        var bench = UtBench()
        let entry = "<entry uri=\"sip:z@home.net\"/>"
        let missing = bench.put(
            Sample.lists + "/~~/resource-lists/list/entry%5B1%5D", entry, type: Sample.elementType)
        #expect(missing.status == 409 && missing.text.contains("<no-parent"))
        #expect(missing.field("Content-Type") == "application/xcap-error+xml")
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let before = bench.get(Sample.lists)
        let other = bench.put(
            Sample.lists + "/~~/resource-lists/list%5B1%5D/entry%5B@uri=%22sip:y@home.net%22%5D", entry,
            type: Sample.elementType)
        #expect(other.status == 409 && other.text.contains("<cannot-insert"))
        let again = bench.delete(Sample.lists + "/~~/resource-lists/list%5B1%5D")
        #expect(again.status == 409 && again.text.contains("<cannot-delete"))
        let moved = bench.put(
            Sample.lists + "/~~/resource-lists/list%5B@name=%22work%22%5D/@name", "other", type: Sample.attributeType)
        #expect(moved.status == 409 && moved.text.contains("<cannot-insert"))
        #expect(bench.get(Sample.lists + "/~~/q:resource-lists").status == 400)
        let bindings = bench.put(Sample.lists + "/~~/resource-lists/namespace::*", "", type: "application/xcap-ns+xml")
        #expect(bindings.status == 405 && bindings.field("Allow") == "GET")
        #expect(bench.put(Sample.lists, Sample.friends, type: "text/xml").status == 415)
        #expect(bench.put(Sample.lists, "<a>", type: Sample.listType).text.contains("<not-well-formed"))
        #expect(bench.get(Sample.lists + "/~~/resource-lists/list%5B1%5D/@colour").status == 404)
        let post = bench.send(UtBench.request("POST", Sample.lists, body: Sample.friends))
        #expect(post.status == 405 && post.field("Allow") == "GET, HEAD, PUT, DELETE")
        #expect(bench.get(Sample.lists).text == before.text && bench.get(Sample.lists).tag == before.tag)
    }

    @Test("an attribute is created with 201 and replaced with 200")
    func attributes() {
        var bench = UtBench()
        bench.put(
            Sample.lists, Sample.friends.replacing(" name=\"work\"", with: ""), type: Sample.listType)
        let uri = Sample.lists + "/~~/resource-lists/list%5B2%5D/@name"
        #expect(bench.put(uri, "job", type: Sample.attributeType).status == 201)
        #expect(bench.put(uri, "office", type: Sample.attributeType).status == 200)
        #expect(bench.get(uri).text == "office")
        #expect(bench.delete(uri).status == 200)
        #expect(bench.get(uri).status == 404)
    }

    @Test(
        "names of lists and URIs of entries are unique beside each other",
        .spec("RFC 4826 §3.1/2", "RFC 4826 §3.1/3", "RFC 4826 §3.1/5", "RFC 4826 §3.4.5/1"))
    func uniqueness() {
        var bench = UtBench()
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        let twice = bench.put(
            Sample.lists + "/~~/resource-lists/list%5B3%5D", "<list name=\"work\"/>", type: Sample.elementType)
        #expect(twice.status == 409 && twice.text.contains("<uniqueness-failure"))
        #expect(twice.text.contains("list"))
        let entry = bench.put(
            Sample.lists,
            Sample.friends.replacing("sip:carol@home.net", with: "sip:bob@home.net"), type: Sample.listType)
        #expect(entry.status == 409 && entry.text.contains("<uniqueness-failure"))
        let anchor = bench.put(
            Sample.lists,
            Sample.friends.replacing("<list name=\"work\"/>", with: "<list><external anchor=\"x/y\"/></list>"),
            type: Sample.listType)
        #expect(anchor.status == 409 && anchor.text.contains("<constraint-failure"))
        let external = "<external anchor=\"http://h/resource-lists/users/sip:x@h/index/~~/resource-lists/list\"/>"
        let same = bench.put(
            Sample.lists,
            Sample.friends.replacing("<list name=\"work\"/>", with: "<list>\(external)\(external)</list>"),
            type: Sample.listType)
        #expect(same.status == 409 && same.text.contains("<uniqueness-failure"))
    }

    @Test("a reference to an entry is a relative path, and may lead nowhere", .spec("RFC 4826 §3.1/4"))
    func entryReferences() {
        var bench = UtBench()
        for (reference, status) in [
            ("resource-lists/users/sip:z@else.net/index/~~/resource-lists/list%5B1%5D/entry%5B1%5D", 201),
            ("http://home.net/xcap/resource-lists/users/sip:z@home.net/index", 409),
            ("/resource-lists/users/sip:z@home.net/index", 409),
        ] {
            let body = Sample.friends.replacing(
                "<list name=\"work\"/>", with: "<list><entry-ref ref=\"\(reference)\"/></list>")
            #expect(bench.put(Sample.lists, body, type: Sample.listType).status == status, "\(reference)")
            bench.delete(Sample.lists)
        }
    }

    @Test(
        "a change of one document is told once, with what was and what is, and changes no other document",
        .spec("RFC 4826 §3.4.8/1", "RFC 4827 §8/1"))
    func changesAreTold() throws {
        var bench = UtBench()
        let place = "pidf-manipulation/users/sip:alice@home.net/index"
        bench.put(Sample.lists, Sample.friends, type: Sample.listType)
        bench.put(Sample.services, Sample.services(Sample.service("sip:friends@home.net")), type: Sample.serviceType)
        let services = bench.storage[Array(Sample.services.utf8)]
        bench.changes = []
        #expect(bench.put(place, Sample.presence("sip:alice@home.net"), type: Sample.presenceType).status == 201)
        bench.delete(Sample.lists)
        bench.get(place)
        bench.put(place, "<broken", type: Sample.presenceType)
        #expect(bench.changes.count == 2)
        let first = try #require(bench.changes.first)
        #expect(first.selector == Array(place.utf8) && first.owner == Array("sip:alice@home.net".utf8))
        #expect(first.auid == Array("pidf-manipulation".utf8) && first.previous == nil)
        #expect(first.current == bench.storage[Array(place.utf8)])
        #expect(bench.changes.last?.previous?.body == Array(Sample.friends.utf8))
        #expect(bench.storage[Array(Sample.services.utf8)] == services, "a service stays where its list goes")
    }

    @Test("a document that breaks its schema is refused", .spec("RFC 4826 §3.4.3/1", "RFC 4826 §4.4.3/1"))
    func schemas() {
        var bench = UtBench()
        let wrong = Sample.friends.replacing("<entry uri=\"sip:carol@home.net\"/>", with: "<entry/>")
        #expect(bench.put(Sample.lists, wrong, type: Sample.listType).text.contains("<schema-validation-error"))
        let empty = Sample.services("<service uri=\"sip:x@home.net\"/>")
        #expect(bench.put(Sample.services, empty, type: Sample.serviceType).text.contains("<schema-validation-error"))
        #expect(bench.storage.isEmpty)
    }

    @Test(
        "every application usage takes its documents under its names",
        .spec(
            "REQ-24141-39", "RFC 4826 §4.4.1/1", "RFC 4826 §4.4.2/1", "RFC 4827 §4/1", "RFC 4827 §5/1", "RFC 4827 §6/1",
            "OMA XDM group-usage-list/1", "OMA XDM user-profile/1", "OMA XDM pres-rules/1"))
    func usages() {
        var bench = UtBench()
        let home = "users/sip:alice@home.net/"
        #expect(bench.put("pres-rules/\(home)index", Sample.rules, type: Sample.rulesType).status == 201)
        let open = "org.openmobilealliance.pres-rules/\(home)pres-rules"
        #expect(bench.put(open, Sample.rules, type: Sample.rulesType).status == 201)
        #expect(bench.get(open + "/~~/ruleset/rule%5B@id=%22a%22%5D").status == 200)
        let query = "?xmlns(cr=urn:ietf:params:xml:ns:common-policy)"
        #expect(bench.get("pres-rules/\(home)index/~~/cr:ruleset/cr:rule%5B@id=%22a%22%5D\(query)").status == 200)
        let hard = "pidf-manipulation/\(home)index"
        #expect(bench.put(hard, Sample.presence("sip:alice@home.net"), type: Sample.presenceType).status == 201)
        #expect(bench.get(hard + "/~~/presence/tuple%5B@id=%22t1%22%5D/status/basic").text == "<basic>open</basic>")
        #expect(bench.put(hard, Sample.presence("sip:alice@home.net"), type: Sample.listType).status == 415)
        let groups = "org.openmobilealliance.group-usage-list/\(home)index"
        #expect(
            bench.put(groups, Sample.friends, type: "application/vnd.oma.group-usage-list+xml").status == 201)
        #expect(bench.put(Sample.services, Sample.services(), type: Sample.serviceType).status == 201)
        let profile = """
            <user-profiles xmlns="urn:oma:xml:xdm:user-profile"><user-profile uri="sip:alice@home.net">\
            <display-name>Alice</display-name></user-profile></user-profiles>
            """
        let place = "org.openmobilealliance.user-profile/\(home)user-profile"
        let answer = bench.put(place, profile, type: "application/vnd.oma.user-profile+xml")
        #expect(answer.status == 201, "\(answer.text)")
        #expect(bench.server.counters.documents == 6)
    }

    @Test(
        "hard state is that of its owner, unless the operator says otherwise", .spec("RFC 4827 §7/1", "RFC 4827 §9/1"))
    func hardState() {
        let place = "pidf-manipulation/users/sip:alice@home.net/index"
        var bench = UtBench()
        let foreign = bench.put(place, Sample.presence("sip:bob@home.net"), type: Sample.presenceType)
        #expect(foreign.status == 409)
        #expect(bench.put(place, Sample.presence("pres:alice@HOME.net"), type: Sample.presenceType).status == 201)
        let second = place.replacing("index", with: "other")
        #expect(bench.put(second, Sample.presence("sip:alice@home.net"), type: Sample.presenceType).status != 201)
        var open = UtBench { $0.acceptsForeignEntity = true }
        #expect(open.put(place, Sample.presence("sip:bob@home.net"), type: Sample.presenceType).status == 201)
    }
}
