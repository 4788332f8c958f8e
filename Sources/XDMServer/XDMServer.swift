internal import EventNotification
package import Ground
internal import DigestAuth
internal import XCAPEngine

/// The XML document management server (RFC 4825 §4, TS 24.141 §6, OMA XDM): keeper of the documents by which users say
/// who may see what of them and which lists they have, and notifier of their changes (RFC 5875).
///
/// The way of a request on Ut: target -> identity -> authorization -> engine -> quota -> store -> answer. All documents
/// are in memory; the storage gets every change before it is answered. One thread serves a user's documents, so that
/// requests for one document come one after the other.
package struct XDMServer: NetworkFunction {
    package let configuration: Configuration
    /// What was done so far; gauges are brought up to date when this is read.
    package var counters: XDMCounters {
        var counters = self.counted
        counters.documents = self.documents.count
        counters.documentBytes = self.documents.bytes
        counters.owners = self.documents.ownerCount
        counters.services = self.services.count
        counters.subscriptions = self.differences.notifier.count
        counters.notifications = self.differences.notifier.counters
        return counters
    }

    /// The application usages that are served.
    let registry: ApplicationUsageRegistry
    let engine: XCAPEngine
    /// Reads the documents that this server writes itself, which may be larger than those of users.
    let generator: XCAPEngine
    /// The aliases of each user, by the owner of the home directory.
    let otherNames: [[UInt8]: [[UInt8]]]
    var entropy: Entropy
    var entityTags = EntityTag.Source()
    var tickets = TicketCounter()
    var users: Configuration.Users
    var authenticator: DigestAuthenticator?
    /// Requests on Ut whose sender's credentials are being fetched, by the ticket of the question.
    var awaiting: [Ticket: AwaitedRequest] = [:]
    var documents = DocumentTable()
    var services: ServiceIndex
    /// Who is told of changes.
    var differences: DifferenceTable
    var counted = XDMCounters()
    var isDraining = false

    package init(configuration: Configuration, entropy: Entropy) {
        self.configuration = configuration
        var registry = configuration.registry
        if configuration.acceptsForeignEntity, registry[auid: ApplicationUsage.hardState.auid] != nil {
            registry.register(.hardStateOfAnybody)
        }
        self.registry = registry
        // The engine has room for what the quota allows, and for what an older configuration allowed.
        var limits = configuration.engineLimits
        limits.documentBytes = max(limits.documentBytes, configuration.limits.documentBytes)
        limits.xml.bytes = max(limits.xml.bytes, limits.documentBytes)
        self.engine = XCAPEngine(registry: registry, limits: limits)
        var names: [[UInt8]: [[UInt8]]] = [:]
        for (name, owner) in configuration.aliases where name != owner { names[owner, default: []].append(name) }
        self.otherNames = names.mapValues { $0.sorted { $0.lexicographicallyPrecedes($1) } }
        var wide = limits
        wide.documentBytes = configuration.limits.serviceIndexBytes
        wide.xml.bytes = wide.documentBytes
        wide.xml.nodes = max(wide.xml.nodes, wide.documentBytes / 8)
        self.generator = XCAPEngine(registry: registry, limits: wide)
        self.services = ServiceIndex(limits: limits.xml)
        self.entropy = entropy
        self.differences = DifferenceTable(configuration: configuration, entropy: entropy)
        self.users = configuration.users
        if case .digest(let settings) = configuration.authentication {
            self.authenticator = DigestAuthenticator(settings)
        }
    }

    package var nextDeadline: Instant? { self.differences.notifier.nextDeadline }

    package mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect]) {
        switch input {
        case .utRequestReceived(let ticket, let request): self.received(ticket, request, at: now, into: &effects)
        case .loaded(let ticket, let answer): self.credentialsLoaded(ticket, answer, at: now, into: &effects)
        case .usersChanged(let users): self.usersChanged(users, at: now, into: &effects)
        case .restored(let stored): self.restore(stored, at: now, into: &effects)
        case .requestReceived(let transaction, let message, let origin):
            self.subscriptionRequestReceived(transaction, message, origin, at: now, into: &effects)
        case .responseReceived(let transaction, let message):
            self.notificationAnswered(transaction, message, at: now, into: &effects)
        case .requestFailed(let transaction, let failure):
            self.notificationFailed(transaction, failure, at: now, into: &effects)
        case .drained: self.drain(at: now, into: &effects)
        }
    }

    package mutating func deadlineReached(at now: Instant, into effects: inout [Effect]) {
        self.subscriptionsDue(at: now, into: &effects)
    }

    /// Counts and tells what operators want to know.
    mutating func observe(_ observation: Observation, into effects: inout [Effect]) {
        self.counted.observations[observation, default: 0] += 1
        effects.append(.observed(observation))
    }
}
