internal import DigestAuth
internal import EventNotification
internal import Ground
internal import SIPTransactions
internal import SIPWire

/// Who sent a SUBSCRIBE (design law 8, RFC 3325, RFC 3261 §22): what the trust domain asserts, a certificate, a digest.
extension XDMServer {
    /// How far the proof of a subscriber has come.
    enum SubscriberProof: Sendable {
        case proven(NotifierIdentity)
        case awaited(Ticket, DigestResponse)
    }

    /// Proves who sent a request, from the strongest claim to the weakest.
    mutating func proof(
        of request: NotifierRequest, at now: Instant, into effects: inout [Effect]
    ) throws(RequestRefusal) -> SubscriberProof {
        let message = request.message
        if request.origin.isTrusted {
            let asserted = message.assertedUsers
            if !asserted.isEmpty { return .proven(NotifierIdentity(identities: asserted)) }
        }
        let certified = request.origin.certifiedUsers
        if !certified.isEmpty { return .proven(NotifierIdentity(identities: message.preferred(among: certified))) }
        if self.configuration.fromStandsInForIdentity {
            return .proven(message.claimedUser.map { NotifierIdentity(identities: [$0]) } ?? .anonymous)
        }
        if request.origin.isTrusted { return .proven(NotifierIdentity(identities: [], isUnasserted: true)) }
        guard let authenticator = self.differences.authenticator else { return .proven(.anonymous) }
        switch authenticator.assess(message.all(.authorization), at: now) {
        case .absent: throw self.subscriberChallenge(isStale: false, at: now)
        case .stale: throw self.subscriberChallenge(isStale: true, at: now)
        case .malformed(let reason): throw RequestRefusal(400, reason)
        case .needed(let question, let response):
            guard self.differences.awaiting.count < self.configuration.limits.challengesInFlight else {
                self.observe(.challengeLimit, into: &effects)
                throw RequestRefusal(503, remedy: .retryAfter(self.configuration.limits.retryAfterSeconds))
            }
            let ticket = self.tickets.next()
            effects.append(.load(ticket, question))
            return .awaited(ticket, response)
        }
    }

    /// The credentials of a subscriber are there.
    mutating func subscriberCredentialsLoaded(
        _ ticket: Ticket, _ answer: CredentialAnswer, at now: Instant, into effects: inout [Effect]
    ) {
        guard let awaited = self.differences.awaiting.removeValue(forKey: ticket) else {
            return self.observe(.unknownTicket, into: &effects)
        }
        var orders: [NotifierOrder] = []
        do throws(RequestRefusal) {
            let identity = try self.verified(awaited, answer, at: now)
            try self.subscribe(awaited.request, awaited.package, identity, at: now, into: &orders)
        } catch {
            self.differences.notifier.refuse(awaited.request, error, into: &orders)
        }
        self.perform(orders, at: now, into: &effects)
    }

    private mutating func verified(
        _ awaited: AwaitedSubscriber, _ answer: CredentialAnswer, at now: Instant
    ) throws(RequestRefusal) -> NotifierIdentity {
        let message = awaited.request.message
        let verdict =
            self.differences.authenticator?.verify(
                awaited.response, method: message.method.token[...], uri: message.requestURI, body: message.body,
                answer: answer, at: now) ?? .wrong
        switch verdict {
        case .accepted(let credentials):
            return NotifierIdentity(identities: message.preferred(among: credentials.identities))
        case .stale: throw self.subscriberChallenge(isStale: true, at: now)
        case .wrong: throw self.subscriberChallenge(isStale: false, at: now)
        case .malformed(let reason): throw RequestRefusal(400, reason)
        }
    }

    /// 401 with a challenge for each algorithm (RFC 6665 §4.2.1.3: a notifier never uses 407).
    private mutating func subscriberChallenge(isStale: Bool, at now: Instant) -> RequestRefusal {
        self.counted.challenges += 1
        let challenges =
            self.differences.authenticator?.challenge(isStale: isStale, at: now, entropy: &self.entropy) ?? []
        return RequestRefusal(401, remedy: .challenges(challenges))
    }
}
