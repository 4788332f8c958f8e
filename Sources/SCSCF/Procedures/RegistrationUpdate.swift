import Ground
import SIPTransactions
import SIPWire

/// What a REGISTER asks to be changed, worked out against the bindings as they are: RFC 3261 §10.3, steps 6 and 7, with
/// RFC 5626 §6. All of it is done or nothing.
struct RegistrationUpdate: Sendable {
    /// Why a REGISTER is refused.
    struct Refusal: Error {
        var status: Int
        var reason: String?
        var observation: SCSCF.Observation?
        /// Whether Min-Expires goes with the answer.
        var isTooBrief = false

        init(_ status: Int, _ reason: String? = nil, _ observation: SCSCF.Observation? = nil) {
            self.status = status
            self.reason = reason
            self.observation = observation
        }
    }

    let request: SIPMessage
    let origin: Origin
    let user: [UInt8]
    let configuration: SCSCF.Configuration
    let instant: Instant
    let cseq: UInt32
    /// The bindings as they will be.
    private(set) var bindings: [Binding]
    /// Bindings that are new or changed.
    private(set) var changed: [Binding] = []
    private(set) var removed: [UInt64] = []
    /// Whether the contacts are outbound flows, so that the answer says `Require: outbound` (RFC 5626 §6).
    private(set) var usesOutbound = false
    private(set) var didAdd = false

    init(
        _ request: SIPMessage, origin: Origin, user: [UInt8], bindings: [Binding], configuration: SCSCF.Configuration,
        at now: Instant
    ) throws(Refusal) {
        self.request = request
        self.origin = origin
        self.user = user
        self.bindings = bindings
        self.configuration = configuration
        self.instant = now
        guard let cseq = try? request.cseq() else { throw Refusal(400, "Bad CSeq") }
        self.cseq = cseq.number
    }

    /// Works the changes out.
    ///
    /// - Parameter newNumber: gives numbers for new bindings.
    mutating func work(newNumber: () -> UInt64) throws(Refusal) {
        let contacts: ContactList
        let expires: UInt32?
        do {
            contacts = try self.request.contacts()
            expires = try self.request.expires()
        } catch {
            throw Refusal(error.status, error.reason)
        }
        guard self.request.callID.count <= self.configuration.limits.callIDBytes else {
            throw Refusal(400, "Call-ID Too Long")
        }
        switch contacts {
        case .wildcard: try self.removeAll(expires: expires)
        case .addresses(let addresses):
            guard addresses.count <= self.configuration.limits.contactsPerRequest else {
                throw Refusal(403, "Too Many Contacts", .tooManyContacts)
            }
            try self.update(addresses, expires: expires, newNumber: newNumber)
        }
    }

    /// `Contact: *`: RFC 3261 §10.3, step 6.
    private mutating func removeAll(expires: UInt32?) throws(Refusal) {
        guard expires == 0 else { throw Refusal(400, "Wildcard Contact Without Expires 0") }
        for binding in self.bindings { try self.checkOrder(binding) }
        self.removed = self.bindings.map(\.record.id)
        self.bindings = []
    }

    private mutating func update(
        _ addresses: [NameAddress], expires: UInt32?, newNumber: () -> UInt64
    ) throws(Refusal) {
        let path = try self.readPath()
        let outbound = try Outbound(self.request, addresses: addresses, expires: expires)
        for address in addresses {
            let seconds = try self.granted(address, expires: expires)
            let registration = outbound.registration(of: address)
            if registration.regID > 0 { self.usesOutbound = true }
            let index = self.bindings.firstIndex { self.matches($0, address, registration) }
            if let index { try self.checkOrder(self.bindings[index]) }
            if seconds == 0 {
                guard let index else { continue }
                let id = self.bindings.remove(at: index).record.id
                self.changed.removeAll { $0.record.id == id }
                self.removed.append(id)
                continue
            }
            let before = index.map { self.bindings[$0] }
            let binding = try self.binding(
                address, registration, replacing: before, path: path, seconds: seconds, newNumber: newNumber)
            if let index {
                self.bindings[index] = binding
            } else {
                self.bindings.append(binding)
                self.didAdd = true
            }
            if let before, before.record.id != binding.record.id { self.removed.append(before.record.id) }
            self.changed.removeAll { $0.record.id == binding.record.id || $0.record.id == before?.record.id }
            self.changed.append(binding)
        }
        guard self.bindings.count <= self.configuration.limits.contactsPerUser else {
            throw Refusal(403, "Too Many Contacts", .tooManyContacts)
        }
    }

    /// RFC 3261 §10.3, step 7: with the same Call-ID, only a higher CSeq is later than what we know.
    private func checkOrder(_ binding: Binding) throws(Refusal) {
        guard binding.record.callID[...] == self.request.callID, self.cseq <= binding.record.cseq else { return }
        throw Refusal(500, "CSeq Out Of Order")
    }

