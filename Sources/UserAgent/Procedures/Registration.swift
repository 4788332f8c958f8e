import Ground
import SIPTransactions
import SIPWire

/// The registration of this terminal (RFC 3261 §10.2, TS 24.229 §5.1.1).
struct Registration: Sendable {
    /// Where the registration stands.
    private enum Phase {
        /// Not registered, and not wanted.
        case idle
        /// The first REGISTER is out, or waits to be tried again.
        case registering
        /// The registrar knows this terminal; it is refreshed.
        case registered
        /// The end is ordered, but a REGISTER is still out: the next one has to wait for its answer (RFC 3261 §10.2).
        case leaving
        /// The REGISTER that removes the binding is out.
        case removing
    }

    private var phase = Phase.idle
    private var conversation: Conversation
    private let callID: [UInt8]
    private let tag: [UInt8]
    private var expires: UInt32
    private var corrections = 0
    private var failures = 0
    /// Whether the first hop supports outbound; a 439 says that it does not (RFC 5626 §11.6).
    private var usesOutbound: Bool

    init(desk: inout Desk) {
        self.conversation = Conversation(owner: .registration, desk: &desk)
        self.callID = desk.entropy.token()
        self.tag = desk.entropy.token()
        self.expires = desk.configuration.registrationExpires
        self.usesOutbound = desk.configuration.instance != nil && desk.configuration.usesOutbound
    }

    var isIdle: Bool { if case .idle = self.phase { true } else { false } }

    mutating func register(at now: Instant, desk: inout Desk) {
        switch self.phase {
        case .idle: self.phase = .registering
        case .registering, .registered: break
        case .leaving, .removing: return
        }
        // RFC 3261 §10.2: no new REGISTER before the last is answered; the one that is out says the same.
        guard !self.conversation.isBusy else { return }
        self.corrections = 0
        self.send(expires: self.expires, at: now, desk: &desk)
    }

    mutating func deregister(at now: Instant, desk: inout Desk) {
        desk.stopTimers(.registration)
        switch self.phase {
        case .idle: desk.report(.deregistered)
        case .registering where !self.conversation.isBusy: self.finish(desk: &desk)
        case .registering, .registered:
            if self.conversation.isBusy { self.phase = .leaving } else { self.remove(at: now, desk: &desk) }
        case .leaving, .removing: break
        }
    }

    private mutating func remove(at now: Instant, desk: inout Desk) {
        self.phase = .removing
        self.corrections = 0
        self.send(expires: 0, at: now, desk: &desk)
    }

    private mutating func finish(desk: inout Desk) {
        self.phase = .idle
        desk.serviceRoutes = []
        desk.publicGRUU = nil
        desk.report(.deregistered)
    }

    private mutating func send(expires: UInt32, at now: Instant, desk: inout Desk) {
        let identity = Octets(Array(desk.configuration.identity.utf8))
        guard let uri = try? SIPURI.parse(identity) else { return }
        // RFC 3261 §10.2: the Request-URI names the domain, without a user part.
        var domain: [UInt8] = Array((uri.scheme == .sips ? "sips:" : "sip:").utf8)
        domain.append(contentsOf: uri.host)
        let address = Array("<".utf8) + identity + Array(">".utf8)
        var draft = Draft(
            method: .register, uri: domain, from: address + Array(";tag=".utf8) + self.tag, to: address,
            callID: self.callID)
        if let server = desk.configuration.server, let route = try? SIPURI.parse(Octets(Array(server.utf8))),
            route.isLooseRouter
        {
            draft.routes = [Array("<\(server)>".utf8)]
        }
        var contact = Array("<\(desk.configuration.contact)>".utf8)
        if let instance = desk.configuration.instance {
            contact.append(text: ";+sip.instance=\"<\(instance)>\"")
            if self.usesOutbound { contact.append(literal: ";reg-id=1") }
        }
        contact.append(text: ";expires=\(expires)")
        draft.add("Contact", contact)
        draft.add("Expires", number: expires)
        draft.add("Supported", text: self.usesOutbound ? "path, gruu, outbound" : "path, gruu")
        draft.add("Allow", text: IncomingRequests.allow)
        self.conversation.begin(draft, desk: &desk)
    }

    mutating func timerFired(_ purpose: TimerKey.Purpose, at now: Instant, desk: inout Desk) {
        switch self.phase {
        case .registering, .registered:
            guard !self.conversation.isBusy else { return }
            self.corrections = 0
            self.send(expires: self.expires, at: now, desk: &desk)
        case .idle, .leaving, .removing: break
        }
    }

