import DigestAuth
import Ground
import SIPTransactions
import SIPWire

/// Who sends a request, and what is asserted about it (RFC 3325).
enum SenderIdentity: Sendable {
    /// A peer of the trust domain: what it asserts goes on unchanged.
    case trusted
    /// A user of ours, who has proven it: the identities that it may use.
    case authenticated([[UInt8]])
    /// Somebody: nothing is asserted, and what it claims is taken away.
    case unknown

    /// What is written as P-Asserted-Identity: nil leaves what came.
    ///
    /// The sender's P-Preferred-Identity is a hint which of its identities it means (RFC 3325 §6), then the From header is, then the
    /// first is taken.
    func asserted(for request: SIPMessage) -> [[UInt8]]? {
        switch self {
        case .trusted: return nil
        case .unknown: return []
        case .authenticated(let identities):
            var hints = request.preferredIdentities().map(\.uri.canonicalIdentity)
            if let from = try? request.from() { hints.append(from.uri.canonicalIdentity) }
            if let hint = hints.first(where: { identities.contains($0) }) { return [hint] }
            return identities.first.map { [$0] } ?? []
        }
    }
}

extension SCSCF {
    /// What has to be done before a request may go on.
    enum Admission {
        case admitted(SenderIdentity)
        /// The sender must prove who it is.
        case challenged(isStale: Bool)
        case asking(CredentialQuestion, DigestResponse)
        case refused(Int, String?)
    }

    /// Decides whether a sender may have a request forwarded (RFC 3261 §16.3, step 6; RFC 3325 §5).
    ///
    /// - Parameter isRelay: whether the request would leave our domains.
    func admission(of request: SIPMessage, from origin: Origin, isRelay: Bool, at now: Instant) -> Admission {
        if origin.isTrusted { return .admitted(.trusted) }
        let from = (try? request.from())?.uri
        let claimsUser = from.map { self.names.isServed($0) } ?? false
        switch self.configuration.authentication {
        case .none: return isRelay ? .refused(403, "Relaying Denied") : .admitted(.unknown)
        case .digest: break
        }
        // An ACK or CANCEL cannot be challenged (RFC 3261 §22.1); they are let through only where that opens nothing.
        guard request.method != .ack, request.method != .cancel else {
            return isRelay ? .refused(403, nil) : .admitted(.unknown)
        }
        let values = request.all(.proxyAuthorization)
        guard claimsUser || isRelay || !values.isEmpty else { return .admitted(.unknown) }
        // Somebody from elsewhere who wants to go elsewhere has no business here.
        if isRelay, !claimsUser, values.isEmpty, !Self.isAnonymous(from) { return .refused(403, "Relaying Denied") }
        switch self.authenticator.assess(values, at: now) {
        case .absent: return claimsUser || isRelay ? .challenged(isStale: false) : .admitted(.unknown)
        case .stale: return .challenged(isStale: true)
        case .malformed(let reason): return .refused(400, reason)
        case .needed(let question, let response): return .asking(question, response)
        }
    }

    /// Whether an authenticated user may write that From: its own identities, or none at all (RFC 3323 §4.1.1.3).
    func maySend(_ request: SIPMessage, identities: [[UInt8]]) -> Bool {
        guard let from = (try? request.from())?.uri else { return false }
        return identities.contains(self.names.identity(of: from)) || Self.isAnonymous(from)
    }

    private static func isAnonymous(_ uri: SIPURI?) -> Bool {
        guard let uri else { return false }
        return uri.host.equalsIgnoringCase("anonymous.invalid")
    }
}
