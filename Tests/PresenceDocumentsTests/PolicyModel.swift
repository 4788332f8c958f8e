import Ground

@testable import PresenceDocuments
@testable import XMLTree

/// What rules mean, said as plainly as can be and as slowly as need be: straight from the elements of the documents,
/// for the random rules and documents of ``PolicyMaker``.
struct PolicyModel {
    /// The rules of all documents.
    let rules: [XMLElement]
    let watcher: PolicyWatcher
    let situation: PolicySituation

    init(_ documents: [String], _ watcher: PolicyWatcher, _ situation: PolicySituation) throws {
        var rules: [XMLElement] = []
        for text in documents {
            let document = try XMLDocument.parse(octets(text), limits: .ruleset)
            rules += document.rootElement?.children("rule") ?? []
        }
        self.rules = rules
        self.watcher = watcher
        self.situation = situation
    }

    // MARK: Which rules count

    var matching: [XMLElement] { self.rules.filter { self.matches($0) } }

    private func conditions(_ rule: XMLElement) -> [XMLElement] { rule.child("conditions")?.children ?? [] }

    private func matches(_ rule: XMLElement) -> Bool { self.conditions(rule).allSatisfy { self.holds($0) } }

    private func holds(_ condition: XMLElement) -> Bool {
        switch condition.name.text {
        case "identity": return self.isMeant(condition)
        case "sphere":
            guard let sphere = self.situation.sphere, let value = condition.attribute("value") else { return false }
            return value.text.lowercased().split(separator: " ").contains { $0 == sphere[...].text.lowercased() }
        case "validity":
            let times = condition.children.compactMap { LexicalForms.dateTime($0.text) }
            return stride(from: 0, to: times.count - 1, by: 2).contains {
                times[$0] <= self.situation.instant && self.situation.instant < times[$0 + 1]
            }
        case "other-identity":
            return !self.watcher.identities.isEmpty
                && !self.rules.contains { rule in
                    let about = self.conditions(rule).filter {
                        ["identity", "external-list", "anonymous-request"].contains($0.name.text)
                    }
                    return !about.isEmpty && about.allSatisfy { self.holds($0) }
                }
        case "external-list":
            return !self.watcher.identities.isEmpty
                && condition.children("entry").contains { entry in
                    entry.attribute("anc").map { self.situation.isListed($0, self.watcher.identities) } ?? false
                }
        case "anonymous-request": return self.watcher.identities.isEmpty || self.watcher.asksForPrivacy
        default: return false
        }
    }

    private func isMeant(_ identity: XMLElement) -> Bool {
        if identity.children.isEmpty { return self.watcher.identities.isEmpty }
        return identity.children.contains { alternative in
            if alternative.name.text == "one" {
                return self.watcher.identities.contains(PolicyMaker.person(alternative.attribute("id")))
            }
            let domain = alternative.attribute("domain")?.text
            guard self.watcher.identities.contains(where: { domain == nil || self.isOf($0, domain) }) else {
                return false
            }
            return !alternative.children.contains { exception in
                self.watcher.identities.contains {
                    $0 == PolicyMaker.person(exception.attribute("id"))
                        || (exception.attribute("domain") != nil && self.isOf($0, exception.attribute("domain")?.text))
                }
            }
        }
    }

    private func isOf(_ identity: [UInt8], _ domain: String?) -> Bool {
        identity[...].text.hasSuffix("@\(domain ?? "")")
    }

    // MARK: What they grant

    var handling: SubHandling {
        self.matching.map { rule in
            SubHandling(word: rule.child("actions")?.child("sub-handling")?.text.text ?? "block") ?? .block
        }.max() ?? .block
    }

    /// Whether a matching rule has a transformation that some test accepts.
    private func isGranted(_ name: String, _ test: (XMLElement) -> Bool) -> Bool {
        self.matching.contains { ($0.child("transformations")?.children(name) ?? []).contains(where: test) }
    }

    private func isTrue(_ name: String) -> Bool { self.isGranted(name) { ["true", "1"].contains($0.text.text) } }

    private var showsAll: Bool { self.isGranted("provide-all-attributes") { _ in true } }

    /// The document as the watcher may see it.
    func view(of document: PresenceDocument) throws -> PresenceDocument {
        guard self.handling == .allow, let root = document.tree.rootElement else {
            return .empty(entity: document.entityOctets)
        }
        var text = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"\(document.entity)\">"
        for child in root.children {
            switch child.name.text {
            case "tuple": text += self.shows(service: child) ? self.occurrence(child) : ""
            case "person": text += self.shows(child, "provide-persons", "all-persons") ? self.occurrence(child) : ""
            case "device": text += self.shows(device: child) ? self.occurrence(child) : ""
            case "note": text += self.showsAll || self.isTrue("provide-note") ? self.whole(child) : ""
            default: text += self.showsAll || self.isNamed(child) ? self.whole(child) : ""
            }
        }
        return try PresenceDocument.parse(octets(text + "</presence>"))
    }