    mutating func responseReceived(_ message: SIPMessage, at now: Instant, desk: inout Desk) {
        switch self.conversation.responseReceived(message, desk: &desk) {
        case .sentAgain: break
        case .problem(let problem): self.failed(problem, retryAfter: nil, mayRetry: false, at: now, desk: &desk)
        case .final: self.judge(message, at: now, desk: &desk)
        }
    }

    mutating func requestFailed(_ failure: RequestFailure, at now: Instant, desk: inout Desk) {
        self.conversation.requestFailed(desk: &desk)
        self.failed(UserAgent.Problem(failure), retryAfter: nil, mayRetry: true, at: now, desk: &desk)
    }

    private mutating func judge(_ message: SIPMessage, at now: Instant, desk: inout Desk) {
        if case .removing = self.phase {
            // Whatever the registrar says: this terminal no longer answers for the address.
            self.finish(desk: &desk)
            return
        }
        if case .leaving = self.phase {
            // The binding may stand now, whatever the answer; it is taken back.
            self.remove(at: now, desk: &desk)
            return
        }
        switch message.status {
        case 200..<300: self.accepted(message, at: now, desk: &desk)
        case 423:
            // RFC 3261 §10.2.8: ask again for at least as long as the registrar wants.
            guard let minimum = message.seconds(.minExpires), minimum > self.expires,
                minimum <= Limits.maximumMinExpires, self.corrections < Limits.maximumCorrections
            else {
                self.failed(message.refusal, retryAfter: nil, mayRetry: false, at: now, desk: &desk)
                return
            }
            self.corrections += 1
            self.expires = minimum
            self.send(expires: minimum, at: now, desk: &desk)
        case 439 where self.usesOutbound && self.corrections < Limits.maximumCorrections:
            self.corrections += 1
            self.usesOutbound = false
            self.send(expires: self.expires, at: now, desk: &desk)
        default:
            let mayRetry = message.retryAfter != nil || Subscriber.isTemporary(message.status)
            self.failed(message.refusal, retryAfter: message.retryAfter, mayRetry: mayRetry, at: now, desk: &desk)
        }
    }

    private mutating func accepted(_ message: SIPMessage, at now: Instant, desk: inout Desk) {
        let own = self.ownContact(in: message, desk: desk)
        let granted =
            own?.parameters.value(of: "expires").flatMap { SIPMessage.seconds($0) } ?? message.seconds(.expires)
            ?? self.expires
        self.phase = .registered
        self.failures = 0
        desk.publicGRUU = own?.parameters.unquotedValue(of: "pub-gruu").flatMap { value in
            (try? SIPURI.parse(Octets(value))) == nil ? nil : value
        }
        desk.serviceRoutes = message.list(.serviceRoute).prefix(Limits.maximumRoutes).map { Array($0) }
        desk.setTimer(.registration, .refresh, at: now + Desk.refreshDelay(granted: granted))
        desk.report(
            .registered(
                expires: granted, publicGRUU: desk.publicGRUU.map { String(decoding: $0, as: UTF8.self) }))
    }

    /// The binding of this terminal among all that the registrar lists (RFC 3261 §10.2.4): the one with its instance,
    /// else the one with its URI.
    private func ownContact(in message: SIPMessage, desk: Desk) -> NameAddress? {
        guard let contacts = try? message.contacts() else { return nil }
        if let instance = desk.configuration.instance {
            let quoted = Array("<\(instance)>".utf8)
            let own = contacts.addresses.first { $0.parameters.unquotedValue(of: "+sip.instance") == quoted }
            if let own { return own }
        }
        guard let mine = try? SIPURI.parse(Octets(Array(desk.configuration.contact.utf8))) else { return nil }
        return contacts.addresses.first { $0.uri.isEquivalent(to: mine) }
    }

    private mutating func failed(
        _ problem: UserAgent.Problem, retryAfter: UInt32?, mayRetry: Bool, at now: Instant, desk: inout Desk
    ) {
        if case .leaving = self.phase {
            self.remove(at: now, desk: &desk)
            return
        }
        if case .removing = self.phase {
            self.finish(desk: &desk)
            return
        }
        self.failures += 1
        guard mayRetry, desk.triesAgain else {
            self.phase = .idle
            desk.stopTimers(.registration)
            desk.report(.registrationFailed(problem, retryAt: nil))
            return
        }
        let pause = retryAfter.map { Duration.seconds(Int64($0)) } ?? desk.pause(failures: self.failures)
        desk.setTimer(.registration, .retry, at: now + pause)
        desk.report(.registrationFailed(problem, retryAt: now + pause))
    }
}

extension UserAgent.Problem {
    /// What a failed transaction means to the user.
    init(_ failure: RequestFailure) {
        switch failure {
        case .timeout: self = .unanswered
        case .transport, .overloaded: self = .unreachable
        case .unresolvable: self = .unresolvable
        }
    }
}
