import Ground
import Settings
import Testing

@Suite("a rules file")
struct RulesFileTests {
    private static func mistakes(_ text: String) -> [String] {
        do throws(Mistakes) {
            _ = try RulesFile.parse(text, name: "rules")
            return []
        } catch {
            return error.all.map(\.description)
        }
    }

    @Test("gives its rules in order, with comments, blank lines and both line endings")
    func readsRules() throws {
        let rules = try RulesFile.parse(
            "# friends\nsip:alice@home.test\tsip:bob@home.test  allow friends # yes\r\n\n"
                + "*@Home.Test anonymous block\ntel:+49-30-1 * polite-block\n* *@other.test confirm operator",
            name: "rules")
        #expect(rules.map(\.id) == ["friends", "line-4", "line-5", "operator"])
        #expect(rules.map(\.line) == [2, 4, 5, 6])
        #expect(rules.map(\.handling) == [.allow, .block, .politeBlock, .confirm])
        #expect(
            rules.map(\.presentity) == [
                .identity("sip:alice@home.test"), .domain("home.test"), .identity("tel:+49-30-1"), .everyone,
            ])
        #expect(rules.map(\.watcher) == [.identity("sip:bob@home.test"), .anonymous, .everyone, .domain("other.test")])
        #expect(try RulesFile.parse("", name: "rules").isEmpty)
    }

    @Test("tells every mistake with its line and column, and what is allowed")
    func tellsMistakes() {
        let found = Self.mistakes(
            """
            sip:alice@home.test sip:bob@home.test alow
            anonymous nobody allow
            sip:alice@home.test
            * * block same
            * * allow same
            a b c d e
            """)
        #expect(found.count == 6)
        #expect(
            found.first == "rules:1: handling: \"alow\" is not allowed; allowed is one of allow, block, confirm, "
                + "polite-block; did you mean allow?")
        #expect(found.filter { $0.hasPrefix("rules:2: ") }.count == 2)
        #expect(
            found.contains { $0.hasPrefix("rules:3: a rule is: presentity watcher handling [id]; this line has 1") })
        #expect(found.contains("rules:5: id: \"same\" names the rule in line 4 already"))
        #expect(found.contains { $0.hasPrefix("rules:6: a rule is:") })
    }

    @Test(
        "refuses identities that are none",
        arguments: [
            "sip:", "sip:@home.test", "sip:alice", "sip:a@b@c", "sip:alice@-x", "tel:", "tel:abc", "*@", "http://a@b",
            "alice",
        ])
    func refusesIdentities(_ word: String) {
        #expect(Self.mistakes("\(word) * allow").count == 1)
        #expect(Self.mistakes("* \(word) allow").count == 1)
    }
}
