import Ground
import MusterTesting
import PresenceDocuments
import Testing

@Suite("Watcher information documents")
struct WatcherInformationTests {
    private static let namespace = "xmlns=\"urn:ietf:params:xml:ns:watcherinfo\""

    private func parse(_ text: String) throws -> WatcherInformation {
        try WatcherInformation.parse(Array(text.utf8)[...])
    }

    /// A document with one list, whose watchers are given as text.
    private func text(_ watchers: String, version: String = "0", state: String = "full") -> String {
        "<?xml version=\"1.0\"?>\n<watcherinfo \(Self.namespace) version=\"\(version)\" state=\"\(state)\">"
            + "<watcher-list resource=\"sip:ann@home1.net\" package=\"presence\">\(watchers)</watcher-list></watcherinfo>"
    }

    private func watcher(
        _ id: String, _ status: WatcherInformation.Status, _ event: WatcherInformation.Event = .subscribe
    ) -> WatcherInformation.Watcher {
        WatcherInformation.Watcher(
            id: Array(id.utf8), uri: Array("sip:\(id)@home1.net".utf8), status: status, event: event)
    }

    private func document(
        _ version: UInt64, full: Bool, _ watchers: [WatcherInformation.Watcher]
    ) -> WatcherInformation {
        WatcherInformation(
            version: version, isFull: full,
            lists: [
                .init(resource: Array("sip:ann@home1.net".utf8), package: Array("presence".utf8), watchers: watchers)
            ])
    }

