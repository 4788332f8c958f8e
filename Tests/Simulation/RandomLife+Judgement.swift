import Ground
import PresenceDocuments
import PresenceServer
import UserAgent

/// Rest, and what must be true in it; and the end of everything.
extension RandomLife {
    /// The network is good, the server runs and nobody does anything new.
    ///
    /// - Parameter isLong: long enough for everything to be tried again, refreshed, or to expire, so that exact state is
    ///   known; a short rest only lets what is under way come to its end, so that no refresh heals what was lost.
    func rest(isLong: Bool) {
        self.world.tell("-- rest")
        self.world.network.conditions = .calm
        self.server.plannedCrash = nil
        if !self.server.isUp { self.restart() }
        if isLong {
            self.pass(.seconds(100))
            for round in 0..<2 {
                self.orderAnew()
                self.pass(.seconds(round == 0 ? 1000 : 60))
            }
        } else {
            self.pass(.seconds(40))
        }
        guard self.isSound else { return }
        self.judge(isLong: isLong)
        self.world.network.conditions = self.temper.conditions
    }

    /// Users want again what was given up.
    private func orderAnew() {
        for index in self.watchers.indices {
            guard let terminal = self.watchers[index].terminal, terminal.isUp else { continue }
            for (presentity, id) in self.watchers[index].wants.sorted(by: { $0.value.number < $1.value.number })
            where terminal.watches[id]?.end != nil {
                self.watch(index, presentity)
            }
        }
        for index in self.devices.indices where self.devices[index].terminal?.publicationGivenUp != nil {
            if self.devices[index].wanted != nil { self.publish(index) }
        }
    }

    private func judge(isLong: Bool) {
        for presentity in self.presentities where self.isSound { self.judgeState(of: presentity, isLong: isLong) }
        for index in self.watchers.indices {
            guard let terminal = self.watchers[index].terminal, terminal.isUp else { continue }
            for (presentity, id) in self.watchers[index].wants.sorted(by: { $0.value.number < $1.value.number })
            where self.isSound {
                self.judge(terminal, id, presentity, isLong: isLong)
            }
        }
    }

    /// The presentity itself sees what its devices published, and nothing else.
    private func judgeState(of presentity: String, isLong: Bool) {
        guard let document = self.fetch(presentity, as: presentity, filter: nil) else {
            return self.world.violate("\(presentity) cannot fetch its own presence")
        }
        let shown = Documents.versions(in: document)
        for slot in self.devices where slot.presentity == presentity {
            let isPublished = slot.terminal?.published != nil && slot.wanted != nil
            if !isLong, slot.terminal?.hadPublicationTrouble ?? false { continue }
            if slot.wanted != nil, slot.terminal?.published == nil {
                self.world.violate("\(slot.tuple) is not published: \(slot.terminal?.publicationGivenUp as Any)")
            } else if isPublished, shown[slot.tuple] != slot.wanted {
                self.world.violate(
                    "\(slot.tuple) published \(slot.wanted ?? "-"), shown is \(shown[slot.tuple] ?? "nothing")")
            } else if isLong, slot.wanted == nil, let version = shown[slot.tuple] {
                self.world.violate("\(slot.tuple) has nothing published, and \(version) is shown")
            }
        }
    }

    /// A watcher holds exactly what its rules allow.
    private func judge(_ terminal: Terminal, _ id: SubscriptionID, _ presentity: String, isLong: Bool) {
        guard let watch = terminal.watches[id] else { return }
        let handling = self.server.rules.judge(
            Array(presentity.utf8), watcher: Array(terminal.identity.utf8), at: self.world.now
        ).handling
        // A crash may lose the NOTIFY that ends a subscription, which the watcher learns when it refreshes.
        if !isLong, self.server.generation > 1,
            !self.server.holdsSubscription(of: terminal.identity, to: presentity)
        {
            return
        }
        let name = "\(terminal.name) watching \(presentity) (\(handling.word))"
        switch handling {
        case .block:
            if watch.end == nil { self.world.violate("\(name): the subscription lives on") }
        case .confirm:
            if isLong, watch.end != nil { self.world.violate("\(name): ended, \(watch.end as Any)") }
            if watch.isActive { self.world.violate("\(name): the subscription is active") }
        case .allow, .politeBlock:
            if watch.end != nil {
                if isLong { self.world.violate("\(name): ended, \(watch.end as Any)") }
                return
            }
            if !watch.isActive { return self.world.violate("\(name): the subscription is not active") }
            self.compare(terminal, id, presentity, watch, name)
        }
    }

    /// What the watcher is shown is what a fetch gives it, byte for byte. A rate may delay the one or the other.
    private func compare(
        _ terminal: Terminal, _ id: SubscriptionID, _ presentity: String, _ watch: Watch, _ name: String
    ) {
        var held = ""
        var fetched = ""
        for _ in 0..<3 where self.isSound {
            guard let document = self.fetch(presentity, as: terminal.identity, filter: watch.request.filter) else {
                // A filter may leave nothing of what the rules grant.
                if watch.request.filter != nil { return }
                return self.world.violate("\(name): a fetch gives nothing")
            }
            let known = terminal.watches[id]?.document?.serialised() ?? []
            let fresh = document.serialised()
            self.comparisons += 1
            if known == fresh { return }
            held = known[...].text
            fetched = fresh[...].text
            self.pass(.seconds(15))
        }
        if self.isSound { self.world.violate("\(name) holds\n\(held)\nand a fetch gives\n\(fetched)") }
    }

    /// Asks once, from a terminal that exists for that only.
    private func fetch(_ presentity: String, as identity: String, filter: [UInt8]?) -> PresenceDocument? {
        let probe = self.makeTerminal("probe", identity)
        let id = self.nextSubscription()
        var request = SubscriptionRequest(resource: presentity)
        request.filter = filter
        self.give(.fetch(id, request), to: probe)
        let end = self.world.now + .seconds(5)
        while self.isSound, probe.watches[id]?.end == nil, let next = self.world.next, next <= end {
            self.world.run(until: next)
        }
        let document = probe.watches[id]?.document
        // Its transactions live on for a while; nobody waits for them.
        self.world.remove(at: probe.endpoint)
        return document
    }

    // MARK: The end

    /// Everybody goes, and when time has passed nothing is left of anything.
    func end() {
        self.world.tell("-- the end")
        self.stopHostility()
        self.world.network.conditions = .calm
        var terminals = self.devices.compactMap(\.terminal)
        terminals += self.watchers.compactMap(\.terminal).filter { $0.isUp }
        for terminal in terminals { self.give(.close, to: terminal) }
        self.pass(.seconds(60))
        for terminal in terminals where !terminal.isClosed && self.isSound {
            self.world.violate("\(terminal.name) does not come to its end")
        }
        guard self.isSound else { return }
        let isDry = self.world.runDry(until: self.world.now + .seconds(3600))
        guard self.isSound else { return }
        if !isDry { self.world.violate("something still happens an hour after the end") }
        let leftovers = self.server.leftovers + terminals.flatMap(\.leftovers)
        if !leftovers.isEmpty { self.world.violate("left over: \(leftovers.joined(separator: ", "))") }
    }
}
