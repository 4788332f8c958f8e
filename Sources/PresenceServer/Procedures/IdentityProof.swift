internal import DigestAuth
internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// Who sent a request (design law 8, RFC 3325, RFC 3261 §22, REQ-24141-20). To and From decide nothing.
struct ProvenIdentity: Sendable {
    /// The canonical identity that rules are matched with; empty for an anonymous sender.
    let main: [UInt8]
    /// Other canonical identities of the same sender.
    let others: [[UInt8]]
    /// Whether the request came from the trust domain without an identity, as requests inside a dialog do: then the
    /// dialog itself says who it is.
    var isUnasserted = false

    static let anonymous = ProvenIdentity([])

    /// - Parameter main: the only identity of the sender; empty for an anonymous one.
    init(_ main: [UInt8]) {
        self.main = main
        self.others = []
    }

    /// - Parameter identities: the one that rules are matched with first; none for an anonymous sender.
    init(identities: [[UInt8]], isUnasserted: Bool = false) {
        self.main = identities.first ?? []
        self.others = Array(identities.dropFirst())
        self.isUnasserted = isUnasserted
    }

    var isAnonymous: Bool { self.main.isEmpty }

    func includes(_ identity: [UInt8]) -> Bool {
        !self.isAnonymous && (self.main == identity || self.others.contains(identity))
    }

    func includes(_ identity: Octets) -> Bool {
        !self.isAnonymous && (self.main[...] == identity || self.others.contains { $0[...] == identity })
    }
}

/// A request whose sender's credentials are being fetched.
struct AwaitedProof: Sendable {
    let request: Request
    let subject: PresenceServer.Subject
    let package: Int
    let response: DigestResponse
}

extension PresenceServer {
    /// How far the proof has come.
    enum Proof: Sendable {
        case proven(ProvenIdentity)
        case awaited(Ticket, DigestResponse)
    }

    /// Proves who sent a request, from the strongest claim to the weakest.
    mutating func proof(
        of request: Request, at now: Instant, into effects: inout [Effect]
    ) throws(RequestRefusal) -> Proof {
        let message = request.message
        if request.origin.isTrusted {
            let asserted = message.assertedUsers
            if !asserted.isEmpty {
                return .proven(ProvenIdentity(identities: asserted.filter { !Self.isAnonymous($0) }))
            }
        }
        let certified = request.origin.certifiedUsers
        if !certified.isEmpty { return .proven(ProvenIdentity(identities: message.preferred(among: certified))) }
        if self.configuration.fromStandsInForIdentity {
            return .proven(message.claimedUser.map { ProvenIdentity($0) } ?? .anonymous)
        }
        if request.origin.isTrusted { return .proven(ProvenIdentity(identities: [], isUnasserted: true)) }
        guard let authenticator = self.authenticator else { return .proven(.anonymous) }
        switch authenticator.assess(message.all(.authorization), at: now) {
        case .absent: throw self.challenge(isStale: false, at: now)
        case .stale: throw self.challenge(isStale: true, at: now)
        case .malformed(let reason): throw RequestRefusal(400, reason)
        case .needed(let question, let response):
            guard self.awaiting.count < self.configuration.limits.challengesInFlight else {
                throw self.overLimit(.challengeLimit, into: &effects)
            }
            let ticket = self.tickets.next()
            effects.append(.load(ticket, question))
            return .awaited(ticket, response)
        }
    }

    /// The credentials that a request waited for are there.
    mutating func credentialsLoaded(
        _ ticket: Ticket, _ answer: CredentialAnswer, at now: Instant, into effects: inout [Effect]
    ) {
        guard let awaited = self.awaiting.removeValue(forKey: ticket) else {
            return self.observe(.unknownTicket, into: &effects)
        }
        do throws(RequestRefusal) {
            let identity = try self.verified(awaited, answer, at: now)
            try self.admitted(
                awaited.request, awaited.subject, awaited.package, identity, at: now, into: &effects)
        } catch {
            self.refuse(awaited.request, error, into: &effects)
        }
    }

    private mutating func verified(
        _ awaited: AwaitedProof, _ answer: CredentialAnswer, at now: Instant
    ) throws(RequestRefusal) -> ProvenIdentity {
        let message = awaited.request.message
        let verdict =
            self.authenticator?.verify(
                awaited.response, method: message.method.token[...], uri: message.requestURI, body: message.body,
                answer: answer, at: now) ?? .wrong
        switch verdict {
        case .accepted(let credentials):
            let named = credentials.identities.filter { !Self.isAnonymous($0) }
            return ProvenIdentity(identities: message.preferred(among: named))
        case .stale: throw self.challenge(isStale: true, at: now)
        case .wrong: throw self.challenge(isStale: false, at: now)
        case .malformed(let reason): throw RequestRefusal(400, reason)
        }
    }

    /// 401 with a challenge for each algorithm (RFC 3261 §22.2: a notifier never uses 407).
    private mutating func challenge(isStale: Bool, at now: Instant) -> RequestRefusal {
        self.counted.challenges += 1
        let challenges = self.authenticator?.challenge(isStale: isStale, at: now, entropy: &self.entropy) ?? []
        return RequestRefusal(401, remedy: .challenges(challenges))
    }

    /// RFC 3323 §4.1.1.3, RFC 5025 §3.1.1.1: the anonymous URI names nobody, whoever asserts it.
    private static func isAnonymous(_ identity: [UInt8]) -> Bool {
        identity.last == UInt8(ascii: "d") && PolicyIdentity.isAnonymous(identity)
    }
}