    @Test(
        "a document is read with all that it says",
        .spec("RFC 3858 §3.1/1", "RFC 3858 §3.1/2", "RFC 3858 §3.2/1", "RFC 3858 §3.3/1", "RFC 3858 §3.3/2"))
    func read() throws {
        let information = try self.parse(
            self.text(
                """

                <watcher id="8ajksjda7s" status="active" event="approved" duration-subscribed="509" \
                expiration="20" display-name="Mr. &quot;J&quot;" xml:lang="en"> sip:userA@home1.net </watcher>
                <watcher id="hh8juja87s997-ass7" status="pending" event="subscribe">sip:userB@home2.net</watcher>
                """, version: "7", state: "partial"))
        #expect(information.version == 7)
        #expect(!information.isFull)
        let list = try #require(information.lists.first)
        #expect(list.resource == Array("sip:ann@home1.net".utf8))
        #expect(list.package == Array("presence".utf8))
        #expect(
            list.watchers == [
                WatcherInformation.Watcher(
                    id: Array("8ajksjda7s".utf8), uri: Array("sip:userA@home1.net".utf8), status: .active,
                    event: .approved, displayName: Array("Mr. \"J\"".utf8), expiration: 20, durationSubscribed: 509,
                    language: Array("en".utf8)),
                WatcherInformation.Watcher(
                    id: Array("hh8juja87s997-ass7".utf8), uri: Array("sip:userB@home2.net".utf8), status: .pending,
                    event: .subscribe),
            ])
    }

    @Test(
        "what is written reads the same, whatever names and URIs hold",
        .spec("RFC 3858 §3.3/1", "RFC 3858 §5/1", "RFC 3858 §3/1"))
    func roundTrip() throws {
        var watchers: [WatcherInformation.Watcher] = []
        for status in WatcherInformation.Status.allCases {
            for event in WatcherInformation.Event.allCases {
                var watcher = self.watcher("\(status.rawValue)-\(event.rawValue)", status, event)
                watcher.displayName = Array("<&\"'>\u{E9}\u{1F600}".utf8)
                watcher.expiration = .max
                watcher.durationSubscribed = 0
                watcher.language = Array("de".utf8)
                watchers.append(watcher)
            }
        }
        for isFull in [true, false] {
            let information = self.document(.max, full: isFull, watchers)
            #expect(try WatcherInformation.parse(information.serialised()[...]) == information)
        }
        let none = WatcherInformation(version: 0, isFull: true, lists: [])
        #expect(try WatcherInformation.parse(none.serialised()[...]) == none)
    }

    @Test("what XML cannot carry is replaced before it is written", .spec("RFC 3858 §3/1"))
    func unprintable() throws {
        var watcher = self.watcher("a", .active)
        watcher.displayName = [0x41, 0x00, 0x1B, 0xFF, 0xC3, 0x42]
        let read = try WatcherInformation.parse(self.document(0, full: true, [watcher]).serialised()[...])
        let name = try #require(read.lists.first?.watchers.first?.displayName)
        #expect(name.first == 0x41 && name.last == 0x42)
        #expect(String(validating: name, as: UTF8.self)?.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
    }

    @Test("elements and attributes of others are passed over", .spec("RFC 3858 §5/2"))
    func foreign() throws {
        let information = try self.parse(
            """
            <w:watcherinfo xmlns:w="urn:ietf:params:xml:ns:watcherinfo" xmlns:x="urn:x" version="1" state="full" x:a="b">
            <!-- c --><x:first/><w:watcher-list resource="sip:a@b" package="presence" x:b="c"><x:y><w:watcher/></x:y>
            <w:watcher id="1" status="waiting" event="timeout" x:c="d">sip:c@d</w:watcher><watcher/></w:watcher-list>
            <x:last/></w:watcherinfo>
            """)
        #expect(information.lists.first?.watchers.map(\.status) == [.waiting])
    }

    @Test(
        "a document that breaks the schema is refused",
        .spec("RFC 3858 §3.1/1", "RFC 3858 §3.1/2", "RFC 3858 §3.2/1", "RFC 3858 §3.3/1"),
        arguments: [
            "<a/>", "<watcherinfo version=\"0\" state=\"full\"/>",
            "<watcherinfo \(namespace) state=\"full\"/>", "<watcherinfo \(namespace) version=\"0\"/>",
            "<watcherinfo \(namespace) version=\"-1\" state=\"full\"/>",
            "<watcherinfo \(namespace) version=\"\" state=\"full\"/>",
            "<watcherinfo \(namespace) version=\"99999999999999999999\" state=\"full\"/>",
            "<watcherinfo \(namespace) version=\"0\" state=\"half\"/>",
            "<watcherinfo \(namespace) version=\"0\" state=\"full\"><watcher-list package=\"p\"/></watcherinfo>",
            "<watcherinfo \(namespace) version=\"0\" state=\"full\"><watcher-list resource=\"r\"/></watcherinfo>",
        ])
    func broken(_ text: String) {
        #expect(throws: DocumentFault.self) { try self.parse(text) }
    }

    @Test(
        "a watcher without what it must have is refused", .spec("RFC 3858 §3.3/1", "RFC 3858 §3.3/3"),
        arguments: [
            "<watcher status=\"active\" event=\"approved\">sip:a@b</watcher>",
            "<watcher id=\"\" status=\"active\" event=\"approved\">sip:a@b</watcher>",
            "<watcher id=\"1\" event=\"approved\">sip:a@b</watcher>",
            "<watcher id=\"1\" status=\"sleeping\" event=\"approved\">sip:a@b</watcher>",
            "<watcher id=\"1\" status=\"active\">sip:a@b</watcher>",
            "<watcher id=\"1\" status=\"active\" event=\"Approved\">sip:a@b</watcher>",
            "<watcher id=\"1\" status=\"active\" event=\"approved\"/>",
            "<watcher id=\"1\" status=\"active\" event=\"approved\">a b</watcher>",
            "<watcher id=\"1\" status=\"active\" event=\"approved\" expiration=\"soon\">sip:a@b</watcher>",
            "<watcher id=\"1\" status=\"active\" event=\"approved\" duration-subscribed=\"-5\">sip:a@b</watcher>",
        ])
    func brokenWatcher(_ watcher: String) {
        #expect(throws: DocumentFault.self) { try self.parse(self.text(watcher)) }
    }

    @Test("entities, bombs, depth and size are refused", .spec("RFC 3858 §8/1"))
    func hostile() {
        let entity = "<!DOCTYPE watcherinfo [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" + self.text("&a;")
        let bomb =
            "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>" + self.text("&b;&b;&b;")
        let deep =
            String(repeating: "<watcherinfo \(Self.namespace) version=\"0\" state=\"full\">", count: 5_000)
            + String(repeating: "</watcherinfo>", count: 5_000)
        let large = self.text(String(repeating: " ", count: 300_000))
        let wide = self.text(String(repeating: "<watcher/>", count: 40_000))
        for text in [entity, bomb, deep, large, wide, "", "<", "\u{0}", self.text("<watcher")] {
            #expect(throws: DocumentFault.self) { try self.parse(text) }
        }
        #expect(throws: DocumentFault.self) {
            try WatcherInformation.parse(Array(self.text("<watcher id=\"").utf8)[...] + [0xFF, 0xFE])
        }
    }

    // MARK: The table

    @Test(
        "full documents replace the table, partial ones change rows",
        .spec("RFC 3858 §4/1", "RFC 3858 §4/2", "RFC 3858 §4/3", "RFC 3858 §4/4"))
    func merge() {
        var table = WatcherInformationTable()
        let a = self.watcher("a", .pending)
        let b = self.watcher("b", .active)
        #expect(table.merge(self.document(0, full: true, [a, b])) == .applied([a, b]))
        #expect(table.watchers == [a, b])
        #expect(table.undecided == [a])
        let approved = self.watcher("a", .active, .approved)
        let c = self.watcher("c", .waiting, .timeout)
        #expect(table.merge(self.document(1, full: false, [approved, c])) == .applied([approved, c]))
        #expect(table.watchers == [approved, b, c])
        let gone = self.watcher("b", .terminated, .timeout)
        #expect(table.merge(self.document(2, full: false, [gone])) == .applied([gone]))
        #expect(table.watchers == [approved, c])
        #expect(table.merge(self.document(9, full: true, [c])) == .applied([self.watcher("a", .terminated, .timeout)]))
        #expect(table.watchers == [c])
        #expect(table.version == 9)
    }

    @Test(
        "an old document is dropped, and one after a gap is taken and asks for a refresh",
        .spec("RFC 3858 §4/5", "RFC 3858 §4/6"))
    func versions() {
        var table = WatcherInformationTable()
        let a = self.watcher("a", .pending)
        let b = self.watcher("b", .active)
        #expect(table.merge(self.document(3, full: false, [a])) == .appliedWithGap([a]))
        #expect(table.merge(self.document(3, full: true, [b])) == .discarded)
        #expect(table.merge(self.document(2, full: false, [b])) == .discarded)
        #expect(table.watchers == [a])
        #expect(table.merge(self.document(5, full: false, [b])) == .appliedWithGap([b]))
        #expect(table.version == 5)
        #expect(table.merge(self.document(6, full: false, [])) == .applied([]))
        table.restart()
        #expect(table.count == 2)
        #expect(table.merge(self.document(0, full: true, [b])) == .applied([self.watcher("a", .terminated, .timeout)]))
    }

    @Test("watchers of different resources and packages do not meet", .spec("RFC 3858 §4/7"))
    func lists() {
        let a = self.watcher("a", .active)
        func list(_ resource: String, _ package: String) -> WatcherInformation.List {
            .init(resource: Array(resource.utf8), package: Array(package.utf8), watchers: [a])
        }
        var table = WatcherInformationTable()
        let lists = [list("sip:a@b", "presence"), list("sip:a@c", "presence"), list("sip:a@b", "dialog")]
        _ = table.merge(WatcherInformation(version: 0, isFull: true, lists: lists))
        #expect(table.count == 3)
    }

    @Test("a table does not grow beyond its bound", .spec("RFC 3858 §8/1"))
    func bounded() {
        var table = WatcherInformationTable()
        let a = self.watcher("a", .active)
        _ = table.merge(self.document(0, full: true, [a]))
        let flood = Array(repeating: self.watcher("b", .active), count: WatcherInformationTable.maximumRows)
        #expect(table.merge(self.document(1, full: false, flood)) == .overLimit)
        #expect(table.merge(self.document(1, full: true, flood + flood)) == .overLimit)
        #expect(table.watchers == [a])
        #expect(table.version == 0)
    }
}
