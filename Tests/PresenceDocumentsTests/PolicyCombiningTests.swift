import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Combining of authorization rules")
struct PolicyCombiningTests {
    private let bob = PolicySample.watcher("sip:bob@home1.net")
    private let all = "<identity><many/></identity>"

    private func evaluate(_ documents: String...) throws -> PolicyOutcome {
        try PolicySet(documents.map { (Array("d".utf8), try PolicySample.ruleset($0)) })
            .evaluate(self.bob, PolicySample.situation())
    }

    /// The permissions of a rule with these transformations.
    private func permissions(_ transformations: String) throws -> Permissions {
        try PolicySample.ruleset(PolicySample.rule("r", nil, show: transformations)).rules[0].permissions
    }

    @Test("the values of sub-handling are the numbers 0, 10, 20 and 30", .spec("RFC 5025 §3.2.1/1"))
    func numbers() {
        #expect(SubHandling.allCases.map(\.rawValue) == [0, 10, 20, 30])
        #expect(SubHandling.allCases.map(\.word) == ["block", "confirm", "polite-block", "allow"])
        #expect(SubHandling.allCases == SubHandling.allCases.sorted())
        for handling in SubHandling.allCases { #expect(SubHandling(word: handling.word) == handling) }
        #expect(SubHandling(word: "Allow") == nil)
    }

    @Test(
        "the greatest handling wins, in whatever order and document",
        .spec("RFC 4745 §10.2/3", "RFC 5025 §3.2.1/1", "RFC 4745 §6/3", "RFC 4745 §8/1", "REQ-OMAPRS-13"))
    func maximum() throws {
        for left in SubHandling.allCases {
            for right in SubHandling.allCases {
                let first = PolicySample.rule("a", if: self.all, left.word)
                let second = PolicySample.rule("b", if: PolicySample.one("sip:bob@home1.net"), right.word)
                #expect(try self.evaluate(first + second).handling.rawValue == max(left.rawValue, right.rawValue))
                #expect(try self.evaluate(second + first).handling.rawValue == max(left.rawValue, right.rawValue))
                #expect(try self.evaluate(first, second).handling.rawValue == max(left.rawValue, right.rawValue))
            }
        }
    }

    @Test(
        "what no rule says has its lowest value", .spec("RFC 4745 §10.2/5", "RFC 4745 §6/2", "RFC 5025 §3.2.1/2"))
    func absent() throws {
        #expect(try self.evaluate() == .nothing)
        #expect(try self.evaluate("") == .nothing)
        #expect(try self.evaluate(PolicySample.rule("a")) == .nothing)
        #expect(try self.evaluate(PolicySample.rule("a", if: PolicySample.one("sip:eve@h"), "allow")) == .nothing)
        #expect(
            try self.evaluate(PolicySample.rule("a") + PolicySample.rule("b", if: nil, "confirm")).handling == .confirm)
        #expect(try self.evaluate(PolicySample.rule("a", if: nil, "maybe")).handling == .block)
        #expect(try self.evaluate(PolicySample.rule("a", if: nil, " \n allow ")).handling == .allow)
        #expect(try self.evaluate("<rule id=\"a\"><actions/></rule>") == .nothing)
        let twice =
            "<rule id=\"a\"><actions><pr:sub-handling>allow</pr:sub-handling><pr:sub-handling>confirm</pr:sub-handling></actions></rule>"
        #expect(try self.evaluate(twice).handling == .confirm)
    }

    @Test("of booleans, true wins", .spec("RFC 4745 §10.2/2"))
    func booleans() throws {
        for (left, right, expected) in [
            ("true", "false", true), ("false", "true", true), ("1", "0", true), ("false", "0", false),
            ("true", "1", true),
        ] {
            let outcome = try self.evaluate(
                PolicySample.rule("a", if: nil, "allow", show: "<pr:provide-mood>\(left)</pr:provide-mood>")
                    + PolicySample.rule("b", nil, show: "<pr:provide-mood>\(right)</pr:provide-mood>"))
            #expect(outcome.permissions.grants.attributes.contains(.mood) == expected)
        }
        for nonsense in ["yes", "TRUE", "", "2", "true true"] {
            #expect(try self.permissions("<pr:provide-mood>\(nonsense)</pr:provide-mood>") == .nothing)
        }
    }

