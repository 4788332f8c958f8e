import Ground
import PresenceDocuments
import PresenceServer
import XMLTree

/// The commands of golden ladders about documents: rules, lists and hard state, and what watchers see because of them.
extension LadderStage {
    /// `policy alice "bob allow services note" "carol confirm" "others polite-block"`, `policy alice none`.
    ///
    /// A rule is a watcher (a name; `others`: whom no other rule is about; `anyone`; `anonymous`; `list:NAME`), a
    /// handling, and what is shown: `all`, `services`, `persons`, `devices`, one of them with a member
    /// (`services:class=work`), or the name of an attribute (`mood`, `user-input=bare`, `unknown=game`). `sphere=work`,
    /// `from=60` and `until=120` (seconds of the ladder) are further conditions.
    func changePolicy(_ words: [String]) throws(LadderFault) {
        guard words.count >= 2 else { throw LadderFault("policy PRESENTITY RULE...") }
        let owner = Self.identity(words[0])
        var rules: [PolicyLine] = []
        if words[1] != "none" {
            for (number, word) in words.dropFirst().enumerated() {
                rules.append(try PolicyLine(word, id: "r\(number + 1)", owner: owner, start: self.world.start))
            }
        }
        var text = "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" "
        text += "xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" xmlns:oc=\"urn:oma:xml:xdm:common-policy\">"
        text += rules.map(\.xml).joined() + "</cr:ruleset>"
        let body = words[1] == "none" ? nil : Array(text.utf8)
        self.begin()
        for server in self.servers.values.sorted(by: { $0.name < $1.name }) {
            // What the inspector may expect at most: conditions other than who watches only take away.
            server.rules.documents[Array(owner.utf8)] = body.map { _ in RulesDocument(rules: rules.map(\.meaning)) }
            self.put(.rules, "pres-rules/users/\(owner)/index", owner, body, on: server)
        }
    }

    /// `list alice friends bob carol`.
    func changeList(_ words: [String]) throws(LadderFault) {
        guard words.count >= 2 else { throw LadderFault("list PRESENTITY NAME WATCHER...") }
        let owner = Self.identity(words[0])
        var text = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"\(words[1])\">"
        for name in words.dropFirst(2) { text += "<entry uri=\"\(Self.identity(name))\"/>" }
        text += "</list></resource-lists>"
        for server in self.servers.values.sorted(by: { $0.name < $1.name }) {
            self.put(
                .resourceLists, "resource-lists/users/\(owner)/index", owner, Array(text.utf8), on: server)
        }
    }

    /// `hard-state alice "on holiday"`, `hard-state alice none`.
    func changeHardState(_ words: [String]) throws(LadderFault) {
        guard words.count == 2 else { throw LadderFault("hard-state PRESENTITY NOTE|none") }
        let owner = Self.identity(words[0])
        var text = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"\(owner)\"><tuple id=\"hard\"><status>"
        text += "<basic>closed</basic></status><note>\(words[1])</note></tuple></presence>"
        let body = words[1] == "none" ? nil : Array(text.utf8)
        for server in self.servers.values.sorted(by: { $0.name < $1.name }) {
            self.put(.hardState, "pidf-manipulation/users/\(owner)/index", owner, body, on: server)
        }
    }

    private func put(
        _ kind: SubscriberDocument.Kind, _ selector: String, _ owner: String, _ body: [UInt8]?, on server: ServerNode
    ) {
        // A document is handed to a server that runs.
        self.begin()
        let document = SubscriberDocument(
            kind: kind, owner: Array(owner.utf8), selector: Array(selector.utf8), body: body)
        server.change(document: document, at: self.world.now)
        self.world.collect(server)
    }

    /// `sees bob alice`: every element that a watcher's terminal shows.
    func tellSight(_ words: [String]) throws(LadderFault) {
        guard words.count == 2, let terminal = self.terminals[words[0]],
            let id = self.watches["\(words[0]) \(words[1])"], let watch = terminal.watches[id]
        else { throw LadderFault("sees WATCHER PRESENTITY") }
        guard let document = watch.document, let tree = try? XMLDocument.parse(document.serialised()[...]),
            let root = tree.rootElement
        else {
            self.lines.append("\(words[0]) sees nothing")
            return
        }
        if root.children.isEmpty { self.lines.append("\(words[0]) sees an empty document") }
        for element in root.children {
            let name = element.attribute("id").map { "\(element.name.text) \($0.text)" } ?? element.name.text
            let inside = element.children.map(Self.outline).joined(separator: ", ")
            self.lines.append("\(words[0]) sees \(name): \(inside.isEmpty ? "nothing more" : inside)")
        }
    }

    /// An element in a few words: its name, its attributes, and its text where it is one word.
    private static func outline(_ element: XMLElement) -> String {
        var text = element.name.text
        for attribute in ["idle-threshold", "last-input"] where element.attribute(attribute) != nil {
            text += " with \(attribute)"
        }
        if !element.children.isEmpty {
            return text + " (" + element.children.map(Self.outline).joined(separator: ", ") + ")"
        }
        let content = element.text.text
        return content.isEmpty ? text : "\(text) \"\(content)\""
    }

