internal import DigestAuth
internal import Ground
internal import XCAPEngine

/// Who sent a request on Ut (REQ-33141-15, REQ-33141-42, RFC 4825 §14): what a trusted peer asserts, else HTTP digest.
extension XDMServer {
    /// How far the proof has come.
    enum Proof: Sendable {
        case proven(Caller)
        case awaited(Ticket, DigestResponse)
    }

    mutating func identify(
        _ exchange: UtExchange, at now: Instant, into effects: inout [Effect]
    ) throws(UtRefusal) -> Proof {
        let request = exchange.request
        if let header = request.assertedIdentity {
            if request.isTrustedPeer {
                let asserted = UserIdentity.list(header[...], limits: self.configuration.limits)
                if !asserted.isEmpty { return .proven(Caller(identities: asserted)) }
            } else {
                // It counts for nothing, as if it had been stripped at the border of trust.
                self.observe(.foreignAssertion, into: &effects)
            }
        }
        guard let authenticator = self.authenticator, let authorization = request.authorization else {
            if self.configuration.xuiStandsInForIdentity {
                guard case .resource(_, let home?) = exchange.target else { return .proven(Caller(identities: [])) }
                return .proven(Caller(identities: [home]))
            }
            guard self.authenticator != nil else { throw UtRefusal(403) }
            throw self.challenge(isStale: false, at: now)
        }
        switch authenticator.assess([authorization[...]], at: now) {
        case .absent: throw self.challenge(isStale: false, at: now)
        case .stale: throw self.challenge(isStale: true, at: now)
        case .malformed: throw UtRefusal(400)
        case .needed(let question, let response):
            guard self.awaiting.count < self.configuration.limits.challengesInFlight else {
                self.observe(.challengeLimit, into: &effects)
                throw self.unavailable(seconds: self.configuration.limits.retryAfterSeconds)
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
            return self.subscriberCredentialsLoaded(ticket, answer, at: now, into: &effects)
        }
        do throws(UtRefusal) {
            let caller = try self.verified(awaited, answer, at: now, into: &effects)
            try self.identified(awaited.exchange, caller, at: now, into: &effects)
        } catch {
            self.answer(awaited.exchange.ticket, error.response, into: &effects)
        }
    }

    private mutating func verified(
        _ awaited: AwaitedRequest, _ answer: CredentialAnswer, at now: Instant, into effects: inout [Effect]
    ) throws(UtRefusal) -> Caller {
        let request = awaited.exchange.request
        let verdict =
            self.authenticator?.verify(
                awaited.response, method: request.method[...], uri: request.requestTarget[...],
                body: (request.packedBody ?? request.body)[...], answer: answer, at: now) ?? .wrong
        switch verdict {
        case .accepted(let credentials):
            try self.checkIntention(of: request, identities: credentials.identities, into: &effects)
            // The proof covers the body of the answer where the client asked for that; then there is none.
            let info =
                awaited.response.protection == .authentication
                ? self.authenticator?.authenticationInfo(for: awaited.response, credentials: credentials, body: [])
                : nil
            return Caller(identities: credentials.identities, proof: info)
        case .stale: throw self.challenge(isStale: true, at: now)
        case .wrong: throw self.challenge(isStale: false, at: now)
        case .malformed: throw UtRefusal(400)
        }
    }

    /// TS 24.109 §6.3, REQ-33141-40: a user agent may say as whom it acts, if that is one of its own identities.
    private mutating func checkIntention(
        of request: UtRequest, identities: [[UInt8]], into effects: inout [Effect]
    ) throws(UtRefusal) {
        guard let header = request.intendedIdentity else { return }
        let intended = UserIdentity.list(header[...], limits: self.configuration.limits)
        guard !intended.isEmpty, intended.allSatisfy({ identities.contains($0) }) else {
            self.observe(.foreignIntention, into: &effects)
            throw UtRefusal(403)
        }
    }

    /// 401 with a challenge for each algorithm, most preferred first (RFC 7616 §3.3).
    private mutating func challenge(isStale: Bool, at now: Instant) -> UtRefusal {
        self.counted.challenges += 1
        let challenges = self.authenticator?.challenge(isStale: isStale, at: now, entropy: &self.entropy) ?? []
        return UtRefusal(401, fields: challenges.map { UtResponse.Field("WWW-Authenticate", $0) })
    }

    /// 503 for a bound that is hit, or for the end of the process.
    func unavailable(seconds: UInt32) -> UtRefusal {
        var value: [UInt8] = []
        value.append(decimal: UInt64(seconds))
        return UtRefusal(503, fields: [.init("Retry-After", value)])
    }
}