    @Test("of levels of user input the greatest wins", .spec("RFC 4745 §10.2/3", "RFC 5025 §3.3.2.12/1"))
    func levels() throws {
        let words = ["false", "bare", "thresholds", "full"]
        #expect(Grants.UserInput.allCases.map(\.rawValue) == [0, 10, 20, 30])
        for (left, leftWord) in words.enumerated() {
            for (right, rightWord) in words.enumerated() {
                let first = try self.permissions("<pr:provide-user-input>\(leftWord)</pr:provide-user-input>")
                let second = try self.permissions("<pr:provide-user-input>\(rightWord)</pr:provide-user-input>")
                #expect(first.union(second).grants.userInput.rawValue == UInt8(max(left, right) * 10))
            }
        }
        #expect(try self.permissions("<pr:provide-user-input>true</pr:provide-user-input>") == .nothing)
    }

    @Test("of sets the union counts", .spec("RFC 4745 §10.2/4"))
    func sets() throws {
        func classes(_ names: String...) throws -> Permissions {
            try self.permissions(
                "<pr:provide-persons>" + names.map { "<pr:class>\($0)</pr:class>" }.joined() + "</pr:provide-persons>")
        }
        let one = try classes("a", "b")
        let two = try classes("b", "c")
        #expect(one.union(two) == (try classes("c", "b", "a")))
        #expect(one.union(two) == two.union(one))
        #expect(one.union(one) == one)
        #expect(one.union(.nothing) == one && Permissions.nothing.union(one) == one)
        let every = try self.permissions("<pr:provide-persons><pr:all-persons/></pr:provide-persons>")
        #expect(one.union(every) == every && every.union(one) == every)
        #expect(
            try self.permissions("<pr:provide-persons><pr:class>a</pr:class><pr:all-persons/></pr:provide-persons>")
                == every)
        #expect(try self.permissions("<pr:provide-persons/>") == .nothing)
        let services = try self.permissions("<pr:provide-services><pr:class>a</pr:class></pr:provide-services>")
        #expect(services != one && services.union(one).grants.services == services.grants.services)
        let unknown = try self.permissions(
            "<pr:provide-unknown-attribute name=\"a\" ns=\"urn:x\">true</pr:provide-unknown-attribute>"
                + "<pr:provide-unknown-attribute name=\"b\" ns=\"urn:x\">true</pr:provide-unknown-attribute>"
                + "<pr:provide-unknown-attribute name=\"c\" ns=\"urn:x\">false</pr:provide-unknown-attribute>")
        #expect(unknown.grants.unknown.count == 2)
    }

    @Test("each permission is combined for itself", .spec("RFC 4745 §10.2/1", "RFC 4745 §9/1"))
    func independence() throws {
        let outcome = try self.evaluate(
            PolicySample.rule("a", if: nil, "allow", show: "<pr:provide-note>false</pr:provide-note>")
                + PolicySample.rule(
                    "b", if: self.all, "block",
                    show:
                        "<pr:provide-note>true</pr:provide-note><pr:provide-services><pr:class>w</pr:class></pr:provide-services>"
                )
                + PolicySample.rule("c", if: PolicySample.one("sip:eve@h"), "allow", show: PolicySample.everything))
        #expect(outcome.handling == .allow)
        #expect(outcome.permissions.description == "services with class w; note")
    }

    @Test("a watcher who is not allowed is shown nothing", .spec("RFC 5025 §3.3/1"))
    func notAllowed() throws {
        for handling in ["block", "confirm", "polite-block"] {
            let outcome = try self.evaluate(PolicySample.rule("a", if: nil, handling, show: PolicySample.everything))
            #expect(outcome.permissions == .nothing)
        }
    }

    @Test("equal permissions are equal however they are said", .spec("RFC 4745 §10.2/4"))
    func canonical() throws {
        let all = "<pr:provide-all-attributes/>"
        #expect(try self.permissions(all + "<pr:provide-note>true</pr:provide-note>") == (try self.permissions(all)))
        #expect(
            try self.permissions(all + "<pr:provide-user-input>full</pr:provide-user-input>").hashValue
                == self.permissions(all).hashValue)
        #expect(try self.permissions(PolicySample.everything + all) == .everything)
        #expect(try self.permissions(PolicySample.everything + all).hashValue == Permissions.everything.hashValue)
        #expect(
            try self.permissions("<pr:provide-note>1</pr:provide-note><pr:provide-mood>true</pr:provide-mood>")
                == self.permissions("<pr:provide-mood>1</pr:provide-mood><pr:provide-note>true</pr:provide-note>"))
        #expect(Permissions.everything.description == "all services; all persons; all devices; all attributes")
        #expect(Permissions.nothing.description == "nothing")
    }

    @Test("unknown actions and transformations are not there", .spec("RFC 4745 §6.2/1", "RFC 5025 §8/1"))
    func unknown() throws {
        let rule =
            "<rule id=\"a\"><x:note/><actions><x:notify-me>true</x:notify-me><pr:sub-handling>allow</pr:sub-handling></actions>"
            + "<transformations><x:provide-everything>true</x:provide-everything><provide-note>true</provide-note>"
            + "<pr:provide-devices><x:all-devices/><pr:service-uri>sip:a@b</pr:service-uri><pr:deviceID/></pr:provide-devices>"
            + "<pr:provide-persons><pr:deviceID>urn:x</pr:deviceID></pr:provide-persons></transformations></rule><x:rule id=\"b\"/>"
        #expect(try self.evaluate(rule) == PolicyOutcome(handling: .allow, permissions: .nothing))
    }

    @Test(
        "a document of another shape is refused", .spec("RFC 4745 §13/1", "RFC 4745 §6.1/1", "RFC 5025 §7/1"),
        arguments: [
            "", "<ruleset/>", "<ruleset xmlns=\"urn:other\"/>",
            "<rule xmlns=\"urn:ietf:params:xml:ns:common-policy\"/>",
            PolicySample.text("<rule/>"), PolicySample.text("<rule id=\"\"/>"), PolicySample.text("<rule id=\"1 2\"/>"),
            PolicySample.text("<rule id=\"a\"/><rule id=\"a\"/>"),
            PolicySample.text("<rule id=\"a\"><conditions/><conditions/></rule>"),
            PolicySample.text("<rule id=\"a\"><actions/><actions/></rule>"),
            PolicySample.text("<rule id=\"a\"><transformations/><transformations/></rule>"),
            PolicySample.text("<rule id=\"a\">"),
            "<!DOCTYPE ruleset [<!ENTITY a \"b\">]><ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\"/>",
        ])
    func refused(_ text: String) {
        #expect(throws: DocumentFault.self) { try Ruleset.parse(octets(text)) }
    }

    @Test("the example of the standard does what its text says", .spec("RFC 5025 §5/1", "RFC 5025 §7/1"))
    func example() throws {
        let set = try PolicySample.set(
            PolicySample.rule(
                "a", if: PolicySample.one("sip:user@example.com"), "allow",
                show:
                    "<pr:provide-services><pr:service-uri-scheme>sip</pr:service-uri-scheme>"
                    + "<pr:service-uri-scheme>mailto</pr:service-uri-scheme></pr:provide-services>"
                    + "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
                    + "<pr:provide-activities>true</pr:provide-activities><pr:provide-user-input>bare</pr:provide-user-input>"
                    + "<pr:provide-unknown-attribute ns=\"urn:vendor-specific:foo-namespace\" name=\"foo\">true</pr:provide-unknown-attribute>"
            ))
        let outcome = set.evaluate(PolicySample.watcher("sip:user@example.com"), PolicySample.situation())
        #expect(outcome.handling == .allow)
        #expect(
            outcome.permissions.description
                == "services with scheme mailto or scheme sip; all persons; activities, user-input, foo of urn:vendor-specific:foo-namespace"
        )
    }
}
