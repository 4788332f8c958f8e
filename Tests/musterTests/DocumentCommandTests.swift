import Ground
import MusterTesting
import PresenceDocuments
import Testing
import UserAgent
import WebEdge

@testable import muster

@Suite("The command line: rules, lists, documents, watchers")
struct DocumentCommandTests {
    private static let own = ["--as", "sip:alice@home.example"]

    // MARK: Names

    @Test(
        "users are named in several ways",
        arguments: [
            ("sip:Bob@HOME.example", "sip:Bob@home.example"), ("bob@home.example", "sip:bob@home.example"),
            ("bob", "sip:bob@home.example"), ("tel:+1-555-0100", "tel:+15550100"),
            ("pres:bob@home.example", "sip:bob@home.example"), ("sip:bob@home.example;gr=x", "sip:bob@home.example"),
        ])
    func identity(name: String, identity: String) {
        #expect(UserName.identity(name, domain: "home.example") == identity)
    }

    @Test("what names no user is refused", arguments: ["", "sip:home.example", "http://x", "b@c@d", "sip:@h", "a b"])
    func noIdentity(name: String) { #expect(UserName.identity(name, domain: "home.example") == nil) }

    @Test("a name without a domain needs one")
    func domain() {
        #expect(UserName.identity("bob") == nil)
        #expect(UserName.domain(of: "sip:a@home.example") == "home.example")
        #expect(UserName.domain(of: "tel:+1555") == nil)
    }

    @Test("whom rules are about")
    func subjects() {
        func subject(_ text: String) -> RulesetEditing.Subject? { PolicyText.subject(text, domain: "home.example") }
        #expect(subject("bob") == .identity(Array("sip:bob@home.example".utf8)))
        #expect(subject("*@Other.example") == .domain(Array("other.example".utf8)))
        #expect(subject("others") == .others)
        #expect(subject("anonymous") == .anonymous)
        #expect(subject("sip:others@home.example") == .identity(Array("sip:others@home.example".utf8)))
        for text in ["*@", "*@a@b", "", "b@c@d"] { #expect(subject(text) == nil, "\(text)") }
    }

    // MARK: Options

    @Test("the presentity is the one who asks, unless an argument names it")
    func presentity() throws {
        let own = try SubjectArguments.parse(["bob"] + Self.own)
        #expect(own.presentity == nil)
        #expect(try own.rules.documents.owner(named: own.presentity) == "sip:alice@home.example")
        #expect(try own.subject() == .identity(Array("sip:bob@home.example".utf8)))
        let named = try SubjectArguments.parse(["carol", "bob"] + Self.own)
        #expect(try named.rules.documents.owner(named: named.presentity) == "sip:carol@home.example")
        let alone = try SubjectArguments.parse(["sip:carol@other.example", "bob"])
        #expect(try alone.subject() == .identity(Array("sip:bob@other.example".utf8)))
    }

    @Test(
        "what cannot be meant is refused",
        arguments: [
            ["bob"], [], ["a", "b", "c"] + Self.own, ["b@c@d"] + Self.own, ["bob", "--as", "nobody"],
            ["bob", "--server", "127.0.0.1"] + Self.own, ["bob", "--xcap-root", "nowhere"] + Self.own,
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { try SubjectArguments.parse(arguments) }
    }

    @Test("the words of rules are all there, and no others")
    func words() throws {
        for word in HandlingWord.allCases { #expect(SubHandling(word: word.rawValue) == word.handling) }
        #expect(HandlingWord.allCases.count == SubHandling.allCases.count)
        #expect(try OthersOption.parse([]).others == .confirm)
        #expect(throws: (any Error).self) { try OthersOption.parse(["--others", "maybe"]) }
    }

    @Test("documents are where the option says, else on the server's host, else here")
    func root() throws {
        #expect(try DocumentRootOptions.parse([]).address(besides: nil).description == "http://127.0.0.1:8070/xcap")
        let beside = try DocumentRootOptions.parse([]).address(besides: "sip:192.0.2.1:5080;transport=tcp")
        #expect(beside.description == "http://192.0.2.1:8070/xcap")
        let six = try DocumentRootOptions.parse([]).address(besides: "sip:[2001:db8::1]:5080")
        #expect(six.description == "http://[2001:db8::1]:8070/xcap")
        let named = try DocumentRootOptions.parse(["--xcap-root", "http://x.example/y"])
        #expect(try named.address(besides: "sip:192.0.2.1").description == "http://x.example/y")
    }

    // MARK: Selectors

    @Test(
        "paths are escaped where they have to be, and only there",
        arguments: [
            ("pres-rules/users/~/index", "pres-rules/users/sip:alice@home.example/index"),
            ("/xcap-caps/global/index", "xcap-caps/global/index"),
            (
                "resource-lists/users/~/index/~~/resource-lists/list[@name=\"a b\"]",
                "resource-lists/users/sip:alice@home.example/index/~~/resource-lists/list%5B@name=%22a%20b%22%5D"
            ),
            ("a/users/sip:b%40c/index", "a/users/sip:b%40c/index"), ("a/global/100%", "a/global/100%25"),
            ("a/global/i/~~/r:x?xmlns(r=urn:y)", "a/global/i/~~/r:x?xmlns(r=urn:y)"),
            ("http://127.0.0.1:8070/xcap/a/global/i", "a/global/i"),
        ])
    func paths(path: String, target: String) throws {
        #expect(try SelectorArguments.parse([path] + Self.own).target() == target)
    }

    @Test("prefixes become the query, and the type follows from the path")
    func namespaces() throws {
        let arguments = try SelectorArguments.parse(
            ["pres-rules/users/~/index/~~/ruleset/rule[@id=\"a\"]/@id", "--namespace", "pr=urn:x"] + Self.own)
        #expect(try arguments.target().hasSuffix("/@id?xmlns(pr=urn:x)"))
        #expect(try arguments.mediaType() == "application/xcap-att+xml")
        func type(_ path: String) throws -> String { try SelectorArguments.parse([path] + Self.own).mediaType() }
        #expect(try type("pres-rules/users/~/index") == "application/auth-policy+xml")
        #expect(try type("resource-lists/users/~/index") == "application/resource-lists+xml")
        #expect(try type("resource-lists/users/~/index/~~/resource-lists/list") == "application/xcap-el+xml")
        #expect(throws: CommandFailure.self) { try type("unheard-of/users/~/index") }
        for binding in ["pr", "=urn:x", "p r=urn:x", "pr=a)b", "pr="] {
            #expect(throws: (any Error).self, "\(binding)") {
                try SelectorArguments.parse(["a/global/i", "--namespace", binding] + Self.own)
            }
        }
        for path in ["", "/", "http://other.example/xcap/a"] {
            #expect(throws: (any Error).self, "\(path)") { try SelectorArguments.parse([path] + Self.own) }
        }
    }

    @Test("entity tags get the quotes that a shell took away")
    func quotes() {
        #expect(SelectorArguments.quoted("abc") == "\"abc\"")
        #expect(SelectorArguments.quoted("\"abc\"") == "\"abc\"")
        #expect(SelectorArguments.quoted("*") == "*")
    }

    @Test("values in predicates cannot end them")
    func predicates() {
        #expect(DocumentClient.predicate("name", "a\"]<&") == "[@name=\"a&quot;]&lt;&amp;\"]")
        let client = DocumentClient(
            root: HTTPAddress(origin: HTTPOrigin(host: "x"), target: "/"), owner: "sip:a/b@c", credentials: nil)
        #expect(client.selector("x", node: "y[1]") == "x/users/sip:a%2Fb@c/index/~~/y%5B1%5D")
    }

    // MARK: Refusals

    private func failure(_ body: String, status: Int = 409) -> CommandFailure {
        DocumentProblem.failure(
            HTTPClient.Answer(status: status, fields: [], body: Array(body.utf8)), "a/users/sip:b%40c/index")
    }

    @Test("every error element is said in words", .spec("RFC 4825 §11.1/3"))
    func conflicts() {
        for name in [
            "not-well-formed", "not-xml-frag", "not-xml-att-value", "not-utf-8", "no-parent", "cannot-insert",
            "cannot-delete", "schema-validation-error", "constraint-failure", "uniqueness-failure",
        ] {
            let text = self.failure(
                "<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\"><\(name) phrase=\"so\u{9}there\"/></xcap-error>"
            ).description
            #expect(text.hasPrefix("a/users/sip:b@c/index: "), "\(text)")
            #expect(text.contains(": so there [409 \(name)]"), "\(text)")
        }
        let unique = self.failure(
            "<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\"><uniqueness-failure><exists field=\"x/@uri\">"
                + "<alt-value>sip:free@h</alt-value></exists></uniqueness-failure></xcap-error>")
        #expect(unique.reason.contains("x/@uri"))
        #expect(unique.advice == "Free: sip:free@h")
        let parent = self.failure(
            "<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\"><no-parent><ancestor>http://h/x</ancestor>"
                + "</no-parent></xcap-error>")
        #expect(parent.advice == "What exists of it: http://h/x")
    }

    @Test(
        "any other answer is said in words too",
        arguments: [400, 403, 404, 405, 409, 412, 413, 414, 415, 500, 503, 507])
    func statuses(status: Int) {
        let failure = self.failure("<no xml", status: status)
        #expect(failure.reason.hasSuffix(" [\(status)]"))
        #expect(!failure.reason.contains("<no xml"))
    }

    // MARK: Reports

    private let report = PolicyReport(
        presentity: "sip:alice@home.example", watcher: "sip:bob@home.example\u{1B}[2J", handling: "block",
        reason: "rule work of x",
        rules: [
            PolicyReport.Rule(
                document: "x", rule: "work", matches: true, decides: true, handling: "block", reason: "names bob"),
            PolicyReport.Rule(
                document: nil, rule: "file", matches: false, decides: false, handling: nil, reason: "is not about bob"),
        ],
        documents: ["x"], sphere: "home", sees: "")

    @Test("an explanation names what decided, what did not, and what is seen; foreign text stays harmless")
    func explanation() {
        let text = PolicyText.lines(self.report, style: .plain).joined(separator: "\n")
        #expect(
            text == """
                sip:bob@home.example [2J watches sip:alice@home.example: block
                  because of rule work of x
                  the sphere is home

                The rules (* decides, + matches, - does not):
                  * work  block         names bob  (x)
                  - file  -             is not about bob  (the rules file)

                The watcher is told nothing.
                """)
    }

    @Test("an explanation with a document says what the watcher sees")
    func sight() throws {
        let body = PresenceStatus(
            isOpen: true, activities: ["meeting"], notes: ["hello"], contact: "sip:alice@home.example"
        )
        .document(entity: "sip:alice@home.example", service: "t", at: Instant(seconds: 1))
        let report = PolicyReport(
            presentity: "sip:alice@home.example", watcher: "anonymous", handling: "allow", reason: "the default",
            rules: [], documents: [], sphere: nil, sees: body[...].text)
        let lines = PolicyText.lines(report, style: .plain)
        #expect(lines.contains("There are no rules."))
        #expect(lines.contains { $0.contains("open     meeting  \"hello\"") }, "\(lines)")
    }

    @Test("queries are escaped")
    func query() {
        #expect(AdministrationClient.target("/a", []) == "/a")
        #expect(
            AdministrationClient.target("/a", [("x", "tel:+1 &"), ("y", "sip:a@b")]) == "/a?x=tel:%2b1%20%26&y=sip:a@b")
    }

    // MARK: Watchers

    @Test("lines that are typed become answers")
    func answers() {
        func answer(_ line: String) -> WatcherAnswer { WatcherAnswer(line, domain: "home.example") }
        let bob = RulesetEditing.Subject.identity(Array("sip:bob@home.example".utf8))
        #expect(answer("allow bob") == .set(.allow, bob))
        #expect(answer("  polite-block\tsip:bob@home.example\r") == .set(.politeBlock, bob))
        #expect(answer("confirm others") == .set(.confirm, .others))
        #expect(answer("forget bob") == .forget(bob))
        #expect(answer("list") == .list)
        #expect(answer("help") == .help)
        #expect(answer("quit") == .quit)
        #expect(answer("   ") == .nothing)
        for line in ["allow", "permit bob", "allow bob carol", "allow b@c@d"] {
            guard case .unknown = answer(line) else {
                Issue.record("\(line) is understood as \(answer(line))")
                continue
            }
        }
    }

    @Test("watchers are for oneself, and answers are checked before anything is done")
    func watchers() throws {
        let command = try WatchersCommand.parse([
            "sip:alice@home.example", "--allow", "bob", "--block", "*@evil.example",
        ])
        let answers = try command.answers()
        #expect(answers.map(\.handling) == [.allow, .block])
        #expect(answers.last?.subject == .domain(Array("evil.example".utf8)))
        for arguments in [[], ["alice"], ["sip:home.example"], ["sip:a@b", "--allow", "b@c@d"], ["tel:+1555"]] {
            #expect(throws: (any Error).self, "\(arguments)") { try WatchersCommand.parse(arguments) }
        }
    }

    @Test("watchers are a table for people and objects for scripts")
    func table() {
        var watcher = KnownWatcher(
            WatcherInformation.Watcher(
                id: Array("1".utf8), uri: Array("sip:bob@home.example".utf8), status: .pending, event: .subscribe))
        watcher.durationSubscribed = 90
        #expect(
            WatchersView.table([watcher]) == """
                WATCHER               STATUS   FOR         WHAT IT DOES
                sip:bob@home.example  pending  1 min 30 s  waits for your consent
                """)
        let text = WatchersView.object(watcher, of: "sip:alice@home.example", at: Instant(seconds: 0)).text
        #expect(text.contains("\"status\":\"pending\"") && text.contains("\"presentity\":\"sip:alice@home.example\""))
    }

