import Ground
import PresenceDocuments
import PresenceServer
import UserAgent

/// The commands of golden ladders.
extension LadderStage {
    func perform(_ command: String) throws(LadderFault) {
        let words = Self.words(of: command)
        guard let verb = words.first else { return }
        let rest = Array(words.dropFirst())
        switch verb {
        case "nodes":
            for role in rest { try self.cast(role) }
            return
        case "rules": try self.changeRules(rest)
        case "policy": try self.changePolicy(rest)
        case "list": try self.changeList(rest)
        case "hard-state": try self.changeHardState(rest)
        default:
            self.begin()
            try self.act(verb, rest)
        }
        self.world.run(until: self.world.now)
        guard self.world.violations.isEmpty else {
            throw LadderFault(self.world.violations.joined(separator: "; "))
        }
    }

    private func act(_ verb: String, _ rest: [String]) throws(LadderFault) {
        switch verb {
        case "publish": try self.publish(rest)
        case "unpublish": try self.give(.unpublish, rest)
        case "close": try self.give(.close, rest)
        case "subscribe", "fetch": try self.subscribe(rest, isFetch: verb == "fetch")
        case "unsubscribe": try self.change(rest) { .unwatch($0) }
        case "refresh": try self.change(rest) { .refresh($0) }
        case "wait": try self.wait(rest)
        case "lose":
            guard rest.count == 2, let count = Int(rest[1]), count > 0 else { throw LadderFault("lose KIND COUNT") }
            let isStatus = rest[0].allSatisfy(\.isNumber)
            self.losses.append((isStatus ? "SIP/2.0 \(rest[0])" : "\(rest[0]) ", count))
        case "fork":
            guard rest.count == 2, let terminal = self.terminals[rest[0]], let server = self.servers[rest[1]] else {
                throw LadderFault("fork TERMINAL SERVER")
            }
            self.forks.append((terminal.endpoint, server.endpoint))
        case "crash": try self.crash(rest)
        case "start":
            let server = try self.server(rest)
            server.start(at: self.world.now)
            self.world.collect(server)
        case "vanish":
            let terminal = try self.terminal(rest)
            terminal.vanish()
        case "register", "send": try self.send(verb, rest)
        case "answer":
            guard rest.count == 3, let phone = self.phones[rest[0]], let status = Int(rest[2]) else {
                throw LadderFault("answer PHONE METHOD STATUS")
            }
            phone.answers[rest[1]] = status
        case "state": try self.state(rest)
        case "sees": try self.tellSight(rest)
        default: throw LadderFault("no such command: \(verb)")
        }
    }