    /// How long a contact is registered for, in seconds (RFC 3261 §10.3, step 7); 0 removes it.
    private func granted(_ address: NameAddress, expires: UInt32?) throws(Refusal) -> UInt32 {
        var seconds = expires ?? self.configuration.defaultExpires
        if let value = address.parameters.value(of: "expires") {
            // RFC 3261 §20.10: what cannot be read means an hour.
            seconds = Self.deltaSeconds(value) ?? 3600
        }
        if seconds == 0 { return 0 }
        // A client that asks for an hour or more is never told that it is too brief.
        if seconds < self.configuration.minimumExpires, seconds < 3600 {
            var refusal = Refusal(423)
            refusal.isTooBrief = true
            throw refusal
        }
        return min(seconds, self.configuration.maximumExpires)
    }

    /// Digits as seconds; more than 32 bits hold is as much as they hold (RFC 3261 §25.1 delta-seconds).
    static func deltaSeconds(_ value: Octets) -> UInt32? {
        guard !value.isEmpty else { return nil }
        var seconds: UInt64 = 0
        for byte in value {
            guard ASCII.isDigit(byte) else { return nil }
            seconds = min(seconds * 10 + UInt64(byte - 0x30), UInt64(UInt32.max))
        }
        return UInt32(seconds)
    }

    /// Whether a contact is the same as one that is registered: by instance and reg-id for outbound flows (RFC 5626 §6), by the
    /// comparison of URIs for the others (RFC 3261 §10.3, step 7).
    private func matches(_ binding: Binding, _ address: NameAddress, _ registration: Outbound.Registration) -> Bool {
        if registration.regID > 0 {
            return binding.record.regID == registration.regID
                && SCSCF.isSame(binding.record.instance, registration.instance)
        }
        return binding.record.regID == 0 && binding.uri.isEquivalent(to: address.uri)
    }

    private func readPath() throws(Refusal) -> [[UInt8]] {
        let path = self.request.list(.path).map { Array($0) }
        guard path.reduce(0, { $0 + $1.count }) <= self.configuration.limits.pathBytes else {
            throw Refusal(400, "Path Too Long")
        }
        for value in path {
            guard let address = try? NameAddress.parse(value[...]), address.uri.isSIP else {
                throw Refusal(400, "Bad Path")
            }
        }
        return path
    }

    private func binding(
        _ address: NameAddress, _ registration: Outbound.Registration, replacing before: Binding?, path: [[UInt8]],
        seconds: UInt32, newNumber: () -> UInt64
    ) throws(Refusal) -> Binding {
        guard address.octets.count <= self.configuration.limits.contactBytes else {
            throw Refusal(400, "Contact Too Long")
        }
        // RFC 5627 §5.1: a contact that is the user itself, or one of its GRUUs, would lead back here for ever.
        if address.uri.canonicalIdentity == self.user { throw Refusal(403, "Contact Is The Address Of Record") }
        var number = before?.record.id
        // RFC 5627 §5.1: a new Call-ID ends the temporary GRUUs that were given out before.
        if let old = before, registration.instance != nil, old.record.callID[...] != self.request.callID {
            number = nil
        }
        let flow = path.isEmpty ? Outbound.flow(to: address, registration, self.request, self.origin) : nil
        let record = BindingRecord(
            id: number ?? newNumber(), addressOfRecord: self.user, contact: Array(address.uriOctets),
            parameters: Self.keptParameters(of: address), instance: registration.instance, regID: registration.regID,
            callID: Array(self.request.callID), cseq: self.cseq, q: Self.preference(of: address), path: path,
            expires: self.instant + .seconds(Int64(seconds)), flow: flow.map { FlowEncoding.encode($0) } ?? [],
            userAgent: Array((self.request.first(.userAgent) ?? []).prefix(self.configuration.limits.userAgentBytes)),
            createdAt: before?.record.createdAt ?? self.instant, refreshedAt: self.instant)
        guard let binding = Binding(record) else { throw Refusal(400, "Bad Contact") }
        return binding
    }

    /// Everything but what the registrar itself writes (RFC 3261 §10.3, step 8; RFC 5627 §5.1).
    private static func keptParameters(of address: NameAddress) -> [UInt8] {
        var kept: [UInt8] = []
        for parameter in address.parameters {
            let name = parameter.name
            if name.equalsIgnoringCase("expires") || name.equalsIgnoringCase("q")
                || name.equalsIgnoringCase("pub-gruu") || name.equalsIgnoringCase("temp-gruu")
            {
                continue
            }
            kept.append(UInt8(ascii: ";"))
            kept += name
            guard let value = parameter.value else { continue }
            kept.append(UInt8(ascii: "="))
            kept += value
        }
        return kept
    }

    /// The q parameter in thousandths (RFC 3261 §20.10); 1 where there is none, or none that can be read.
    static func preference(of address: NameAddress) -> UInt16 {
        guard let value = address.parameters.value(of: "q"), let first = value.first else { return 1000 }
        if first == UInt8(ascii: "1") { return 1000 }
        guard first == UInt8(ascii: "0") else { return 1000 }
        let digits = value.dropFirst()
        guard let point = digits.first else { return 0 }
        guard point == UInt8(ascii: "."), digits.count <= 4 else { return 1000 }
        var thousandths: UInt16 = 0
        var weight: UInt16 = 100
        for digit in digits.dropFirst() {
            guard ASCII.isDigit(digit) else { return 1000 }
            thousandths += UInt16(digit - 0x30) * weight
            weight /= 10
        }
        return thousandths
    }
}
