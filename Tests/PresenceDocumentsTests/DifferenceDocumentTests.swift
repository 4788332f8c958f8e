import Foundation
import Ground
import MusterTesting
import PresenceDocuments
import Testing
import XMLTree

/// A repeatable source of small numbers.
private struct Dice {
    var state: UInt64

    mutating func roll(_ sides: Int) -> Int {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Int(mixed % UInt64(sides))
    }
}

/// A tree that can be changed at random, and written with every kind of node.
private indirect enum Piece {
    case element(name: String, attributes: [(String, String)], children: [Piece])
    case text(String), comment(String), instruction(String)

    static func random(_ dice: inout Dice, depth: Int) -> Piece {
        switch dice.roll(depth > 3 ? 4 : 9) {
        case 0: return .text(["\n  ", " ", "a", "x &amp; y", "é"][dice.roll(5)])
        case 1: return .comment(["c", "note", " "][dice.roll(3)])
        case 2: return .instruction(["p a", "q"][dice.roll(2)])
        default:
            var attributes: [(String, String)] = []
            if dice.roll(2) == 0 { attributes.append(("uri", "u\(dice.roll(6))")) }
            if dice.roll(4) == 0 { attributes.append(("x:k", "v\(dice.roll(3)) &quot;")) }
            if dice.roll(6) == 0 { attributes.append(("y:k", "w")) }
            let count = depth > 3 ? 0 : dice.roll(4)
            return .element(
                name: ["list", "entry", "x:ext", "n"][dice.roll(4)], attributes: attributes,
                children: (0..<count).map { _ in Self.random(&dice, depth: depth + 1) })
        }
    }

    func changed(_ dice: inout Dice, depth: Int) -> Piece {
        guard case .element(let name, var attributes, var children) = self else {
            return dice.roll(3) == 0 ? Self.random(&dice, depth: depth) : self
        }
        switch dice.roll(8) {
        case 0: children.insert(Self.random(&dice, depth: depth + 1), at: dice.roll(children.count + 1))
        case 1 where !children.isEmpty: children.remove(at: dice.roll(children.count))
        case 2 where children.count > 1: children.swapAt(0, dice.roll(children.count))
        case 3: attributes = [("uri", "u\(dice.roll(6))")]
        case 4: attributes.removeAll()
        default: break
        }
        if !children.isEmpty, dice.roll(4) > 0 {
            let index = dice.roll(children.count)
            children[index] = children[index].changed(&dice, depth: depth + 1)
        }
        return .element(name: name, attributes: attributes, children: children)
    }

    var written: String {
        switch self {
        case .text(let text): return text
        case .comment(let text): return "<!--\(text)-->"
        case .instruction(let text): return "<?\(text)?>"
        case .element(let name, let attributes, let children):
            let written = attributes.map { " \($0.0)=\"\($0.1)\"" }.joined()
            return "<\(name)\(written)>" + children.map(\.written).joined() + "</\(name)>"
        }
    }

    static func document(_ children: [Piece], prolog: String = "") -> [UInt8] {
        Array(
            ("<?xml version=\"1.0\"?>" + prolog
                + "<lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:x=\"urn:x\" xmlns:y=\"urn:y\">"
                + children.map(\.written).joined() + "</lists>").utf8)
    }
}

@Suite("Differences of documents")
struct DifferenceDocumentTests {
    private static let lists = """
        <?xml version="1.0" encoding="UTF-8"?>
        <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
         <list name="friends">
          <entry uri="sip:bo@home2.net"><display-name>Bo</display-name></entry>
          <entry uri="sip:cy@home2.net"/>
         </list>
        </resource-lists>
        """

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// The operations of a change; nil if it is none.
    private static func operations(_ old: String, _ new: String) -> String? {
        guard case .patched(let operations) = DifferenceDocument.change(from: Self.bytes(old), to: Self.bytes(new))
        else { return nil }
        return String(decoding: operations, as: UTF8.self)
    }

    private static func received(_ entries: [DifferenceDocument.Entry]) throws -> DifferenceDocument.Received {
        try DifferenceDocument.Received.parse(
            DifferenceDocument(root: Self.bytes("http://x/xcap/"), entries: entries).serialised()[...])
    }