    private func shows(_ element: XMLElement, _ provider: String, _ all: String) -> Bool {
        self.isGranted(provider) { provider in
            provider.children.contains { member in
                switch member.name.text {
                case all: true
                case "occurrence-id": member.text == element.attribute("id")
                case "class": element.children("class").contains { $0.text == member.text }
                default: false
                }
            }
        }
    }

    private func shows(device: XMLElement) -> Bool {
        self.shows(device, "provide-devices", "all-devices")
            || self.isGranted("provide-devices") { provider in
                provider.children("deviceID").contains { $0.text == device.child("deviceID")?.text }
            }
    }

    private func shows(service: XMLElement) -> Bool {
        if self.shows(service, "provide-services", "all-services") { return true }
        let contact = service.child("contact")?.text.text ?? ""
        let id = service.child("service-description")?.child("service-id")?.text.text
        return self.isGranted("provide-services") { provider in
            provider.children.contains { member in
                switch member.name.text {
                case "service-uri": !contact.isEmpty && member.text.text == contact
                case "service-uri-scheme": contact.hasPrefix(member.text.text + ":")
                case "service-id": member.text.text == id
                default: false
                }
            }
        }
    }

    private func isNamed(_ element: XMLElement) -> Bool {
        self.isGranted("provide-unknown-attribute") {
            $0.attribute("name") == element.name && $0.attribute("ns") == element.namespace
                && ["true", "1"].contains($0.text.text)
        }
    }

    private static let permissions = [
        "activities": "activities", "class": "class", "mood": "mood", "place-is": "place-is", "note": "note",
        "privacy": "privacy", "relationship": "relationship", "sphere": "sphere", "status-icon": "status-icon",
        "time-offset": "time-offset", "willingness": "willingness", "overriding-willingness": "willingness",
        "registration-state": "registration-state", "barring-state": "barring-state",
        "session-participation": "session-participation", "network-availability": "network-availability",
    ]

    private func occurrence(_ element: XMLElement) -> String {
        if self.showsAll { return self.whole(element) }
        var text =
            "<\(element.name.text) xmlns=\"\(element.namespace.text)\" id=\"\(element.attribute("id")?.text ?? "")\">"
        for child in element.children { text += self.attribute(child, of: element) }
        return text + "</\(element.name.text)>"
    }

    private func attribute(_ element: XMLElement, of parent: XMLElement) -> String {
        let name = element.name.text
        if element.namespace.text == "urn:example:x" { return self.isNamed(element) ? self.whole(element) : "" }
        switch name {
        case "status", "contact", "timestamp", "service-class", "service-description": return self.whole(element)
        case "deviceID":
            return parent.name.text == "device" || self.isTrue("provide-deviceID") ? self.whole(element) : ""
        case "servcaps", "devcaps": return self.isNamed(element) ? self.whole(element) : ""
        case "user-input": return self.userInput(element)
        default:
            guard let permission = Self.permissions[name] else { return "?\(name)" }
            return self.isTrue("provide-" + permission) ? self.whole(element) : ""
        }
    }

    private func userInput(_ element: XMLElement) -> String {
        func isGranted(_ levels: String...) -> Bool {
            self.isGranted("provide-user-input") { levels.contains($0.text.text) }
        }
        var attributes = ""
        if isGranted("thresholds", "full"), let value = element.attribute("idle-threshold") {
            attributes += " idle-threshold=\"\(value.text)\""
        }
        if isGranted("full"), let value = element.attribute("last-input") {
            attributes += " last-input=\"\(value.text)\""
        }
        guard isGranted("bare", "thresholds", "full") else { return "" }
        return "<user-input xmlns=\"\(element.namespace.text)\"\(attributes)>\(element.text.text)</user-input>"
    }

    private func whole(_ element: XMLElement) -> String {
        var output: [UInt8] = []
        var writer = XMLWriter(element.document, form: .faithful)
        writer.write(element.id, into: &output)
        return string(output)
    }
}

/// Makes random rulesets, watchers and documents.
struct PolicyMaker {
    var random: SeededRandom

    init(_ seed: UInt64) { self.random = SeededRandom(seed) }

    static let people = [
        "sip:ana@home1.net", "sip:bob@home1.net", "sip:carl@home2.net", "sip:dora@home2.net", "tel:+12015550123",
    ]
    private static let spellings = [
        "sip:ana@home1.net": ["sip:ana@home1.net", "sips:ana@HOME1.net", "pres:ana@home1.net;x=y"],
        "sip:bob@home1.net": ["sip:bob@home1.net:5060", "sip:%62ob@home1.net"],
        "sip:carl@home2.net": ["sip:carl@home2.net", "SIP:carl@home2.net."],
        "sip:dora@home2.net": ["sip:dora:secret@home2.net"],
        "tel:+12015550123": ["tel:+1-201-555-0123", "TEL:+1.201.555.0123"],
    ]

