import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Conditions of authorization rules")
struct PolicyConditionTests {
    private let bob = PolicySample.watcher("sip:bob@home1.net")

    /// What a rule with these conditions that allows makes of a watcher.
    private func handling(
        _ conditions: String?, _ watcher: PolicyWatcher, _ situation: PolicySituation = PolicySample.situation()
    ) throws -> SubHandling {
        let set = try PolicySample.set(PolicySample.rule("r", if: conditions, "allow"))
        let handling = set.evaluate(watcher, situation).handling
        let verdict = try #require(set.explain(watcher, situation).first)
        #expect(verdict.isMatch == (handling == .allow), "the explanation says otherwise: \(verdict.reason)")
        #expect(verdict.isDeciding == verdict.isMatch)
        return handling
    }

    // MARK: Identity

    @Test(
        "one names exactly one identity, however it is written",
        .spec("RFC 4745 §7.1.2/1", "RFC 5025 §3.1.1.2/1", "REQ-33141-D1"),
        arguments: [
            ("sip:bob@home1.net", true), ("sips:bob@home1.net", true), ("pres:bob@home1.net", true),
            ("SIP:bob@HOME1.Net", true), ("sip:bob@home1.net;transport=tcp", true), ("sip:bob@home1.net:5060", true),
            ("sip:%62ob@home1.net", true), ("sip:bob:secret@home1.net", true), ("sip:bob@home1.net?subject=x", true),
            (" sip:bob@home1.net ", true), ("sip:bob@home1.net.", true), ("sip:Bob@home1.net", false),
            ("sip:bob@home2.net", false), ("sip:bobby@home1.net", false), ("sip:home1.net", false),
            ("sip:bob@home1.net:5080", false), ("tel:bob", false), ("bob@home1.net", false),
            ("im:bob@home1.net", false),
        ])
    func one(_ identity: String, _ isBob: Bool) throws {
        #expect(try self.handling(PolicySample.one(identity), self.bob) == (isBob ? .allow : .block))
    }

    @Test(
        "a telephone number is compared without its separators, and is never a sip URI",
        .spec("RFC 5025 §3.1.1.2/2", "REQ-33141-D1"),
        arguments: [
            ("tel:+1-201-555-0123", "tel:+12015550123", true), ("tel:+1.201.555(0123)", "TEL:+12015550123", true),
            ("tel:+12015550123;ext=5", "tel:+12015550123", true),
            ("sip:+12015550123@home1.net;user=phone", "tel:+12015550123", false),
            ("tel:+12015550123", "sip:+12015550123@home1.net;user=phone", false),
            ("tel:0123;phone-context=+358", "tel:01-23;phone-context=+3-5-8", true),
            ("tel:0123;phone-context=+358", "tel:0123;phone-context=+44", false),
            ("tel:0123;phone-context=Home1.net", "tel:0123;x=y;phone-context=home1.NET", true),
            ("tel:0123", "tel:0123;phone-context=+44", false),
        ])
    func telephone(_ named: String, _ asserted: String, _ isSame: Bool) throws {
        let watcher = PolicySample.watcher(asserted)
        #expect(try self.handling(PolicySample.one(named), watcher) == (isSame ? .allow : .block))
    }

    @Test(
        "of several alternatives one is enough, and a missing identity is for everybody",
        .spec("RFC 4745 §7.1.1/1", "RFC 4745 §7.1.1/2", "RFC 4745 §7/3"))
    func alternatives() throws {
        let both = "<identity><one id=\"sip:eve@home1.net\"/><many domain=\"home1.net\"/></identity>"
        #expect(try self.handling(both, self.bob) == .allow)
        #expect(try self.handling(both, PolicySample.watcher("sip:eve@home2.net")) == .block)
        for conditions in [nil, "", "<!-- nothing -->"] {
            #expect(try self.handling(conditions, self.bob) == .allow)
            #expect(try self.handling(conditions, .anonymous) == .allow)
        }
    }

