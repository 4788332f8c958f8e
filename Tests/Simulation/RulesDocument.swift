import Ground
import PresenceServer

/// What a watcher may be shown of the documents of the simulation. It is judged without the code under test.
package struct Shown: Equatable, Sendable {
    /// The tuples that are shown: by identifier, and by class.
    package var tuples: Set<String> = []
    package var classes: Set<String> = []
    package var allTuples = false
    package var persons = false
    package var activities = false
    package var notes = false
    package var classification = false

    /// All there is.
    package static let everything = Shown(
        allTuples: true, persons: true, activities: true, notes: true, classification: true)

    package init(
        tuples: Set<String> = [], classes: Set<String> = [], allTuples: Bool = false, persons: Bool = false,
        activities: Bool = false, notes: Bool = false, classification: Bool = false
    ) {
        self.tuples = tuples
        self.classes = classes
        self.allTuples = allTuples
        self.persons = persons
        self.activities = activities
        self.notes = notes
        self.classification = classification
    }

    mutating func formUnion(_ other: Shown) {
        self.tuples.formUnion(other.tuples)
        self.classes.formUnion(other.classes)
        self.allTuples = self.allTuples || other.allTuples
        self.persons = self.persons || other.persons
        self.activities = self.activities || other.activities
        self.notes = self.notes || other.notes
        self.classification = self.classification || other.classification
    }

    /// Whether a tuple is shown.
    package func shows(tuple: String) -> Bool {
        self.allTuples || self.tuples.contains(tuple)
            || Documents.classification(of: tuple).map { self.classes.contains($0) } ?? false
    }
}

/// How a watcher is treated, and what it is shown if it is shown anything.
package struct Verdict: Equatable, Sendable {
    package var handling: AuthorizationRule.Handling
    package var shown: Shown

    package init(_ handling: AuthorizationRule.Handling, _ shown: Shown) {
        self.handling = handling
        self.shown = shown
    }
}