    /// The person that a spelling means.
    static func person(_ spelling: Octets?) -> [UInt8] {
        guard let spelling else { return [] }
        return Array((Self.spellings.first { $0.value.contains(spelling.text) }?.key ?? "").utf8)
    }

    private mutating func spelling() -> String {
        let person = self.random.pick(Self.people)
        return self.random.pick(Self.spellings[person] ?? [person])
    }

    mutating func watcher() -> PolicyWatcher {
        var identities: [[UInt8]] = []
        for _ in 0..<[0, 1, 1, 1, 2][self.random.below(5)] { identities.append(Array(self.spelling().utf8)) }
        return PolicyWatcher(identities: identities, asksForPrivacy: self.random.chance(10))
    }

    mutating func situation() -> PolicySituation {
        let sphere = self.random.pick([nil, "work", "Home"])
        let listed = self.random.pick(Self.people)
        return PolicySituation(
            now: Instant(seconds: 1_749_988_800 + Int64(self.random.below(4)) * 3600),
            sphere: sphere.map { Array($0.utf8) }
        ) { anchor, identities in
            anchor.text == "http://x/list" && identities.contains { $0[...].text == listed }
        }
    }

    mutating func ruleset(_ prefix: String) -> String {
        var rules = ""
        for index in 0..<self.random.below(self.random.chance(10) ? 40 : 5) { rules += self.rule("\(prefix)\(index)") }
        return PolicySample.text(rules)
    }

    mutating func rule(_ id: String) -> String {
        var conditions = ""
        for _ in 0..<[0, 1, 1, 1, 2][self.random.below(5)] { conditions += self.condition() }
        let handling = self.random.pick([nil, "block", "confirm", "polite-block", "allow", "allow", "allow"])
        var transformations = ""
        for _ in 0..<self.random.below(8) { transformations += self.transformation() }
        return PolicySample.rule(
            id, if: self.random.chance(90) ? conditions : nil, handling,
            show: self.random.chance(80) ? transformations : nil)
    }

    private mutating func condition() -> String {
        switch self.random.below(16) {
        case 0: return "<sphere value=\"\(self.random.pick(["work", "HOME", "home work", "travel"]))\"/>"
        case 1:
            let from = self.random.below(4)
            return
                "<validity><from>2025-06-15T1\(2 + from):00:00Z</from><until>2025-06-15T1\(3 + from):00:00Z</until></validity>"
        case 2: return "<oc:other-identity/>"
        case 3:
            return
                "<oc:external-list><oc:entry anc=\"http://x/\(self.random.pick(["list", "gone"]))\"/></oc:external-list>"
        case 4: return "<oc:anonymous-request/>"
        case 5: return self.random.chance(30) ? "<x:weather/>" : "<identity/>"
        default:
            var alternatives = ""
            for _ in 0...self.random.below(3) {
                if self.random.chance(70) {
                    alternatives += "<one id=\"\(self.spelling())\"/>"
                } else {
                    let domain = self.random.chance(50) ? " domain=\"home\(1 + self.random.below(3)).net\"" : ""
                    var exceptions = ""
                    while self.random.chance(50) {
                        exceptions +=
                            self.random.chance(60)
                            ? "<except id=\"\(self.spelling())\"/>"
                            : "<except domain=\"home\(1 + self.random.below(3)).net\"/>"
                    }
                    alternatives += "<many\(domain)>\(exceptions)</many>"
                }
            }
            return "<identity>\(alternatives)</identity>"
        }
    }

    private static let booleans = [
        "pr:provide-activities", "pr:provide-class", "pr:provide-deviceID", "pr:provide-mood", "pr:provide-place-is",
        "pr:provide-privacy", "pr:provide-relationship", "pr:provide-sphere", "pr:provide-status-icon",
        "pr:provide-time-offset", "pr:provide-note", "op:provide-willingness", "op:provide-registration-state",
        "op:provide-barring-state", "op:provide-session-participation", "op:provide-network-availability",
    ]

