import Ground
import SIPTransactions
import SIPWire

/// A contact of a user as the box works with it: the record, and what is read out of it once.
struct Binding: Sendable {
    var record: BindingRecord
    /// The contact URI, parsed.
    var uri: SIPURI
    /// The flow that the contact is reached over.
    var flow: Flow?

    /// Nil if the URI in the record cannot be read.
    init?(_ record: BindingRecord) {
        guard let uri = try? SIPURI.parse(record.contact[...]) else { return nil }
        self.record = record
        self.uri = uri
        self.flow = record.flow.isEmpty ? nil : FlowEncoding.decode(record.flow[...])
    }

    /// Whether the contact can be reached only over its flow: an outbound flow (RFC 5626 §5.3), or a WebSocket client,
    /// which nobody can connect to (RFC 7118 §5). A binding with a Path is reached along that.
    var needsFlow: Bool {
        guard let flow = self.flow else { return false }
        return self.record.regID > 0 || flow.transport == .ws || flow.transport == .wss
    }
}

/// The location service (RFC 3261 §10): which contacts each user has.
struct LocationTable: Sendable {
    private var bindings: [UInt64: Binding] = [:]
    private var users: [[UInt8]: [UInt64]] = [:]
    private var flows: [Flow: [UInt64]] = [:]
    private var deadlines = DeadlineQueue<UInt64>()

    /// The number of bindings.
    var count: Int { self.bindings.count }
    var isEmpty: Bool { self.bindings.isEmpty && self.users.isEmpty && self.flows.isEmpty && self.deadlines.isEmpty }
    /// When the next binding expires.
    var nextDeadline: Instant? { self.deadlines.next }

    subscript(_ id: UInt64) -> Binding? { self.bindings[id] }

    /// The bindings of a user that have not expired, in the order of their first registration.
    func bindings(of user: [UInt8], at now: Instant) -> [Binding] {
        guard let ids = self.users[user] else { return [] }
        return ids.compactMap { self.bindings[$0] }.filter { $0.record.expires > now }
    }

    /// The bindings that are reached over a flow.
    func bindings(over flow: Flow) -> [Binding] { (self.flows[flow] ?? []).compactMap { self.bindings[$0] } }

    /// Adds a binding, or replaces the one with the same number.
    mutating func put(_ binding: Binding) {
        let id = binding.record.id
        if let before = self.bindings[id] {
            self.detach(before)
        }
        if self.users[binding.record.addressOfRecord]?.contains(id) != true {
            self.users[binding.record.addressOfRecord, default: []].append(id)
        }
        self.bindings[id] = binding
        if let flow = binding.flow { self.flows[flow, default: []].append(id) }
        self.deadlines.set(id, at: binding.record.expires)
    }

    /// Takes a binding away.
    mutating func remove(_ id: UInt64) {
        guard let binding = self.bindings.removeValue(forKey: id) else { return }
        self.detach(binding)
        self.deadlines.remove(id)
        let user = binding.record.addressOfRecord
        self.users[user]?.removeAll { $0 == id }
        if self.users[user]?.isEmpty == true { self.users[user] = nil }
    }

    /// Takes away a binding that has expired, and gives it.
    mutating func removeExpired(at now: Instant) -> Binding? {
        guard let id = self.deadlines.popDue(at: now) else { return nil }
        let binding = self.bindings[id]
        self.remove(id)
        return binding
    }

    private mutating func detach(_ binding: Binding) {
        guard let flow = binding.flow else { return }
        self.flows[flow]?.removeAll { $0 == binding.record.id }
        if self.flows[flow]?.isEmpty == true { self.flows[flow] = nil }
    }
}