    @Test(
        "the format says which document changed, from which tag to which",
        .spec("RFC 5874 §3/1", "RFC 5874 §3/2", "RFC 5874 §3/3", "RFC 5874 §3/4", "RFC 5874 §3/5"))
    func written() throws {
        let selector = Self.bytes("resource-lists/users/sip:a%22b@x/index")
        let received = try Self.received([
            .document(selector: selector, previousTag: nil, newTag: Self.bytes("1"), .reference),
            .document(selector: selector, previousTag: Self.bytes("1"), newTag: Self.bytes("2<"), .reference),
            .document(selector: selector, previousTag: Self.bytes("2<"), newTag: Self.bytes("3"), .bodyNotChanged),
            .document(selector: selector, previousTag: Self.bytes("3"), newTag: nil, .reference),
        ])
        #expect(received.root == Self.bytes("http://x/xcap/"))
        #expect(received.entries.map(\.selector) == Array(repeating: selector, count: 4))
        #expect(received.entries.map(\.previousTag) == [nil, Self.bytes("1"), Self.bytes("2<"), Self.bytes("3")])
        #expect(received.entries.map(\.newTag) == [Self.bytes("1"), Self.bytes("2<"), Self.bytes("3"), nil])
        #expect(received.entries.map(\.isBodyNotChanged) == [false, false, true, false])
        #expect(received.entries.allSatisfy { $0.operationCount == 0 })
    }

    @Test(
        "elements and attributes stand in it with their content, or with the word that they are not there",
        .spec("RFC 5874 §3/7", "RFC 5874 §3/8", "RFC 5874 §3/9"))
    func components() throws {
        let tree = try XMLDocument.parse(
            Self.bytes("<a xmlns=\"urn:a\" xmlns:q=\"urn:q\"><b k=\"q:name\">x &amp; y<q:c/><n xmlns=\"\"/></b></a>")[
                ...])
        let node = tree[tree.root].firstChild
        let fragment = DifferenceDocument.fragment(of: node, in: tree)
        let received = try Self.received([
            .element(selector: Self.bytes("d/~~/a/b"), .present(fragment)),
            .element(selector: Self.bytes("d/~~/a/b"), .absent), .element(selector: Self.bytes("d/~~/a/b"), .existing),
            .attribute(selector: Self.bytes("d/~~/a/@k"), .present(Self.bytes(" a<b "))),
            .attribute(selector: Self.bytes("d/~~/a/@k"), .absent),
        ])
        #expect(received.entries.map(\.exists) == [true, false, true, true, false])
        #expect(received.entries[3].content == Self.bytes(" a<b "))
        #expect(received.entries[2].content == nil)
        let copy = try XMLDocument.parse(try #require(received.entries[0].content)[...])
        #expect(copy.subtree(copy.root, equals: tree, node))
        // The prefix that only a value uses is still declared.
        #expect(copy.namespaceNumber(Self.bytes("urn:q")[...]) != nil)
    }

    @Test("an edit in a list is one small operation", .spec("RFC 5874 §3/6", "RFC 5261 §4.1"))
    func smallOperations() throws {
        let old = Self.lists
        let added = old.replacingOccurrences(
            of: "<entry uri=\"sip:cy@home2.net\"/>",
            with: "<entry uri=\"sip:cy@home2.net\"/>\n  <entry uri=\"sip:di@h\"/>")
        #expect(
            Self.operations(old, added)
                == "<add sel=\"*/*[1]/*[2]\" pos=\"after\">\n  <entry uri=\"sip:di@h\" xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/></add>"
        )
        let renamed = old.replacingOccurrences(of: "friends", with: "enemies")
        #expect(Self.operations(old, renamed) == "<replace sel=\"*/*[1]/@name\">enemies</replace>")
        let text = old.replacingOccurrences(of: ">Bo<", with: ">Bob<")
        #expect(Self.operations(old, text) == "<replace sel=\"*/*[1]/*[1]/*[1]/text()[1]\">Bob</replace>")
        let removed = old.replacingOccurrences(of: "<entry uri=\"sip:cy@home2.net\"/>", with: "")
        let operations = try #require(Self.operations(old, removed))
        #expect(operations.hasPrefix("<remove sel=\"*/*[1]/*[2]\"/>"))
        #expect(operations.utf8.count < 120)
    }

    @Test("what does not change the information is no change of the body", .spec("RFC 5874 §3/4"))
    func sameInformation() {
        let old = Self.lists
        #expect(DifferenceDocument.change(from: Self.bytes(old), to: Self.bytes(old)) == .bodyNotChanged)
        let other = old.replacingOccurrences(
            of: "<entry uri=\"sip:cy@home2.net\"/>", with: "<entry uri='sip:cy@home2.net' ></entry>")
        #expect(DifferenceDocument.change(from: Self.bytes(old), to: Self.bytes(other)) == .bodyNotChanged)
    }

