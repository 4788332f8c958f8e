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
            let asserted = message.assertedIdentities().map { $0.uri.canonicalIdentity }
            // RFC 3325 §9.1: of two, one is a sip or sips URI and one a tel URI. The former is the main one.
            if !asserted.isEmpty {
                return .proven(NotifierIdentity(identities: asserted.sorted { $0.first == 0x73 && $1.first != 0x73 }))
            }
        }
        let certified = request.origin.certificateIdentities.compactMap { name -> [UInt8]? in
            guard name.contains("@"), let uri = SIPURI(name), uri.isSIP, uri.user != nil else { return nil }
            return uri.canonicalIdentity
        }
        if !certified.isEmpty {
            return .proven(NotifierIdentity(identities: Self.preferred(certified, by: message)))
        }
        if self.configuration.fromStandsInForIdentity {
            guard let uri = try? message.from().uri, !uri.host.equalsIgnoringCase("anonymous.invalid") else {
                return .proven(.anonymous)
            }
            return .proven(NotifierIdentity(identities: [uri.canonicalIdentity]))
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
            return NotifierIdentity(identities: Self.preferred(credentials.identities, by: message))
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

    /// Of several identities that the sender has proven, the one that From names goes first: there the sender chooses
    /// among its own.
    private static func preferred(_ identities: [[UInt8]], by message: SIPMessage) -> [[UInt8]] {
        guard identities.count > 1, let from = try? message.from().uri.canonicalIdentity,
            let index = identities.firstIndex(of: from), index > 0
        else { return identities }
        var ordered = identities
        ordered.swapAt(0, index)
        return ordered
    }
}