    @Test(
        "many means everybody with an identity, or everybody of a domain",
        .spec("RFC 4745 §7.1.3/1", "RFC 4745 §7.1.3/2", "RFC 4745 §7.1.1/3"))
    func many() throws {
        #expect(try self.handling("<identity><many/></identity>", self.bob) == .allow)
        #expect(try self.handling("<identity><many/></identity>", PolicySample.watcher("tel:+1")) == .allow)
        #expect(try self.handling("<identity><many/></identity>", .anonymous) == .block)
        let domain = "<identity><many domain=\"HOME1.net\"/></identity>"
        #expect(try self.handling(domain, self.bob) == .allow)
        #expect(try self.handling(domain, PolicySample.watcher("sips:bob@home1.net:5080")) == .allow)
        #expect(try self.handling(domain, PolicySample.watcher("sip:bob@a.home1.net")) == .block)
        #expect(try self.handling(domain, PolicySample.watcher("sip:home1.net@home2.net")) == .block)
        #expect(try self.handling(domain, PolicySample.watcher("tel:+1")) == .block)
        #expect(try self.handling(domain, .anonymous) == .block)
        let address = "<identity><many domain=\"[2001:DB8::1]\"/></identity>"
        #expect(try self.handling(address, PolicySample.watcher("sip:bob@[2001:db8::1]:5070")) == .allow)
    }

