import DigestAuth
import EventNotification
import Ground
import PresenceDocuments
import PresenceServer
import SCSCF
import SIPTransactions
import UserAgent

/// The history of one seed: people publish, watch, change their mind and vanish, the network loses, the server
/// crashes, the clock jumps. In between there is rest, and then everybody must know what is true.
final class RandomLife {
    /// A place from which a presentity publishes; the device there may come and go.
    struct DeviceSlot {
        let presentity: String
        let tuple: String
        var terminal: Terminal?
        /// The version of the state that the user wants published; nil: none.
        var wanted: String?
        var versions = 0
    }

    /// Somebody who watches; the terminal may come and go.
    struct WatcherSlot {
        let identity: String
        var terminal: Terminal?
        /// The subscription that is meant to be kept, by presentity.
        var wants: [String: SubscriptionID] = [:]
    }

    static let domain = "home.test"
    static let serverEndpoint = Endpoint(IPAddress(ipv4: 0x0A00_0001), 5060)
    /// Somebody who has no business here.
    static let stranger = Endpoint(IPAddress(ipv4: 0x0A00_0909), 5066)

    let seed: UInt64
    var chance: Entropy
    let temper: Temper
    let world: World
    let server: ServerNode
    var devices: [DeviceSlot] = []
    var watchers: [WatcherSlot] = []
    var presentities: [String] = []
    /// The presentities whose rules are documents; the others have theirs in a file of the operator.
    var keepsDocument: Set<String> = []
    var identityOf: [Endpoint: String] = [:]
    var identityOfCall: [[UInt8]: String] = [:]
    /// How often something happened that may leave a gap in the numbers of a dialog.
    var epoch = 0
    var restartAt: Instant?
    var comparisons = 0
    private var lastAddress: UInt32 = 0x0A00_0100
    private var lastSubscription: UInt64 = 0
    /// Whether strangers send broken copies of what they see.
    private var isHostile: Bool

    init(seed: UInt64, storyLength: Int) {
        self.seed = seed
        self.chance = .seeded(seed)
        self.temper = Temper(&self.chance)
        self.isHostile = self.temper.garbage
        self.world = World(
            seed: seed &+ 0x5151, start: Instant(seconds: 1_800_000_000), conditions: self.temper.conditions,
            traceLimit: storyLength)
        self.server = Self.server(seed, self.temper)
        for index in 0..<self.temper.presentities { self.presentities.append("sip:p\(index)@\(Self.domain)") }
        for (index, presentity) in self.presentities.enumerated() {
            for device in 0..<self.temper.devicesEach {
                self.devices.append(DeviceSlot(presentity: presentity, tuple: "dev-\(index)-\(device)"))
            }
        }
        for index in 0..<self.temper.watchers {
            self.watchers.append(WatcherSlot(identity: "sip:w\(index)@\(Self.domain)"))
        }
        for presentity in self.presentities where self.chance.next(below: 2) == 0 {
            self.keepsDocument.insert(presentity)
        }
        self.connect()
    }

    private static func server(_ seed: UInt64, _ temper: Temper) -> ServerNode {
        var presence = PresenceServer.Configuration(servedDomains: [Self.domain])
        presence.publicationExpiry = ExpiryPolicy(standard: 600, minimum: temper.minimumExpires, maximum: 600)
        presence.subscriptionExpiry = ExpiryPolicy(standard: 600, minimum: temper.minimumExpires, maximum: 600)
        presence.minimumInterval = temper.minimumInterval
        presence.resynchronisation = .seconds(2)
        presence.waitingPeriod = .seconds(300)
        if temper.usesDigest {
            presence.authentication = .digest(
                DigestAuthenticator.Configuration(realm: Self.domain, nonceSecret: Redacted(Array("nonce".utf8))))
        }
        var registrar: SCSCF.Configuration?
        if temper.hasRegistrar {
            var configuration = SCSCF.Configuration(
                domains: [Self.domain], sentBy: [.udp: .init(host: "10.0.0.1", port: 5060)])
            configuration.authentication = temper.usesDigest ? .digest : .none
            configuration.minimumExpires = 30
            configuration.maximumExpires = 600
            configuration.algorithms = [.md5]
            registrar = configuration
        }
        return ServerNode(
            name: "server", endpoint: Self.serverEndpoint, seed: seed &+ 0x77, presence: presence,
            registrar: registrar)
    }

    private func connect() {
        self.world.add(self.server)
        self.server.identityOfCall = { [unowned self] call in self.identityOfCall[call].map { Array($0.utf8) } }
        self.world.identities = { [unowned self] source in
            if self.temper.usesDigest { return [] }
            return self.identityOf[source].map { [$0] } ?? []
        }
        self.world.onDeparture = { [unowned self] datagram, _ in self.departed(datagram) }
        if self.temper.usesDigest {
            for identity in self.presentities + self.watchers.map(\.identity) {
                let user = String(identity.dropFirst(4).prefix { $0 != "@" })
                self.server.users[user] = DigestCredentials(
                    identities: [Array(identity.utf8)], user: user, realm: Self.domain,
                    password: Redacted("pw-\(user)"))
            }
        }
    }

    // MARK: The course

    func live() {
        self.server.start(at: self.world.now)
        self.world.collect(self.server)
        for index in self.devices.indices where self.chance.next(below: 3) > 0 { self.revive(device: index) }
        for index in self.watchers.indices { self.revive(watcher: index) }
        for presentity in self.presentities {
            self.changeRules(of: presentity)
            for index in self.watchers.indices where self.chance.next(below: 2) == 0 { self.watch(index, presentity) }
        }
        for step in 0..<self.temper.steps where self.isSound {
            self.act()
            self.wait()
            if step % 24 == 23 { self.rest(isLong: !self.temper.isLossless || self.chance.next(below: 4) == 0) }
        }
        if self.isSound { self.rest(isLong: true) }
        if self.isSound { self.end() }
    }

