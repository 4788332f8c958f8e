import Ground
import SIPTransactions
import SIPWire

/// One request of a procedure from its first sending to an answer that the procedure itself must judge. In between it
/// is sent again as often as challenges and redirections want it; CSeq grows each time (RFC 3261 §8.1.3.5).
struct Conversation: Sendable {
    /// What became of a response.
    enum Verdict {
        /// The request went out again; wait on.
        case sentAgain
        /// The request cannot be authenticated or redirected.
        case problem(UserAgent.Problem)
        /// The procedure must judge the response.
        case final
    }

    let owner: Owner
    /// The last CSeq used.
    private(set) var cseq: UInt32
    private(set) var transaction: ClientTransactionID?
    private var draft: Draft?
    private var digest: DigestMemory
    private var challenges = 0
    private var redirections = 0

    init(owner: Owner, desk: inout Desk) {
        self.owner = owner
        self.digest = DigestMemory(desk.configuration.credentials)
        // RFC 3261 §8.1.1.5: any number below 2^31 may begin; a small one keeps far from the end.
        self.cseq = UInt32(desk.entropy.next(below: 1 << 16))
    }

    /// Whether an answer is waited for.
    var isBusy: Bool { self.transaction != nil }

    /// Sends a new request.
    mutating func begin(_ draft: Draft, desk: inout Desk) {
        self.challenges = 0
        self.redirections = 0
        self.transmit(draft, desk: &desk)
    }

    /// Begins a new dialog or a new series of requests: nothing is expected any more from the old one.
    mutating func abandon(desk: inout Desk) {
        if let transaction = self.transaction { desk.owners[transaction] = nil }
        self.transaction = nil
        self.draft = nil
    }

    private mutating func transmit(_ draft: Draft, desk: inout Desk) {
        self.abandon(desk: &desk)
        self.cseq = self.cseq >= 0x7FFF_FFFE ? 1 : self.cseq + 1
        let credentials = self.digest.lines(for: draft, entropy: &desk.entropy)
        let request = draft.serialised(
            cseq: self.cseq, credentials: credentials, product: desk.configuration.product)
        let transaction = ClientTransactionID(raw: desk.entropy.next())
        self.transaction = transaction
        self.draft = draft
        desk.owners[transaction] = self.owner
        // URIs are checked before they come here; without any hop the transaction fails as unresolvable.
        let target =
            desk.target(uri: draft.uri, routes: draft.routes, isInsideDialog: draft.isInsideDialog) ?? .hops([])
        desk.effects.append(
            .send(
                transaction,
                OutgoingRequest(
                    method: draft.method, bytes: request.bytes, viaOffset: request.viaOffset, target: target)))
    }

    /// Takes a response to the request in flight.
    mutating func responseReceived(_ message: SIPMessage, desk: inout Desk) -> Verdict {
        guard let draft = self.draft else { return .sentAgain }
        self.abandon(desk: &desk)
        switch message.status {
        case 200..<300:
            self.digest.accepted(message)
            return .final
        case 401, 407:
            self.challenges += 1
            if let problem = self.digest.challenged(by: message, of: draft, entropy: &desk.entropy) {
                return .problem(problem)
            }
            guard self.challenges <= Limits.maximumChallengeAnswers else {
                return .problem(.refused(status: message.status, reason: message.reason.text))
            }
            self.transmit(draft, desk: &desk)
            return .sentAgain
        case 300..<400 where !draft.isInsideDialog:
            self.redirections += 1
            guard self.redirections <= Limits.maximumRedirections, let uri = Self.redirection(of: message),
                uri != draft.uri
            else { return .problem(message.refusal) }
            var redirected = draft
            redirected.uri = uri
            self.transmit(redirected, desk: &desk)
            return .sentAgain
        default: return .final
        }
    }

    /// The request in flight gets no answer.
    mutating func requestFailed(desk: inout Desk) { self.abandon(desk: &desk) }

    /// The first usable Contact of a redirection (RFC 3261 §8.1.3.4).
    private static func redirection(of message: SIPMessage) -> [UInt8]? {
        guard let contacts = try? message.contacts() else { return nil }
        return contacts.addresses.first { $0.uri.isSIP }.map { Array($0.uriOctets) }
    }
}
