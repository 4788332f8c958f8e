import Ground
import PresenceDocuments
import PresenceServer
import UserAgent

/// What may happen.
extension RandomLife {
    func act() {
        switch self.chance.next(below: 100) {
        case 0..<30: self.publishSomething()
        case 30..<35: self.unpublishSomething()
        case 35..<50: self.watchSomebody()
        case 50..<55: self.unwatchSomebody()
        case 55..<60: self.refreshSomething()
        case 60..<66: self.fetchSomething()
        case 66..<80: self.changeRules(of: self.pick(self.presentities))
        case 80..<84: self.changeDevice()
        case 84..<89: self.changeWatcher()
        case 89..<95: self.crash()
        case 95..<97: self.jump()
        default: self.race()
        }
    }

    func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int(self.chance.next(below: UInt64(elements.count)))]
    }

    private func publishSomething() { self.publish(Int(self.chance.next(below: UInt64(self.devices.count)))) }

    /// A device publishes a new version of its state.
    func publish(_ index: Int) {
        if self.devices[index].terminal == nil { self.revive(device: index) }
        guard let terminal = self.devices[index].terminal else { return }
        self.devices[index].versions += 1
        let version = "v\(self.devices[index].versions)"
        let bytes = Documents.make(
            entity: self.devices[index].presentity, tuple: self.devices[index].tuple, version: version,
            at: self.world.now, chance: &self.chance)
        do throws(DocumentFault) {
            let document = try PresenceDocument.parse(bytes[...])
            self.devices[index].wanted = version
            self.world.tell("-- \(terminal.name) publishes \(version)")
            self.give(.publish(document), to: terminal)
        } catch { self.world.violate("a document of the simulation is refused: \(error.reason)") }
    }

    private func unpublishSomething() {
        let index = Int(self.chance.next(below: UInt64(self.devices.count)))
        guard let terminal = self.devices[index].terminal, self.devices[index].wanted != nil else { return }
        self.devices[index].wanted = nil
        self.world.tell("-- \(terminal.name) unpublishes")
        self.give(.unpublish, to: terminal)
    }

    /// All devices of a presentity publish at the same moment.
    private func race() {
        let presentity = self.pick(self.presentities)
        for index in self.devices.indices where self.devices[index].presentity == presentity { self.publish(index) }
    }

    private func changeDevice() {
        let index = Int(self.chance.next(below: UInt64(self.devices.count)))
        if let terminal = self.devices[index].terminal {
            self.vanish(terminal)
            self.devices[index].terminal = nil
            self.devices[index].wanted = nil
        } else {
            self.revive(device: index)
        }
    }

    private func changeWatcher() {
        let index = Int(self.chance.next(below: UInt64(self.watchers.count)))
        if let terminal = self.watchers[index].terminal, terminal.isUp {
            // Where crashes are the only thing that loses anything, a subscription at the server must be one that
            // somebody has.
            guard !(self.temper.isLossless && self.temper.crashes) else { return }
            self.vanish(terminal)
            self.watchers[index].wants = [:]
        } else {
            self.revive(watcher: index)
        }
    }

    private func watchSomebody() {
        let index = Int(self.chance.next(below: UInt64(self.watchers.count)))
        let presentity = self.pick(self.presentities)
        guard let terminal = self.watchers[index].terminal, terminal.isUp else { return self.revive(watcher: index) }
        if let id = self.watchers[index].wants[presentity], terminal.watches[id]?.end == nil { return }
        self.watch(index, presentity)
    }

    /// A watcher subscribes, in one of the many ways there are.
    func watch(_ index: Int, _ presentity: String) {
        guard let terminal = self.watchers[index].terminal else { return }
        var request = SubscriptionRequest(resource: presentity, expires: UInt32(self.chance.next(below: 500)) + 60)
        request.partial = self.chance.next(below: 3) == 0
        request.conditional = self.chance.next(below: 4) == 0
        switch self.chance.next(below: 8) {
        case 0: request.filter = Documents.statusFilter(of: presentity)
        case 1: request.rates = NotificationRates(maximum: 0.2)
        case 2: request.rates = NotificationRates(minimum: 0.02)
        case 3: request.rates = NotificationRates(adaptiveMinimum: 0.02)
        case 4: request.eventID = "e\(self.chance.next(below: 9))"
        default: break
        }
        let id = self.nextSubscription()
        self.watchers[index].wants[presentity] = id
        self.world.tell("-- \(terminal.name) watches \(presentity)")
        self.give(.watch(id, request), to: terminal)
    }

    private func unwatchSomebody() {
        let index = Int(self.chance.next(below: UInt64(self.watchers.count)))
        guard let terminal = self.watchers[index].terminal, terminal.isUp,
            let (presentity, id) = self.watchers[index].wants.min(by: { $0.value.number < $1.value.number })
        else { return }
        self.watchers[index].wants[presentity] = nil
        self.world.tell("-- \(terminal.name) unwatches \(presentity)")
        self.give(.unwatch(id), to: terminal)
    }

    private func refreshSomething() {
        let index = Int(self.chance.next(below: UInt64(self.watchers.count)))
        guard let terminal = self.watchers[index].terminal, terminal.isUp else { return }
        for id in self.watchers[index].wants.values.sorted(by: { $0.number < $1.number }) {
            self.give(.refresh(id), to: terminal)
        }
    }

    private func fetchSomething() {
        let index = Int(self.chance.next(below: UInt64(self.watchers.count)))
        guard let terminal = self.watchers[index].terminal, terminal.isUp else { return }
        let presentity = self.pick(self.presentities)
        self.give(.fetch(self.nextSubscription(), SubscriptionRequest(resource: presentity)), to: terminal)
    }

    /// A presentity changes its mind about somebody, or about everybody else.
    func changeRules(of presentity: String) {
        if self.keepsDocument.contains(presentity) { return self.changeDocument(of: presentity) }
        let handlings: [AuthorizationRule.Handling?] = [
            .allow, .allow, .allow, .allow, .allow, .block, .confirm, .politeBlock, nil,
        ]
        let handling = self.pick(handlings)
        let watcher = self.chance.next(below: 3) == 0 ? nil : self.pick(self.watchers).identity
        var rules = self.server.rules
        rules.set(Array(presentity.utf8), watcher: watcher.map { Array($0.utf8) }, handling)
        self.world.tell("-- \(presentity): \(watcher ?? "others") \(handling?.word ?? "no rule")")
        self.server.change(rules: rules, of: Array(presentity.utf8), at: self.world.now)
        self.world.collect(self.server)
    }

    /// A presentity stores other rules, or none, over XCAP.
    private func changeDocument(of presentity: String) {
        guard self.server.isUp else { return }
        var document: RulesDocument?
        if self.chance.next(below: 8) > 0 {
            document = RulesDocument.random(
                watchers: self.watchers.map(\.identity),
                tuples: self.devices.filter { $0.presentity == presentity }.map(\.tuple), at: self.world.now,
                chance: &self.chance)
        }
        self.world.tell("-- \(presentity) stores \(document.map { "\($0.rules.count) rules" } ?? "no rules")")
        self.server.store(document, of: presentity, at: self.world.now)
        self.world.collect(self.server)
    }

    private func crash() {
        guard self.temper.crashes, self.server.isUp else { return }
        self.epoch += 1
        if self.chance.next(below: 3) == 0 {
            self.world.tell("-- server crashes")
            self.server.crash()
        } else {
            let point = self.pick(ServerNode.CrashPoint.allCases)
            self.world.tell("-- server will crash \(point)")
            self.server.plannedCrash = point
        }
    }

    private func jump() {
        guard self.temper.jumps else { return }
        let seconds = Int64(self.chance.next(below: 900)) + 1
        self.world.tell("-- the clock jumps by \(seconds) s")
        self.epoch += 1
        self.world.jump(.seconds(seconds))
    }
}