    // MARK: Lists

    @Test("lists are shown as outlines and objects, with all that can be in them")
    func lists() throws {
        let lists = try ResourceLists.parse(
            Array(
                """
                <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="a"><display-name>A</display-name>\
                <entry uri="sip:b@c"><display-name>B</display-name></entry><list><entry uri="sip:d@e"/></list>\
                <external anchor="http://h/x"/><entry-ref ref="y"/></list></resource-lists>
                """.utf8)[...])
        let list = try ListsDocument.list("a", in: lists)
        #expect(
            ListCommand.Show.lines(list, depth: 0) == [
                "a  \"A\"", "  sip:b@c  \"B\"", "  (without a name)", "    sip:d@e", "  → http://h/x", "  → y",
            ])
        #expect(
            ListCommand.Show.object(list).text
                == "{\"list\":\"a\",\"name\":\"A\",\"entries\":[{\"uri\":\"sip:b@c\",\"name\":\"B\"}],"
                + "\"references\":[\"http://h/x\",\"y\"],\"lists\":[{\"entries\":[{\"uri\":\"sip:d@e\"}]}]}")
        #expect(throws: CommandFailure.self) { try ListsDocument.list("b", in: lists) }
        #expect(throws: CommandFailure.self) { try ListsDocument.list("a", in: nil) }
    }

    @Test("what people type cannot leave its place in a document")
    func escapes() {
        #expect(
            ListsDocument.element("\"<&>", displayName: "</list>", namespace: false)
                == "<list name=\"&quot;&lt;&amp;&gt;\"><display-name>&lt;/list&gt;</display-name></list>")
        #expect(ListsDocument.entry("sip:a&b@c", displayName: nil).contains("uri=\"sip:a&amp;b@c\""))
        #expect(throws: (any Error).self) { try ListArguments.parse(["a/b"] + Self.own) }
        #expect(throws: (any Error).self) { try ListArguments.parse([""] + Self.own) }
    }
}