    /// Words are divided by blanks; quotation marks hold several together.
    private static func words(of command: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        for character in command {
            switch character {
            case "\"": isQuoted.toggle()
            case " " where !isQuoted:
                if !word.isEmpty { words.append(word) }
                word = ""
            default: word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    private func terminal(_ words: [String]) throws(LadderFault) -> Terminal {
        guard let name = words.first, let terminal = self.terminals[name] else {
            throw LadderFault("no user agent \(words.first ?? "")")
        }
        return terminal
    }

    private func server(_ words: [String]) throws(LadderFault) -> ServerNode {
        guard let name = words.first, let server = self.servers[name] else {
            throw LadderFault("no server \(words.first ?? "")")
        }
        return server
    }

    private func give(_ order: UserAgent.Order, _ words: [String]) throws(LadderFault) {
        let terminal = try self.terminal(words)
        terminal.order(order, at: self.world.now)
        self.world.collect(terminal)
    }

    /// `rules alice allow bob`, `rules alice block others`.
    private func changeRules(_ words: [String]) throws(LadderFault) {
        guard words.count == 3, let handling = AuthorizationRule.Handling(word: words[1]) else {
            throw LadderFault("rules PRESENTITY HANDLING WATCHER")
        }
        let presentity = Array(Self.identity(words[0]).utf8)
        let watcher = words[2] == "others" ? nil : Array(Self.identity(words[2]).utf8)
        for server in self.servers.values.sorted(by: { $0.name < $1.name }) {
            var rules = server.rules
            rules.set(presentity, watcher: watcher, handling)
            server.change(rules: rules, of: presentity, at: self.world.now)
            self.world.collect(server)
        }
    }

    /// `publish alice open "at home"`, `publish alice rich`, `publish alice rich work` (the sphere).
    private func publish(_ words: [String]) throws(LadderFault) {
        let terminal = try self.terminal(words)
        guard words.count >= 2 else { throw LadderFault("publish TERMINAL open|closed [NOTE]") }
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
        text += "entity=\"\(terminal.identity)\"><tuple id=\"dev-\(terminal.name)\"><status>"
        text += "<basic>\(words[1])</basic></status>"
        for note in words.dropFirst(2) { text += "<note>\(note)</note>" }
        text += "</tuple></presence>"
        if words[1] == "rich" { text = Self.richDocument(terminal.identity, sphere: words.dropFirst(2).first) }
        let document: PresenceDocument
        do throws(DocumentFault) {
            document = try PresenceDocument.parse(Array(text.utf8)[...])
        } catch { throw LadderFault(error.reason) }
        try self.give(.publish(document), words)
    }

    /// `subscribe bob alice expires=600 partial conditional max-rate=0.1`, `subscribe alice alice watchers`.
    private func subscribe(_ words: [String], isFetch: Bool) throws(LadderFault) {
        guard words.count >= 2 else { throw LadderFault("subscribe WATCHER PRESENTITY [OPTION...]") }
        let options = Options(Array(words.dropFirst(2)))
        var request = SubscriptionRequest(
            resource: Self.identity(words[1]), expires: options.number("expires") ?? 600)
        request.partial = options.has("partial")
        request.conditional = options.has("conditional")
        request.rates = NotificationRates(maximum: options.fraction("max-rate"))
        if options.has("watchers") { request.package = SubscriptionRequest.watcherInformationPackage }
        if options.has("status-only") { request.filter = Documents.statusFilter(of: request.resource) }
        let id = self.nextSubscription()
        self.watches["\(words[0]) \(words[1])"] = id
        try self.give(isFetch ? .fetch(id, request) : .watch(id, request), words)
    }

    private func change(_ words: [String], _ order: (SubscriptionID) -> UserAgent.Order) throws(LadderFault) {
        guard words.count == 2, let id = self.watches["\(words[0]) \(words[1])"] else {
            throw LadderFault("no such subscription: \(words)")
        }
        try self.give(order(id), words)
    }

    /// `wait 30s`, `wait 500ms`.
    private func wait(_ words: [String]) throws(LadderFault) {
        guard let word = words.first, let number = Int64(word.prefix { $0.isNumber }) else {
            throw LadderFault("wait 30s")
        }
        self.world.run(for: word.hasSuffix("ms") ? .milliseconds(number) : .seconds(number))
    }

    /// `crash server`: at once; `crash server before-commit|before-departure`: in the next turn.
    private func crash(_ words: [String]) throws(LadderFault) {
        let server = try self.server(words)
        switch words.dropFirst().first {
        case nil: server.crash()
        case "before-commit": server.plannedCrash = .beforeCommit
        case "before-departure": server.plannedCrash = .beforeDeparture
        default: throw LadderFault("crash SERVER [before-commit|before-departure]")
        }
    }

    /// `register carol`, `send carol MESSAGE bob "Hello"`, `send carol SUBSCRIBE alice`.
    private func send(_ verb: String, _ words: [String]) throws(LadderFault) {
        guard let name = words.first, let phone = self.phones[name] else { throw LadderFault("no such phone") }
        if verb == "register" {
            phone.send("REGISTER", to: "sip:\(Self.domain)", lines: ["Expires: 600"], at: self.world.now)
        } else {
            guard words.count >= 3 else { throw LadderFault("send PHONE METHOD USER [TEXT]") }
            let lines = words[1] == "SUBSCRIBE" ? ["Event: presence", "Expires: 600"] : []
            phone.send(
                words[1], to: Self.identity(words[2]), lines: lines, body: words.count > 3 ? words[3] : "",
                at: self.world.now)
        }
        self.world.collect(phone)
    }

    private func state(_ words: [String]) throws(LadderFault) {
        guard let name = words.first else { throw LadderFault("state NODE") }
        if let server = self.servers[name] {
            self.lines.append(server.summary(since: self.world.start))
        } else if let terminal = self.terminals[name] {
            self.lines += terminal.summary.split(separator: "\n").map(String.init)
        } else {
            throw LadderFault("nobody is called \(name)")
        }
    }
}
