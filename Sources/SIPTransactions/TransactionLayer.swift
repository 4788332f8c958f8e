package import Ground
internal import SIPWire

/// The transaction layer of one shard (RFC 3261 §17, §18; RFC 6026, 4320, 3581, 3263): absorbs what the network loses,
/// doubles and reorders, finds the way of every message, and hands each request and response up once.
///
/// It neither reads nor writes a socket: messages come in by ``handle(_:at:into:)`` and orders go out. One owner: it
/// is a value by form, but its tables are references, so a copy is not a second layer.
package struct TransactionLayer: NetworkFunction {
    package let configuration: Configuration
    var entropy: Entropy
    let keyedHash: KeyedHash
    let vias: ViaWriter
    var servers = ServerTable()
    var clients = ClientTable()
    var timers: Timers
    /// Memory of requests that were answered, for the next ones.
    var spares = SpareMemory()
    /// Where a user's transaction runs on under another branch than its own number, because a hop failed.
    var branches: [ClientTransactionID: UInt64] = [:]
    /// Requests whose target the name system has not found yet.
    var resolutions: [Ticket: PendingResolution] = [:]
    /// Users whose request waits in ``resolutions``.
    var resolving: [ClientTransactionID: Ticket] = [:]
    var tickets = TicketCounter()
    /// Hops that asked to be left alone, and until when (RFC 3261 §21.5.4).
    var heldHops: [Hop: Instant] = [:]

    package init(configuration: Configuration, entropy: Entropy) {
        var entropy = entropy
        self.configuration = configuration
        self.keyedHash = KeyedHash(entropy: &entropy)
        self.entropy = entropy
        self.vias = ViaWriter(configuration)
        self.timers = Timers(configuration)
    }

    /// A name for a request that is going to be sent.
    package mutating func newClientTransaction() -> ClientTransactionID {
        ClientTransactionID(raw: self.entropy.next())
    }

    /// Server transactions that the layer holds, answered ones included.
    package var serverTransactionCount: Int { self.servers.count }
    /// Client transactions that the layer holds, finished ones included.
    package var clientTransactionCount: Int { self.clients.count }
    /// Requests that wait for the name system.
    package var resolutionCount: Int { self.resolutions.count }
    /// Timers that are set; some of them may no longer be wanted.
    package var timerCount: Int { self.timers.count }

    package var nextDeadline: Instant? { self.timers.next }

    package mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect]) {
        switch input {
        case .messageReceived(let message, let origin):
            if message.isRequest {
                self.requestArrived(message, origin, at: now, into: &effects)
            } else {
                self.responseArrived(message, origin, at: now, into: &effects)
            }
        case .unparsableReceived(let fault, let origin, let remains):
            guard let remains else { return effects.append(.dropped(.unparsable)) }
            self.refuseMalformed(remains, fault, origin, into: &effects)
        case .transmissionFailed(let path):
            self.transmissionFailed(path, at: now, into: &effects)
        case .hopsResolved(let ticket, let answer):
            self.hopsResolved(ticket, answer, at: now, into: &effects)
        case .respond(let id, let bytes):
            self.respond(id, bytes, at: now, into: &effects)
        case .send(let id, let request):
            self.send(id, request, at: now, into: &effects)
        case .cancel(let id):
            self.cancel(id, at: now, into: &effects)
        case .acknowledge(let request):
            self.sendWithoutTransaction(request, at: now, into: &effects)
        case .forward(let bytes, let path):
            effects.append(Self.order(bytes, path))
        }
    }

    /// The order to send bytes a way.
    static func order(_ bytes: [UInt8], _ path: Path) -> Effect {
        switch path {
        case .flow(let flow): .transmit(bytes, flow)
        case .hop(let hop): .open(bytes, hop)
        }
    }
}