    /// A document with something of everything: two services, a person, a device.
    static func richDocument(_ entity: String, sphere: String?) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" \
        xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:x="urn:example:extra" entity="\(entity)">\
        <tuple id="dev-call"><status><basic>open</basic></status><x:game>chess</x:game><r:class>work</r:class>\
        <r:privacy><r:text/></r:privacy><r:relationship><r:self/></r:relationship>\
        <r:status-icon>http://icons.home.net/1</r:status-icon>\
        <r:user-input idle-threshold="600" last-input="2027-01-15T07:00:00Z">idle</r:user-input>\
        <dm:deviceID>urn:uuid:1</dm:deviceID><contact>\(entity)</contact><note>call me</note>\
        <timestamp>2027-01-15T08:00:00Z</timestamp></tuple>\
        <tuple id="dev-mail"><status><basic>open</basic></status><r:class>home</r:class>\
        <contact>mailto:\(entity.dropFirst(4))</contact><note>write me</note></tuple>\
        <dm:person id="p1"><r:activities><r:meeting/></r:activities><r:class>self</r:class>\
        <r:mood><r:happy/></r:mood><r:place-is><r:audio><r:noisy/></r:audio></r:place-is>\
        <r:place-type><lt:office xmlns:lt="urn:ietf:params:xml:ns:location-type"/></r:place-type>\
        \(sphere.map { "<r:sphere><r:\($0)/></r:sphere>" } ?? "")\
        <r:time-offset>60</r:time-offset><dm:note>as a person</dm:note></dm:person>\
        <dm:device id="d1"><r:class>phone</r:class><dm:deviceID>urn:uuid:1</dm:deviceID>\
        <dm:note>the phone</dm:note></dm:device></presence>
        """
    }
}

/// A rule as a ladder writes it.
private struct PolicyLine {
    let xml: String
    let meaning: RulesDocument.Rule

    init(_ text: String, id: String, owner: String, start: Instant) throws(LadderFault) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count >= 2, let handling = AuthorizationRule.Handling(word: words[1]) else {
            throw LadderFault("a rule is WATCHER HANDLING [WHAT...]: \(text)")
        }
        var conditions = Self.condition(on: words[0], owner: owner)
        var transformations = ""
        var period = ""
        for word in words.dropFirst(2) {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count > 1 ? parts[1] : ""
            switch parts[0] {
            case "sphere" where !value.isEmpty: conditions += "<cr:sphere value=\"\(value)\"/>"
            case "from", "until":
                guard let seconds = Int64(value) else { throw LadderFault("no number: \(word)") }
                let time = Documents.time(start + .seconds(seconds))
                period += "<cr:\(parts[0])>\(time)</cr:\(parts[0])>"
            default: transformations += Self.transformation(parts[0], value)
            }
        }
        if !period.isEmpty { conditions += "<cr:validity>\(period)</cr:validity>" }
        self.xml =
            "<cr:rule id=\"\(id)\"><cr:conditions>\(conditions)</cr:conditions><cr:actions><pr:sub-handling>"
            + "\(handling.word)</pr:sub-handling></cr:actions><cr:transformations>\(transformations)"
            + "</cr:transformations></cr:rule>"
        let isName = !["others", "anyone", "anonymous"].contains(words[0]) && !words[0].hasPrefix("list:")
        self.meaning = RulesDocument.Rule(
            whom: isName ? .one(LadderStage.identity(words[0])) : .everybody, window: nil, handling: handling,
            shown: .everything)
    }

    private static func condition(on watcher: String, owner: String) -> String {
        switch watcher {
        case "others": return "<oc:other-identity/>"
        case "anyone": return ""
        case "anonymous": return "<oc:anonymous-request/>"
        default:
            guard watcher.hasPrefix("list:") else {
                return "<cr:identity><cr:one id=\"\(LadderStage.identity(watcher))\"/></cr:identity>"
            }
            let anchor =
                "\(LadderStage.documentRoot)/resource-lists/users/\(owner)/index/~~/resource-lists/"
                + "list%5B@name=%22\(watcher.dropFirst(5))%22%5D"
            return "<oc:external-list><oc:entry anc=\"\(anchor)\"/></oc:external-list>"
        }
    }

    private static func transformation(_ name: String, _ value: String) -> String {
        switch name {
        case "all":
            return ["services", "persons", "devices"].map { Self.transformation($0, "") }.joined()
                + "<pr:provide-all-attributes/>"
        case "services", "persons", "devices":
            return "<pr:provide-\(name)><pr:all-\(name)/></pr:provide-\(name)>"
        case "user-input": return "<pr:provide-user-input>\(value)</pr:provide-user-input>"
        case "unknown":
            return "<pr:provide-unknown-attribute name=\"\(value)\" ns=\"urn:example:extra\">true"
                + "</pr:provide-unknown-attribute>"
        default: break
        }
        let parts = name.split(separator: ":").map(String.init)
        guard parts.count == 2 else { return "<pr:provide-\(name)>true</pr:provide-\(name)>" }
        return "<pr:provide-\(parts[0])><pr:\(parts[1])>\(value)</pr:\(parts[1])></pr:provide-\(parts[0])>"
    }
}

extension ServerNode {
    /// A document of a subscriber changed; the Presence Server hears of it in a turn of its own.
    func change(document: SubscriberDocument, at now: Instant) {
        guard self.isUp else { return }
        self.turn(at: now) { self.tellPresence(.documentsChanged([document]), at: now) }
    }
}
