import Ground
import MusterTesting
import PresenceDocuments
import Testing

@Suite("Resource lists and list services")
struct ResourceListsTests {
    private static let document = """
        <rl:resource-lists xmlns:rl="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">
         <rl:list name="friends"><rl:display-name>Friends</rl:display-name>
          <rl:entry uri="sip:bob@HOME.net"><rl:display-name xml:lang="en">Bob</rl:display-name></rl:entry>
          <rl:list name="close"><rl:entry uri="sip:carol@home.net;x=y"/><rl:external anchor="http://h/a"/></rl:list>
          <x:entry uri="sip:foreign@home.net"/>
          <rl:entry-ref ref="resource-lists/users/sip:d@home.net/index/~~/resource-lists/list/entry"/>
          <rl:entry/>
         </rl:list>
         <rl:list><rl:external anchor="http://h/b"/></rl:list>
        </rl:resource-lists>
        """

    private static func parse(_ text: String) throws -> ResourceLists {
        try ResourceLists.parse(Array(text.utf8)[...])
    }

    @Test("a list holds entries, lists and references, in their order", .spec("RFC 4826 §3.1/1"))
    func reading() throws {
        let lists = try Self.parse(Self.document)
        let friends = try #require(lists.lists.first)
        #expect(friends.displayName == Array("Friends".utf8))
        #expect(friends.members.count == 3, "foreign elements and entries without a URI are no members")
        #expect(friends.entries.map(\.identity) == ["sip:bob@home.net", "sip:carol@home.net"].map { Array($0.utf8) })
        #expect(friends.entries.first?.displayName == Array("Bob".utf8))
        #expect(friends.anchors == [Array("http://h/a".utf8)])
        #expect(lists.lists.last?.name == nil)
        #expect(lists.lists.flatMap(\.anchors).count == 2)
    }

    @Test("what is no document of lists is refused")
    func refusals() {
        for text in [
            "", "<a/>", "<resource-lists/>", "<resource-lists xmlns=\"urn:other\"/>",
            "<list xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>",
            "<!DOCTYPE a><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>",
        ] {
            #expect(throws: DocumentFault.self, "\(text)") { try Self.parse(text) }
        }
        let deep = String(repeating: "<list>", count: 80) + String(repeating: "</list>", count: 80)
        #expect(throws: DocumentFault.self) {
            try Self.parse("<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\(deep)</resource-lists>")
        }
    }

    @Test("an anchor leads to a list by name, by position, or to the only one")
    func anchors() throws {
        let lists = try Self.parse(Self.document)
        let start = "http://home.net/xcap/resource-lists/users/sip%3Aalice@HOME.net/index"
        for (steps, name) in [
            ("list%5B@name=%22friends%22%5D", "friends"), ("list[@name='friends']/list[@name='close']", "close"),
            ("rl:list%5B1%5D/rl:list?xmlns(rl=urn:x)", "close"), ("list[1]", "friends"),
        ] {
            let anchor = try #require(ListAnchor(Array("\(start)/~~/resource-lists/\(steps)".utf8)[...]), "\(steps)")
            #expect(anchor.selector == Array("resource-lists/users/sip:alice@home.net/index".utf8))
            #expect(anchor.owner == Array("sip:alice@home.net".utf8))
            #expect(anchor.root == Array("http://home.net/xcap".utf8))
            #expect(lists.list(at: anchor.steps)?.name == Array(name.utf8))
        }
        for steps in ["list", "list[3]", "list[@name='none']", "list[2]/list"] {
            let anchor = try #require(ListAnchor(Array("\(start)/~~/resource-lists/\(steps)".utf8)[...]))
            #expect(lists.list(at: anchor.steps) == nil, "\(steps)")
        }
        #expect(ListAnchor(Array(start.utf8)[...])?.steps == [])
    }

    @Test("an anchor with a slash or a bracket in a name is read, and a broken one is not")
    func brokenAnchors() throws {
        let start = "http://h/resource-lists/users/sip:a@b/index/~~/resource-lists/"
        let odd = try #require(ListAnchor(Array("\(start)list%5B@name=%22a%2Fb%5D'%22%5D".utf8)[...]))
        #expect(odd.steps == [.named(Array("a/b]'".utf8))])
        for bad in [
            "", "http://h/x", "http://h/resource-lists/users/sip:a@b", "http://h/resource-lists/global/index",
            "http://h/pres-rules/users/sip:a@b/index/~~/ruleset", "\(start)list[0]",
            "\(start)list[99999999999999999999]",
            "\(start)entry[@uri='x']", "\(start)list[@name='x]", "\(start)list[@name=x]", "\(start)list[", "\(start)%4",
            "\(start)list%5B@display='x'%5D", "http://h/resource-lists/users/sip:a@b/~~/resource-lists/list",
            "http://h/resource-lists/users/sip:a@b/x%2Fy/~~/resource-lists/list",
            String(repeating: "x", count: 5_000),
        ] {
            #expect(ListAnchor(Array(bad.utf8)[...]) == nil, "\(bad.prefix(80))")
        }
    }

    @Test(
        "a service names its members in one of two ways, and its packages", .spec("RFC 4826 §4.1/1", "RFC 4826 §4.1/3"))
    func services() throws {
        let text = """
            <rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
             <service uri="sip:a@home.net"><resource-list> http://h/x </resource-list>
              <packages><package>presence</package><package> presence.winfo</package></packages></service>
             <service uri="sip:B@HOME.net;q=1"><list name="b"><rl:entry uri="sip:c@home.net"/></list></service>
             <service><list/></service>
            </rls-services>
            """
        let services = try ListServices.parse(Array(text.utf8)[...]).services
        #expect(services.count == 2)
        #expect(services[0].members == .reference(Array("http://h/x".utf8)))
        #expect(services[0].packages == [Array("presence".utf8), Array("presence.winfo".utf8)])
        #expect(services[1].packages.isEmpty)
        #expect(services[1].canonicalURI == Array("sip:B@home.net;q=1".utf8))
        guard case .list(let list) = services[1].members else {
            Issue.record("the list is lost")
            return
        }
        #expect(list.entries.map(\.uri) == [Array("sip:c@home.net".utf8)])
        #expect(throws: DocumentFault.self) { try ListServices.parse(Array("<rls-services/>".utf8)[...]) }
    }

    @Test("URIs of services have one canonical form", .spec("RFC 4826 §5/1"))
    func canonicalURIs() {
        let pairs = [
            ("SIP:Friends@HOME.net", "sip:Friends@home.net"),
            ("sip:%66riends@home.net", "sip:friends@home.net"),
            ("sip:a%2fb@home.net", "sip:a%2Fb@home.net"),
            ("sip:a@home.net;Zeta=B;alpha", "sip:a@home.net;alpha;zeta=b"),
            ("sip:a@home.net?Subject=x", "sip:a@home.net"),
            ("sip:a@home.net;p=1?to=b@c", "sip:a@home.net;p=1"),
            (" sip:a@home.net\n", "sip:a@home.net"),
            ("tel:+1201", "tel:+1201"), ("nonsense", "nonsense"), ("sip:%2541@h", "sip:%2541@h"),
            ("sip:%4@h", "sip:%4@h"),
        ]
        for (uri, expected) in pairs {
            let canonical = ServiceURI.canonical(Array(uri.utf8)[...])
            #expect(String(decoding: canonical, as: UTF8.self) == expected)
            #expect(ServiceURI.canonical(canonical[...]) == canonical, "twice is once")
        }
    }
}