/// Authorization rules of a presentity as a document (RFC 5025), in a form whose meaning can be told without reading
/// the XML that says it.
package struct RulesDocument: Equatable, Sendable {
    /// Whom a rule is about.
    package enum Whom: Equatable, Sendable {
        case one(String)
        /// Everybody of the domain but these.
        case domain(except: [String])
        /// A rule without conditions about identity.
        case everybody
        /// A condition that is never true.
        case nobody
    }

    /// One rule.
    package struct Rule: Equatable, Sendable {
        var whom: Whom
        /// When it holds; always if nil.
        var window: Range<Instant>?
        var handling: AuthorizationRule.Handling
        var shown: Shown

        package init(
            whom: Whom, window: Range<Instant>? = nil, handling: AuthorizationRule.Handling, shown: Shown
        ) {
            self.whom = whom
            self.window = window
            self.handling = handling
            self.shown = shown
        }

        func matches(_ watcher: String, at now: Instant) -> Bool {
            if let window, !window.contains(now) { return false }
            switch self.whom {
            case .one(let identity): return identity == watcher
            case .domain(let except): return !watcher.isEmpty && !except.contains(watcher)
            case .everybody: return true
            case .nobody: return false
            }
        }
    }

    var rules: [Rule]

    package init(rules: [Rule] = []) { self.rules = rules }

    /// The greatest handling and the union of what is shown, of the rules that match (RFC 4745 §10.2); nobody is let in
    /// by default.
    func judge(_ watcher: String, at now: Instant) -> Verdict {
        var verdict = Verdict(.block, Shown())
        for rule in self.rules where rule.matches(watcher, at: now) {
            verdict.handling = max(verdict.handling, rule.handling)
            verdict.shown.formUnion(rule.shown)
        }
        return verdict
    }

    // MARK: Chance

    /// Rules as somebody might have them.
    ///
    /// Windows of time open and close only what goes beyond a rule for everybody, so that time alone ends no
    /// subscription.
    static func random(watchers: [String], tuples: [String], at now: Instant, chance: inout Entropy) -> RulesDocument {
        var document = RulesDocument()
        func pick<Element>(_ elements: [Element], _ chance: inout Entropy) -> Element {
            elements[Int(chance.next(below: UInt64(elements.count)))]
        }
        let handlings: [AuthorizationRule.Handling] = [.allow, .allow, .allow, .allow, .politeBlock, .confirm, .block]
        for _ in 0...chance.next(below: 4) {
            let whom: Whom
            switch chance.next(below: 8) {
            case 0..<4: whom = .one(pick(watchers, &chance))
            case 4..<6: whom = .domain(except: chance.next(below: 2) == 0 ? [] : [pick(watchers, &chance)])
            case 6: whom = .everybody
            default: whom = .nobody
            }
            document.rules.append(
                Rule(
                    whom: whom, window: nil, handling: pick(handlings, &chance),
                    shown: Self.shown(tuples, &chance)))
        }
        if chance.next(below: 3) == 0 {
            document.rules.append(
                Rule(
                    whom: .everybody, window: nil, handling: pick([.confirm, .politeBlock, .allow], &chance),
                    shown: Self.shown(tuples, &chance)))
            for _ in 0...chance.next(below: 2) {
                // Whole seconds, as the document has them.
                let from = Instant(seconds: now.seconds + Int64(chance.next(below: 400)) - 100)
                document.rules.append(
                    Rule(
                        whom: .domain(except: []),
                        window: from..<(from + .seconds(Int64(chance.next(below: 600)) + 1)), handling: .allow,
                        shown: Self.shown(tuples, &chance)))
            }
        }
        return document
    }

    private static func shown(_ tuples: [String], _ chance: inout Entropy) -> Shown {
        var shown = Shown()
        switch chance.next(below: 4) {
        case 0, 1: shown.allTuples = true
        case 2: shown.tuples = [tuples[Int(chance.next(below: UInt64(tuples.count)))], "dev-all"]
        default: shown.classes = chance.next(below: 2) == 0 ? ["home"] : ["work"]
        }
        shown.persons = chance.next(below: 2) == 0
        shown.activities = chance.next(below: 2) == 0
        shown.notes = chance.next(below: 2) == 0
        shown.classification = chance.next(below: 2) == 0
        return shown
    }

    // MARK: XML

    /// The document as a client of XCAP writes it.
    var bytes: [UInt8] {
        var text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:pr="urn:ietf:params:xml:ns:pres-rules" \
            xmlns:cr="urn:ietf:params:xml:ns:common-policy">
            """
        for (number, rule) in self.rules.enumerated() {
            text += "<cr:rule id=\"r\(number)\"><cr:conditions>\(Self.conditions(rule))</cr:conditions>"
            text += "<cr:actions><pr:sub-handling>\(rule.handling.word)</pr:sub-handling></cr:actions>"
            text += "<cr:transformations>\(Self.transformations(rule.shown))</cr:transformations></cr:rule>"
        }
        return Array((text + "</cr:ruleset>").utf8)
    }

    private static func conditions(_ rule: Rule) -> String {
        var text = ""
        switch rule.whom {
        case .one(let identity): text += "<cr:identity><cr:one id=\"\(identity)\"/></cr:identity>"
        case .domain(let except):
            text += "<cr:identity><cr:many domain=\"\(RandomLife.domain)\">"
            for identity in except { text += "<cr:except id=\"\(identity)\"/>" }
            text += "</cr:many></cr:identity>"
        case .everybody: break
        case .nobody: text += "<cr:sphere value=\"nowhere\"/>"
        }
        if let window = rule.window {
            text += "<cr:validity><cr:from>\(Documents.time(window.lowerBound))</cr:from>"
            text += "<cr:until>\(Documents.time(window.upperBound))</cr:until></cr:validity>"
        }
        return text
    }

    private static func transformations(_ shown: Shown) -> String {
        var text = "<pr:provide-services>"
        if shown.allTuples { text += "<pr:all-services/>" }
        for tuple in shown.tuples.sorted() { text += "<pr:occurrence-id>\(tuple)</pr:occurrence-id>" }
        for word in shown.classes.sorted() { text += "<pr:class>\(word)</pr:class>" }
        text += "</pr:provide-services>"
        if shown.persons { text += "<pr:provide-persons><pr:all-persons/></pr:provide-persons>" }
        if shown.activities { text += "<pr:provide-activities>true</pr:provide-activities>" }
        if shown.notes { text += "<pr:provide-note>true</pr:provide-note>" }
        if shown.classification { text += "<pr:provide-class>true</pr:provide-class>" }
        return text
    }
}