    private mutating func transformation() -> String {
        switch self.random.below(12) {
        case 0, 1: return self.provider("services", ["service-uri", "service-uri-scheme", "service-id"])
        case 2, 3: return self.provider("persons", [])
        case 4: return self.provider("devices", ["deviceID"])
        case 5:
            return
                "<pr:provide-user-input>\(self.random.pick(["false", "bare", "thresholds", "full"]))</pr:provide-user-input>"
        case 6:
            let (name, namespace) = self.random.pick([
                ("e", "urn:example:x"), ("y", "urn:example:x"), ("servcaps", "urn:ietf:params:xml:ns:pidf:caps"),
                ("mood", "urn:ietf:params:xml:ns:pidf:rpid"),
            ])
            let value = self.random.pick(["true", "1", "false"])
            return
                "<pr:provide-unknown-attribute name=\"\(name)\" ns=\"\(namespace)\">\(value)</pr:provide-unknown-attribute>"
        case 7: return self.random.chance(20) ? "<pr:provide-all-attributes/>" : "<x:provide-luck>true</x:provide-luck>"
        default:
            let name = self.random.pick(Self.booleans)
            return "<\(name)>\(self.random.pick(["true", "true", "1", "false", "0"]))</\(name)>"
        }
    }

    private mutating func provider(_ what: String, _ kinds: [String]) -> String {
        var members = self.random.chance(40) ? "<pr:all-\(what)/>" : ""
        while self.random.chance(60) {
            let kind = self.random.pick(kinds + ["class", "occurrence-id"])
            let value =
                switch kind {
                case "class": self.random.pick(["work", "home"])
                case "occurrence-id": self.random.pick(["t0", "t1", "p0", "d1"])
                case "service-uri": self.random.pick(["sip:ana@pc", "tel:+1"])
                case "service-uri-scheme": self.random.pick(["sip", "tel"])
                case "service-id": self.random.pick(["voice", "video"])
                default: "urn:uuid:\(self.random.below(2))"
                }
            let prefix = kind == "service-id" ? "op" : "pr"
            members += "<\(prefix):\(kind)>\(value)</\(prefix):\(kind)>"
        }
        return "<pr:provide-\(what)>\(members)</pr:provide-\(what)>"
    }

    // MARK: Documents

    private mutating func some(_ elements: [String]) -> String {
        elements.filter { _ in self.random.chance(35) }.joined()
    }

    mutating func document() -> String {
        var content = ""
        for index in 0..<self.random.below(3) {
            let contact = self.random.pick(["", "<contact>sip:ana@pc</contact>", "<contact>tel:+1</contact>"])
            content +=
                "<tuple id=\"t\(index)\"><status><basic>open</basic></status>" + self.extras()
                + self.some([
                    "<rp:relationship><rp:friend/></rp:relationship>",
                    "<rp:service-class><rp:electronic/></rp:service-class>",
                    "<o:willingness><o:basic>open</o:basic></o:willingness>",
                    "<o:registration-state>active</o:registration-state>",
                    "<o:barring-state>active</o:barring-state>", "<dm:deviceID>urn:uuid:1</dm:deviceID>",
                    "<o:session-participation><o:basic>open</o:basic></o:session-participation>",
                    "<o:service-description><o:service-id>voice</o:service-id><o:version>1</o:version></o:service-description>",
                    "<cc:servcaps><cc:audio>true</cc:audio></cc:servcaps>",
                ]) + contact + self.some(["<note>n</note>", "<timestamp>2025-06-15T10:00:00Z</timestamp>"]) + "</tuple>"
        }
        content += self.some(["<note>all</note>"])
        for index in 0..<self.random.below(3) {
            content +=
                "<dm:person id=\"p\(index)\">" + self.extras()
                + self.some([
                    "<rp:activities><rp:away/></rp:activities>", "<rp:mood><rp:sad/></rp:mood>",
                    "<rp:sphere><rp:work/></rp:sphere>",
                    "<rp:place-is><rp:audio><rp:ok/></rp:audio></rp:place-is>", "<rp:time-offset>60</rp:time-offset>",
                    "<o:overriding-willingness><o:basic>open</o:basic></o:overriding-willingness>",
                ]) + self.some(["<dm:note>pn</dm:note>", "<dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp>"])
                + "</dm:person>"
        }
        for index in 0..<self.random.below(3) {
            content +=
                "<dm:device id=\"d\(index)\">" + self.extras()
                + self.some([
                    "<o:network-availability><o:network id=\"IMS\"><o:active/></o:network></o:network-availability>",
                    "<cc:devcaps/>",
                ]) + "<dm:deviceID>urn:uuid:\(index)</dm:deviceID>" + self.some(["<dm:note>dn</dm:note>"])
                + "</dm:device>"
        }
        return Sample.pidf(content + self.some(["<x:e>top</x:e>", "<x:z/>"]))
    }

    private mutating func extras() -> String {
        self.some([
            "<rp:class>\(self.random.pick(["work", "home"]))</rp:class>", "<rp:privacy><rp:audio/></rp:privacy>",
            "<rp:status-icon>http://x/i</rp:status-icon>", "<x:e k=\"v\">1<x:f/></x:e>", "<x:y/>",
            "<rp:user-input idle-threshold=\"60\" last-input=\"2025-06-15T10:00:00Z\">idle</rp:user-input>",
        ])
    }
}