    var isSound: Bool { self.world.violations.isEmpty }

    var outcome: SimulationOutcome {
        SimulationOutcome(
            seed: self.seed, violations: self.world.violations, story: self.world.trace.lines,
            datagrams: self.world.network.sentCount, notificationsWithState: self.server.notificationsWithState,
            comparisons: self.comparisons, crashes: self.server.generation - 1, fingerprint: self.world.fingerprint,
            lifetime: self.world.now - self.world.start)
    }

    /// Time passes between two events: mostly little, sometimes much.
    private func wait() {
        let bounds: [UInt64] = [50, 500, 3000, 10_000, 60_000, 200_000]
        let bound = bounds[Int(self.chance.next(below: UInt64(bounds.count)))]
        self.pass(.milliseconds(Int64(self.chance.next(below: bound)) + 1))
    }

    /// Lets time pass; a server that is down comes back when its time has come.
    func pass(_ duration: Duration) {
        let end = self.world.now + duration
        if !self.server.isUp, self.restartAt == nil {
            self.restartAt = self.world.now + .milliseconds(Int64(self.chance.next(below: 40_000)) + 50)
        }
        if let restartAt = self.restartAt, restartAt <= end {
            self.world.run(until: restartAt)
            self.restart()
        }
        self.world.run(until: end)
    }

    func restart() {
        // What was sent to the old process does not reach the new one: a datagram from before the crash that comes
        // after it would count as a new request, against which the protocol has no remedy.
        self.world.network.lose { $0.destination == Self.serverEndpoint }
        self.restartAt = nil
        self.epoch += 1
        self.world.tell("-- server starts")
        self.server.start(at: self.world.now)
        self.world.collect(self.server)
    }

    // MARK: People

    func nextAddress() -> Endpoint {
        self.lastAddress += 1
        return Endpoint(IPAddress(ipv4: self.lastAddress), 5060)
    }

    func nextSubscription() -> SubscriptionID {
        self.lastSubscription += 1
        return SubscriptionID(self.lastSubscription)
    }

    func makeTerminal(
        _ name: String, _ identity: String, at endpoint: Endpoint? = nil,
        adjust: (inout UserAgent.Configuration) -> Void = { _ in }
    ) -> Terminal {
        let endpoint = endpoint ?? self.nextAddress()
        let user = identity.dropFirst(4).prefix { $0 != "@" }
        let terminal = Terminal(
            name: name, identity: identity, endpoint: endpoint, server: Self.serverEndpoint,
            password: self.temper.usesDigest ? "pw-\(user)" : nil, seed: self.chance.next(), adjust: adjust)
        terminal.epoch = { [unowned self] in self.epoch }
        self.identityOf[endpoint] = identity
        self.world.add(terminal)
        return terminal
    }

    func give(_ order: UserAgent.Order, to terminal: Terminal) {
        terminal.order(order, at: self.world.now)
        self.world.collect(terminal)
    }

    func revive(device index: Int) {
        let slot = self.devices[index]
        let isPartial = self.chance.next(below: 3) == 0
        let expires = UInt32(self.chance.next(below: 500)) + 20
        let terminal = self.makeTerminal(slot.tuple, slot.presentity) {
            $0.publicationExpires = expires
            $0.partialPublication = isPartial
        }
        self.devices[index].terminal = terminal
        self.devices[index].wanted = nil
    }

    func revive(watcher index: Int) {
        let slot = self.watchers[index]
        // Often the newcomer has the address of the one who went, and hears from a dialog that it never had.
        let isSameAddress = self.chance.next(below: 2) == 0
        let expires = UInt32(self.chance.next(below: 500)) + 60
        let terminal = self.makeTerminal(
            "w\(index)", slot.identity, at: isSameAddress ? slot.terminal?.endpoint : nil
        ) { $0.registrationExpires = expires }
        self.watchers[index].terminal = terminal
        self.watchers[index].wants = [:]
        if self.temper.hasRegistrar { self.give(.register, to: terminal) }
    }

    func vanish(_ terminal: Terminal) {
        self.world.tell("-- \(terminal.name) vanishes")
        terminal.vanish()
        // What it sent last must not overtake what its successor says.
        self.world.network.lose { $0.source == terminal.endpoint }
        self.world.remove(at: terminal.endpoint)
    }

    // MARK: What strangers see

    private static let subscribe = Array("SUBSCRIBE ".utf8)
    private static let callID = Array("\r\nCall-ID: ".utf8)

    private func departed(_ datagram: Datagram) {
        if datagram.bytes.starts(with: Self.subscribe), let identity = self.identityOf[datagram.source],
            let call = Forgery.value(of: Self.callID, in: datagram.bytes)
        {
            self.identityOfCall[call] = identity
        }
        guard self.isHostile, datagram.source != Self.stranger, self.chance.next(below: 8) == 0 else { return }
        guard let forged = Forgery.make(of: datagram.bytes, chance: &self.chance) else { return }
        let target = datagram.destination == Self.serverEndpoint ? datagram.destination : Self.serverEndpoint
        self.world.network.send(
            Datagram(source: Self.stranger, destination: target, bytes: forged), at: self.world.now)
    }

    func stopHostility() { self.isHostile = false }
}