    @Test(
        "a domain in letters of any script is the one that protocols carry in ASCII",
        .spec("RFC 4745 §7.1.3/5"),
        arguments: [
            ("b\u{FC}cher.example", "xn--bcher-kva.example"), ("B\u{DC}CHER.Example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"), ("b%C3%BCcher.example", "XN--bcher-KVA.example"),
            ("\u{65E5}\u{672C}\u{8A9E}\u{3002}jp", "xn--wgv71a119e.jp"), ("home%31.net", "home1.net"),
            ("fa\u{DF}.example", "fass.example"), ("\u{3C0}\u{3B1}\u{3C2}.gr", "xn--mxa3ak.gr"),
            ("\u{43F}\u{440}\u{438}\u{43C}\u{435}\u{440}.example.", "xn--e1afmkfd.example"),
        ])
    func international(written: String, carried: String) throws {
        let watcher = PolicySample.watcher("sip:bob@\(carried)")
        #expect(try self.handling("<identity><many domain=\"\(written)\"/></identity>", watcher) == .allow)
        #expect(
            try self.handling("<identity><many domain=\"\(written)\"/></identity>", self.bob)
                == (carried == "home1.net" ? .allow : .block))
        let except = "<identity><many><except domain=\"\(written)\"/></many></identity>"
        #expect(try self.handling(except, watcher) == .block)
    }

    @Test(
        "a domain that has no form in ASCII is nobody's, and as an exception leaves nobody",
        .spec("RFC 4745 §7.1.3/5"),
        arguments: [
            "\u{FF42}ooks.example", "bu\u{308}cher.example", "a%zz.example", "a%00.example", "a%2",
            "a\u{AD}\u{FC}b.example",
            "xn--b\u{FC}cher.example", String(repeating: "\u{FC}", count: 64), "a%FF.example",
        ])
    func unconvertible(written: String) throws {
        #expect(try self.handling("<identity><many domain=\"\(written)\"/></identity>", self.bob) == .block)
        let except = "<identity><many><except domain=\"\(written)\"/></many></identity>"
        #expect(try self.handling(except, self.bob) == .block)
    }

    @Test(
        "except takes identities and domains out of many", .spec("RFC 4745 §7.1.3/3", "RFC 4745 §7.1.3/4"),
        arguments: [
            ("<many><except id=\"sip:bob@home1.net\"/></many>", false),
            ("<many><except id=\"sips:bob@HOME1.net;x=y\"/></many>", false),
            ("<many><except id=\"sip:eve@home1.net\"/></many>", true),
            ("<many><except domain=\"home1.net\"/></many>", false),
            ("<many><except domain=\"home2.net\"/><except domain=\"Home1.Net\"/></many>", false),
            ("<many><except domain=\"home2.net\"/></many>", true),
            ("<many domain=\"home1.net\"><except id=\"sip:bob@home1.net\"/></many>", false),
            ("<many domain=\"home1.net\"><except id=\"sip:eve@home1.net\"/></many>", true),
            // Whom one alternative excepts another may name.
            ("<many><except id=\"sip:bob@home1.net\"/></many><one id=\"sip:bob@home1.net\"/>", true),
            ("<many><except id=\"sip:bob@home1.net\"/></many><many domain=\"home1.net\"/>", true),
            ("<many><except id=\"sip:bob@home1.net\" domain=\"home3.net\"/></many>", false),
        ])
    func exceptions(_ alternatives: String, _ isMeant: Bool) throws {
        #expect(try self.handling("<identity>\(alternatives)</identity>", self.bob) == (isMeant ? .allow : .block))
    }

    @Test(
        "of several asserted identities any may be named, and any may be excepted",
        .spec("RFC 4745 §7.1.2/1", "RFC 4745 §7.1.3/3", "RFC 5025 §3.1.1.2/1", "REQ-33141-D1"))
    func aliases() throws {
        let both = PolicySample.watcher("sip:bob@home1.net", "tel:+1-201-555-0123")
        #expect(try self.handling(PolicySample.one("tel:+12015550123"), both) == .allow)
        #expect(try self.handling(PolicySample.one("sip:bob@home1.net"), both) == .allow)
        #expect(try self.handling("<identity><many domain=\"home1.net\"/></identity>", both) == .allow)
        let number = "<except id=\"tel:+12015550123\"/>"
        #expect(try self.handling("<identity><many>\(number)</many></identity>", both) == .block)
        #expect(try self.handling("<identity><many domain=\"home1.net\">\(number)</many></identity>", both) == .block)
        #expect(
            try self.handling("<identity><many domain=\"home1.net\">\(number)</many></identity>", self.bob) == .allow)
        #expect(PolicySample.watcher("sip:bob@h", "sips:bob@H", "pres:bob@h").identities.count == 1)
    }

    @Test(
        "an unauthenticated watcher is meant by no identity but an empty one",
        .spec("RFC 5025 §3.1.1.1/4", "RFC 4745 §7.1.1/3"))
    func unauthenticated() throws {
        for empty in ["<identity/>", "<identity> <!-- nobody --> </identity>"] {
            #expect(try self.handling(empty, .anonymous) == .allow)
            #expect(try self.handling(empty, self.bob) == .block)
        }
        #expect(try self.handling(PolicySample.one("sip:anonymous@anonymous.invalid"), .anonymous) == .block)
    }

    @Test("the anonymous URI is the identity of nobody", .spec("RFC 5025 §3.1.1.1/2"))
    func anonymousURI() throws {
        #expect(PolicySample.watcher("sip:x@Anonymous.Invalid:5070", "sip:y@anonymous.invalid.").identities.isEmpty)
        #expect(PolicySample.watcher("sip:anonymous@anonymous.invalid", "tel:+1").identities == [Array("tel:+1".utf8)])
        #expect(PolicySample.watcher("sip:anonymous@anonymous.invalid").isAnonymous)
        let named = PolicySample.one("sip:anonymous@anonymous.invalid")
        #expect(try self.handling(named, PolicySample.watcher("sip:anonymous@anonymous.invalid")) == .block)
    }

    @Test("a wish for privacy does not change who the watcher is", .spec("RFC 5025 §3.1.1.1/3"))
    func privacy() throws {
        let shy = PolicySample.watcher("sip:bob@home1.net", privacy: true)
        #expect(try self.handling(PolicySample.one("sip:bob@home1.net"), shy) == .allow)
        #expect(try self.handling("<identity/>", shy) == .block)
    }

    @Test(
        "what is not understood inside identity is about nobody",
        .spec("RFC 4745 §7/2", "RFC 4745 §14/1", "RFC 5025 §8/1"),
        arguments: [
            "<identity><x:all/></identity>", "<identity><one/></identity>", "<identity><one id=\"\"/></identity>",
            "<identity><one id=\"sip:bob@home1.net\"><x:only-on-mondays/></one></identity>",
            "<identity><many><x:only-on-mondays/></many></identity>", "<identity><many><except/></many></identity>",
            "<identity><many domain=\"\"/></identity>",
            "<identity><many><except id=\"sip:eve@h\"><x:sometimes/></except></many></identity>",
            "<x:identity><one id=\"sip:bob@home1.net\"/></x:identity>",
        ])
    func misunderstood(_ condition: String) throws {
        #expect(try self.handling(condition, self.bob) == .block)
        #expect(try self.handling(condition, .anonymous) == .block)
    }

    // MARK: Other conditions of RFC 4745

    @Test("all conditions must hold", .spec("RFC 4745 §7/1", "RFC 4745 §6/1"))
    func conjunction() throws {
        let both = PolicySample.one("sip:bob@home1.net") + "<sphere value=\"work\"/>"
        #expect(try self.handling(both, self.bob, PolicySample.situation("work")) == .allow)
        #expect(try self.handling(both, self.bob, PolicySample.situation("home")) == .block)
        #expect(try self.handling(both, PolicySample.watcher("sip:eve@h"), PolicySample.situation("work")) == .block)
        let twice = PolicySample.one("sip:bob@home1.net") + PolicySample.one("sip:eve@home1.net")
        #expect(try self.handling(twice, self.bob) == .block)
        #expect(try self.handling(twice, PolicySample.watcher("sip:bob@home1.net", "sip:eve@home1.net")) == .allow)
    }

    @Test("a condition that is not understood never holds", .spec("RFC 4745 §7/2", "RFC 4745 §6.2/1", "RFC 4745 §14/1"))
    func unknownCondition() throws {
        for unknown in [
            "<x:weather>fine</x:weather>", "<distance/>", "<pr:sphere value=\"work\"/>", "<oc:any-identity/>",
        ] {
            #expect(try self.handling(unknown, self.bob, PolicySample.situation("work")) == .block)
            #expect(
                try self.handling(
                    PolicySample.one("sip:bob@home1.net") + unknown, self.bob, PolicySample.situation("work"))
                    == .block)
        }
    }

    @Test(
        "the sphere is one of the words, whatever their case", .spec("RFC 4745 §7.2/1", "RFC 4745 §7.2/2"),
        arguments: [
            ("work", "work", true), ("WORK", "work", true), ("work", "Work", true), ("home work", "work", true),
            (" home\twork ", "home", true), ("home", "work", false), ("homework", "home", false), ("", "work", false),
            ("work", nil as String?, false), ("unknown", nil as String?, false),
        ])
    func sphere(_ value: String, _ current: String?, _ holds: Bool) throws {
        let handling = try self.handling("<sphere value=\"\(value)\"/>", self.bob, PolicySample.situation(current))
        #expect(handling == (holds ? .allow : .block))
        #expect(try self.handling("<sphere/>", self.bob, PolicySample.situation(current)) == .block)
    }

    private func at(_ text: String) throws -> PolicySituation {
        PolicySample.situation(at: try #require(LexicalForms.dateTime(octets(text))))
    }

    @Test("validity is from its first instant until before its last", .spec("RFC 4745 §7.3/1"))
    func validity() throws {
        let day = "<validity><from>2025-06-15T00:00:00Z</from><until>2025-06-16T00:00:00Z</until></validity>"
        #expect(try self.handling(day, self.bob, self.at("2025-06-14T23:59:59.999Z")) == .block)
        #expect(try self.handling(day, self.bob, self.at("2025-06-15T00:00:00Z")) == .allow)
        #expect(try self.handling(day, self.bob, self.at("2025-06-15T23:59:59.999Z")) == .allow)
        #expect(try self.handling(day, self.bob, self.at("2025-06-16T00:00:00Z")) == .block)
    }

    @Test("several periods are alternatives, in any time zone", .spec("RFC 4745 §7.3/2", "RFC 4745 §7.3/3"))
    func periods() throws {
        let two =
            "<validity><from>2025-06-15T02:00:00+02:00</from><until>2025-06-15T03:00:00+02:00</until>"
            + "<from>2025-06-15T10:00:00-05:00</from><until>2025-06-15T11:00:00-05:00</until></validity>"
        for (time, holds) in [
            ("2025-06-14T23:30:00Z", false), ("2025-06-15T00:30:00Z", true), ("2025-06-15T01:00:00Z", false),
            ("2025-06-15T14:59:59Z", false), ("2025-06-15T15:00:00Z", true), ("2025-06-15T16:00:00Z", false),
        ] {
            #expect(try self.handling(two, self.bob, self.at(time)) == (holds ? .allow : .block), "\(time)")
        }
        let both = "<validity><from>2025-06-15T00:00:00Z</from><until>2025-06-15T13:00:00Z</until></validity>"
        #expect(try self.handling(both + both, self.bob) == .allow)
        #expect(try self.handling(both + two, self.bob) == .block)
    }

    @Test(
        "a period that makes no sense never holds", .spec("RFC 4745 §7.3/3", "RFC 4745 §14/1"),
        arguments: [
            "", "<from>2025-01-01T00:00:00Z</from>", "<until>2030-01-01T00:00:00Z</until>",
            "<from>yesterday</from><until>2030-01-01T00:00:00Z</until>",
            "<from>2025-01-01T00:00:00Z</from><until>2025-13-41T99:00:00Z</until>",
            "<from>2030-01-01T00:00:00Z</from><until>2025-01-01T00:00:00Z</until>",
            "<until>2030-01-01T00:00:00Z</until><from>2025-01-01T00:00:00Z</from>",
            "<from>2025-01-01T00:00:00Z</from><x:but/><until>2030-01-01T00:00:00Z</until>",
            "<from>2025-01-01</from><until>2030-01-01</until>",
            "<from>-999999999999-01-01T00:00:00Z</from><until>2030-01-01T00:00:00Z</until>",
        ])
    func brokenTimes(_ content: String) throws {
        #expect(try self.handling("<validity>\(content)</validity>", self.bob) == .block)
    }

    @Test("broken pairs do not spoil good ones", .spec("RFC 4745 §7.3/2"))
    func brokenPairs() throws {
        let content =
            "<from>never</from><until>2030-01-01T00:00:00Z</until><from>2025-01-01T00:00:00Z</from>"
            + "<until>2030-01-01T00:00:00Z</until>"
        #expect(try self.handling("<validity>\(content)</validity>", self.bob) == .allow)
    }

    @Test("the next change is the next edge of any period", .spec("RFC 4745 §7.3/1"))
    func nextChange() throws {
        let set = try PolicySample.set(
            PolicySample.rule(
                "a",
                if:
                    "<validity><from>2025-06-15T13:00:00Z</from><until>2025-06-15T15:00:00Z</until>"
                    + "<from>nonsense</from><until>2025-06-15T12:30:00Z</until></validity>", "allow"),
            PolicySample.rule(
                "b", if: "<validity><from>2025-06-15T14:00:00Z</from><until>2025-06-15T15:00:00Z</until></validity>",
                "allow"))
        let hour: Int64 = 3600
        let noon = PolicySample.noon.seconds
        #expect(set.nextChange(after: .zero) == Instant(seconds: noon + hour))
        #expect(set.nextChange(after: PolicySample.noon) == Instant(seconds: noon + hour))
        #expect(set.nextChange(after: Instant(seconds: noon + hour)) == Instant(seconds: noon + 2 * hour))
        #expect(set.nextChange(after: Instant(seconds: noon + 2 * hour)) == Instant(seconds: noon + 3 * hour))
        #expect(set.nextChange(after: Instant(seconds: noon + 3 * hour)) == nil)
        #expect(PolicySet.empty.nextChange(after: .zero) == nil)
    }

    // MARK: OMA

    @Test("other-identity is for those whom no other rule is about", .spec("REQ-OMAPRS-1", "REQ-OMAPRS-5"))
    func otherIdentity() throws {
        let others = PolicySample.rule("others", if: "<oc:other-identity/>", "confirm")
        let set = try PolicySample.set(
            others + PolicySample.rule("bob", if: PolicySample.one("sip:bob@home1.net"), "block"))
        #expect(set.evaluate(self.bob, PolicySample.situation()).handling == .block)
        #expect(set.evaluate(PolicySample.watcher("sip:eve@h"), PolicySample.situation()).handling == .confirm)
        #expect(set.evaluate(.anonymous, PolicySample.situation()).handling == .block)
        // A rule about the watcher that does not count just now still is about the watcher.
        let later = "<validity><from>2026-01-01T00:00:00Z</from><until>2027-01-01T00:00:00Z</until></validity>"
        let timed = try PolicySample.set(
            others + PolicySample.rule("bob", if: later + PolicySample.one("sip:bob@home1.net"), "allow"))
        #expect(timed.evaluate(self.bob, PolicySample.situation()).handling == .block)
        // A rule for everybody whatever is about nobody.
        let open = try PolicySample.set(others + PolicySample.rule("all", if: "<sphere value=\"work\"/>", "allow"))
        #expect(open.evaluate(self.bob, PolicySample.situation()).handling == .confirm)
        // Also where the other rule stands in another document, and where it is one of many.
        let many = (0..<40).map { PolicySample.rule("r\($0)", if: PolicySample.one("sip:u\($0)@home1.net"), "block") }
        let two = try PolicySample.set(others, many.joined())
        #expect(two.evaluate(PolicySample.watcher("sip:u7@home1.net"), PolicySample.situation()).handling == .block)
        #expect(two.evaluate(self.bob, PolicySample.situation()).handling == .confirm)
    }

    @Test("external-list asks the lists, which may not be there", .spec("REQ-OMAPRS-2", "REQ-OMAPRS-4", "REQ-OMAPRS-5"))
    func externalList() throws {
        let list = "<oc:external-list><oc:entry anc=\"http://x/a\"/><oc:entry anc=\"http://x/b\"/></oc:external-list>"
        let set = try PolicySample.set(
            PolicySample.rule("list", if: list, "allow") + PolicySample.rule("o", if: "<oc:other-identity/>", "confirm")
                + PolicySample.rule("bob", if: PolicySample.one("sip:bob@home1.net"), "polite-block"))
        #expect(set.anchors == [Array("http://x/a".utf8), Array("http://x/b".utf8)])
        let inB = PolicySample.situation(listed: ["http://x/b": ["sip:bob@home1.net", "sip:carl@home1.net"]])
        #expect(set.evaluate(self.bob, inB).handling == .allow)
        #expect(set.evaluate(PolicySample.watcher("sip:carl@home1.net"), inB).handling == .allow)
        #expect(set.evaluate(PolicySample.watcher("tel:+1", "sips:carl@home1.net"), inB).handling == .allow)
        #expect(set.evaluate(PolicySample.watcher("sip:dora@home1.net"), inB).handling == .confirm)
        #expect(set.evaluate(.anonymous, inB).handling == .block)
        #expect(set.evaluate(self.bob, PolicySample.situation()).handling == .politeBlock)
        for broken in ["<oc:external-list/>", "<oc:external-list><oc:entry/></oc:external-list>"] {
            #expect(try self.handling(broken, self.bob, inB) == .block)
        }
    }

    @Test(
        "anonymous-request is for requests without an identity, or that hide it", .spec("REQ-OMAPRS-3", "REQ-OMAPRS-5"))
    func anonymousRequest() throws {
        let shy = PolicySample.watcher("sip:bob@home1.net", privacy: true)
        #expect(try self.handling("<oc:anonymous-request/>", .anonymous) == .allow)
        #expect(try self.handling("<oc:anonymous-request/>", shy) == .allow)
        #expect(try self.handling("<oc:anonymous-request/>", self.bob) == .block)
        let set = try PolicySample.set(
            PolicySample.rule("anonymous", if: "<oc:anonymous-request/>", "block")
                + PolicySample.rule("others", if: "<oc:other-identity/>", "confirm"))
        #expect(set.evaluate(shy, PolicySample.situation()).handling == .block)
        #expect(set.evaluate(self.bob, PolicySample.situation()).handling == .confirm)
    }

    // MARK: Explanation

    @Test(
        "every finding has its values and its phrase", .spec("RFC 4745 §7/1"),
        arguments: [
            (PolicySample.one("sip:bob@home1.net"), "names sip:bob@home1.net"),
            (PolicySample.one("sip:eve@home1.net"), "does not name sip:bob@home1.net"),
            (
                "<identity><many><except id=\"sip:bob@home1.net\"/></many></identity>",
                "the identity sip:bob@home1.net is excepted"
            ),
            (
                "<identity><many><except domain=\"home1.net\"/></many></identity>",
                "the domain home1.net of sip:bob@home1.net is excepted"
            ),
            (
                "<identity><many domain=\"home1.net\"/></identity>", "sip:bob@home1.net is of the domain home1.net"
            ),
            (
                "<identity><many/></identity>", "sip:bob@home1.net is authenticated, and the rule means everybody"
            ),
            ("<sphere value=\"work\"/>", "the sphere is work"),
            ("<sphere value=\"home travel\"/>", "the sphere is work, not home or travel"),
            (
                "<validity><from>2025-01-01T00:00:00Z</from><until>2025-02-01T00:00:00Z</until></validity>",
                "valid only until 2025-02-01T00:00:00Z"
            ),
            (
                "<validity><from>2026-01-01T01:00:00+01:00</from><until>2026-02-01T00:00:00Z</until></validity>",
                "valid only from 2026-01-01T00:00:00Z"
            ),
            (
                "<validity><from>2025-01-01T00:00:00Z</from><until>2026-02-01T00:00:00Z</until></validity>",
                "valid until 2026-02-01T00:00:00Z"
            ),
            ("<validity/>", "has no period that makes sense"),
            ("<oc:other-identity/>", "no other rule is about sip:bob@home1.net"),
            ("<oc:anonymous-request/>", "the request is not anonymous"),
            ("<oc:external-list><oc:entry anc=\"http://x/a\"/></oc:external-list>", "is not in the list http://x/a"),
            ("<x:weather/>", "the condition weather of urn:example:x is not understood"),
            ("", "has no conditions"),
            (
                "<sphere value=\"home\"/>" + PolicySample.one("sip:eve@h"),
                "the sphere is work, not home; does not name sip:bob@home1.net"
            ),
        ])
    func phrases(_ conditions: String, _ phrase: String) throws {
        let set = try PolicySample.set(PolicySample.rule("r", if: conditions, "allow"))
        #expect(set.explain(self.bob, PolicySample.situation("work")).map(\.reason) == [phrase])
    }

    @Test("an explanation names every rule, and the one that decided", .spec("RFC 5025 §3.2.1/1"))
    func explanation() throws {
        let set = try PolicySample.set(
            PolicySample.rule("a", if: PolicySample.one("sip:bob@home1.net"), "confirm")
                + PolicySample.rule("b", if: PolicySample.one("sip:eve@home1.net"), "allow"),
            PolicySample.rule("c", if: "<identity><many/></identity>", "polite-block")
                + PolicySample.rule("d", nil, show: "<pr:provide-note>true</pr:provide-note>")
                + PolicySample.rule("e", if: "<oc:other-identity/>", "allow"))
        let verdicts = set.explain(self.bob, PolicySample.situation())
        #expect(verdicts.map { $0.rule.id[...].text } == ["a", "b", "c", "d", "e"])
        #expect(verdicts.map { $0.document[...].text } == ["d0", "d0", "d1", "d1", "d1"])
        #expect(verdicts.map(\.isMatch) == [true, false, true, true, false])
        #expect(verdicts.map(\.isDeciding) == [false, false, true, false, false])
        #expect(verdicts[4].reason == "the rule a of d0 is about the watcher")
        #expect(verdicts[4].findings == [.referenced(rule: Array("a".utf8), document: Array("d0".utf8))])
        let deciding = try #require(set.deciding(self.bob, PolicySample.situation()))
        #expect(deciding.rule.id[...].text == "c" && deciding.document[...].text == "d1")
        #expect(set.deciding(.anonymous, PolicySample.situation()) == nil)
    }
}