    @Test("what cannot be told in operations, or only in larger ones, is a reference", .spec("RFC 5874 §3/5"))
    func references() {
        let old = Self.bytes(Self.lists)
        #expect(DifferenceDocument.change(from: old, to: Self.bytes("<r/>")) == .reference)
        #expect(DifferenceDocument.change(from: old, to: Self.bytes("<r")) == .reference)
        #expect(DifferenceDocument.change(from: Self.bytes("<r"), to: old) == .reference)
        let large = Self.lists.replacingOccurrences(of: "Bo", with: String(repeating: "Bo", count: 400))
        #expect(DifferenceDocument.change(from: old, to: Self.bytes(large), limit: 100) == .reference)
    }

    @Test(
        "operations lead from any document to any other",
        .spec("RFC 5874 §3/6", "RFC 5261 §4.3", "RFC 5261 §4.4", "RFC 5261 §4.5"))
    func randomChanges() {
        var dice = Dice(state: 4711)
        var patched = 0
        for round in 0..<400 {
            let start = (0..<dice.roll(5)).map { _ in Piece.random(&dice, depth: 0) }
            var goal = start
            for _ in 0...dice.roll(3) {
                if goal.isEmpty || dice.roll(4) == 0 {
                    goal.insert(Piece.random(&dice, depth: 0), at: dice.roll(goal.count + 1))
                } else if dice.roll(5) == 0 {
                    goal.remove(at: dice.roll(goal.count))
                } else {
                    let index = dice.roll(goal.count)
                    goal[index] = goal[index].changed(&dice, depth: 0)
                }
            }
            let prologs = ["", "<!--one-->", "<!--one--><?two?>", "<?two?><!--one-->"]
            let old = Piece.document(start, prolog: prologs[dice.roll(4)])
            let new = Piece.document(goal, prolog: prologs[dice.roll(4)])
            guard let before = try? XMLDocument.parse(old[...]), let after = try? XMLDocument.parse(new[...]) else {
                continue
            }
            let violation = DifferenceFuzzCheck.checkChange(from: old, to: new)
            #expect(violation == nil, "round \(round): \(String(decoding: old, as: UTF8.self))")
            switch DifferenceDocument.change(from: old, to: new) {
            case .patched: patched += 1
            case .bodyNotChanged: #expect(before == after)
            case .reference:
                // Only size is a reason here: the same pair with a large part that stays can always be told.
                let filler = Piece.element(
                    name: "filler", attributes: [], children: [.text(String(repeating: "f", count: 5_000))])
                let change = DifferenceDocument.change(
                    from: Piece.document([filler] + start), to: Piece.document([filler] + goal))
                #expect(
                    change != .reference,
                    "round \(round): \(String(decoding: old, as: UTF8.self)) -> \(String(decoding: new, as: UTF8.self))"
                )
            }
        }
        #expect(patched > 100)
    }

    @Test(
        "a copy follows a chain of changes and nothing else",
        .spec("RFC 5875 §4.8/1", "RFC 5875 §4.8/2", "RFC 5874 §3/6"))
    func mirrorFollows() throws {
        let selector = Self.bytes("resource-lists/users/sip:a@x/index")
        let versions = [
            Self.lists, Self.lists.replacingOccurrences(of: "friends", with: "f2"),
            Self.lists.replacingOccurrences(of: "Bo", with: "B"),
        ].map(Self.bytes)
        func entry(_ from: Int, _ to: Int) -> DifferenceDocument.Entry {
            .document(
                selector: selector, previousTag: Self.bytes("\(from)"), newTag: Self.bytes("\(to)"),
                DifferenceDocument.change(from: versions[from], to: versions[to]))
        }
        let chain = try Self.received([entry(0, 1), entry(1, 2)])
        var mirror = DocumentMirror()
        #expect(mirror.apply(chain).first == .fetch(selector: selector, tag: Self.bytes("1")))
        try mirror.fetched(selector, tag: Self.bytes("0"), body: versions[0][...])
        #expect(
            mirror.apply(chain) == [
                .updated(selector: selector, tag: Self.bytes("1")), .updated(selector: selector, tag: Self.bytes("2")),
            ])
        #expect(try mirror.copies[selector]?.document == XMLDocument.parse(versions[2][...]))
        #expect(
            mirror.apply(chain) == [.ignored(selector: selector), .current(selector: selector)])
        // Fetched while the notification was on its way: the first change is of the past.
        try mirror.fetched(selector, tag: Self.bytes("1"), body: versions[1][...])
        #expect(
            mirror.apply(chain) == [.current(selector: selector), .updated(selector: selector, tag: Self.bytes("2"))])
        let gone = try Self.received([
            .document(selector: selector, previousTag: Self.bytes("2"), newTag: nil, .reference)
        ])
        #expect(mirror.apply(gone) == [.removed(selector: selector)])
        #expect(mirror.copies.isEmpty)
    }

    @Test("a patch that does not fit makes the copy be fetched again, and harms nothing", .spec("RFC 5875 §4.8/3"))
    func mirrorDoubts() throws {
        let selector = Self.bytes("d")
        var mirror = DocumentMirror()
        try mirror.fetched(selector, tag: Self.bytes("0"), body: Self.bytes("<a/>")[...])
        let bad = try Self.received([
            .document(
                selector: selector, previousTag: Self.bytes("0"), newTag: Self.bytes("1"),
                .patched(Self.bytes("<remove sel=\"*/*[7]\"/>")))
        ])
        #expect(mirror.apply(bad) == [.fetch(selector: selector, tag: Self.bytes("1"))])
        #expect(mirror.copies[selector]?.entityTag == Self.bytes("0"))
        let reference = try Self.received([
            .document(selector: selector, previousTag: Self.bytes("7"), newTag: Self.bytes("8"), .reference)
        ])
        #expect(mirror.apply(reference) == [.fetch(selector: selector, tag: Self.bytes("8"))])
        let same = try Self.received([
            .document(selector: selector, previousTag: Self.bytes("0"), newTag: Self.bytes("9"), .bodyNotChanged)
        ])
        #expect(mirror.apply(same) == [.updated(selector: selector, tag: Self.bytes("9"))])
    }

    @Test(
        "what is no xcap-diff document is refused; what is foreign in one is passed over",
        .spec("RFC 5874 §3/10", "RFC 5874 §4/1"))
    func parsing() throws {
        for text in [
            "", "<xcap-diff/>", "<xcap-diff xmlns=\"urn:ietf:params:xml:ns:xcap-diff\"/>",
            "<x xmlns=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"h\"/>",
            "<xcap-diff xmlns=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"h\"><document/></xcap-diff>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><xcap-diff xmlns=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"h\"/>",
        ] {
            #expect(throws: DocumentFault.self) { try DifferenceDocument.Received.parse(Self.bytes(text)[...]) }
        }
        let text =
            "<d:xcap-diff xmlns:d=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"http://h/\" k=\"v\">\n"
            + "<x xmlns=\"urn:x\"/><d:document sel=\"a\" new-etag=\"1\" z=\"1\"/><d:other/></d:xcap-diff>"
        let received = try DifferenceDocument.Received.parse(Self.bytes(text)[...])
        #expect(received.entries.count == 1)
        #expect(received.entries.first?.newTag == Self.bytes("1"))
    }

    @Test("a document with thousands of entries is told apart in bounded time", .spec("RFC 5874 §6/1"))
    func large() {
        let entries = (0..<2000).map { "<entry uri=\"sip:u\($0)@h\"/>\n" }
        let old = "<l>" + entries.joined() + "</l>"
        let new = "<l>" + entries.reversed().joined() + "</l>"
        // Nothing but the root stays, so that a reference is what is left.
        #expect(DifferenceDocument.change(from: Self.bytes(old), to: Self.bytes(new)) == .reference)
        var edited = entries
        edited.remove(at: 1000)
        edited.insert("<entry uri=\"sip:new@h\"/>\n", at: 3)
        edited.append(edited[0])
        #expect(Self.operations(old, "<l>" + edited.joined() + "</l>").map { $0.utf8.count < 400 } == true)
    }

    @Test("inputs that once broke something, and seeds, break nothing", .spec("RFC 5874 §6/1"))
    func replay() throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fuzz")
        var replayed = 0
        for folder in ["Seeds", "Findings"] {
            let place = root.appendingPathComponent("\(folder)/XCAPDiff")
            guard FileManager.default.fileExists(atPath: place.path) else { continue }
            for name in try FileManager.default.contentsOfDirectory(atPath: place.path) {
                let input = Array(try Data(contentsOf: place.appendingPathComponent(name)))
                #expect(DifferenceFuzzCheck.check(input) == nil, "\(folder)/\(name)")
                replayed += 1
            }
        }
        #expect(replayed >= 3)
    }
}
