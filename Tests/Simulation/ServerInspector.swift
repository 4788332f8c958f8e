import Ground
import PresenceServer
import SIPTransactions
import SIPWire
import Storage

/// Watches what a presence server orders and what its storage has, and says where the two break a promise.
///
/// It keeps a second account of the storage, made of the committed operations alone, and lives on over crashes.
struct ServerInspector {
    /// A NOTIFY or a 2xx of the turn under way, to be compared with the storage when the turn is committed.
    private enum Promise {
        /// A publication was acknowledged under this entity tag.
        case publication(tag: [UInt8])
        /// A subscription was acknowledged.
        case subscription(id: UInt64)
        /// A NOTIFY with this number is about to leave.
        case notification(id: UInt64, cseq: UInt32, generation: Int, endsDialog: Bool)
    }

    /// What is known of a dialog.
    private struct DialogAccount {
        var cseq: UInt32
        /// How often the server had crashed when that number was used.
        var generation: Int
    }

    private(set) var publications: [UInt64: PublicationRecord] = [:]
    private(set) var subscriptions: [UInt64: SubscriptionRecord] = [:]
    private(set) var violations: [String] = []
    private var promises: [Promise] = []
    private var dialogs: [UInt64: DialogAccount] = [:]

    /// How many notifications carried presence of somebody, and how many were checked not to.
    private(set) var notificationsWithState = 0

    mutating func takeViolations() -> [String] {
        defer { self.violations = [] }
        return self.violations
    }

    /// The turn never happened.
    mutating func forgetTurn() { self.promises = [] }

    // MARK: Orders

    mutating func answered(_ bytes: [UInt8]) {
        guard let message = try? SIPMessage.parse(bytes, framing: .datagram) else {
            self.violations.append("the server answers with what is no message")
            return
        }
        guard (200..<300).contains(message.status), let expires = (try? message.expires()) ?? nil, expires > 0 else {
            return
        }
        switch message.method {
        case .publish:
            if let tag = message.first(.sipETag) { self.promises.append(.publication(tag: Array(tag))) }
        case .subscribe:
            if let id = Self.number(message.toTag()) { self.promises.append(.subscription(id: id)) }
        default: break
        }
    }

    /// - Parameters:
    ///   - verdict: what the rules of this moment say about the watcher of the dialog.
    mutating func notified(_ message: SIPMessage, verdict: Verdict, generation: Int) {
        guard let id = Self.number(message.fromTag()), let cseq = try? message.cseq().number,
            let state = (try? message.subscriptionState()) ?? nil
        else {
            self.violations.append("a NOTIFY without tag, CSeq or Subscription-State")
            return
        }
        self.checkContent(message, state, verdict)
        self.promises.append(
            .notification(id: id, cseq: cseq, generation: generation, endsDialog: state.isTerminated))
    }

    /// Numbers go up by one. After a crash one may be missing: it was committed, and never left.
    private mutating func checkNumber(_ id: UInt64, _ cseq: UInt32, generation: Int, endsDialog: Bool) {
        if let account = self.dialogs[id] {
            let follows = generation == account.generation ? cseq == account.cseq + 1 : cseq > account.cseq
            if !follows { self.violations.append("CSeq \(cseq) after \(account.cseq) in the dialog of \(id)") }
        } else if cseq == 0 {
            self.violations.append("CSeq 0 in a NOTIFY")
        }
        self.dialogs[id] = endsDialog ? nil : DialogAccount(cseq: cseq, generation: generation)
    }

    /// Nobody who may not see anything is sent anything (RFC 5025 §3.2.1).
    private mutating func checkContent(
        _ message: SIPMessage, _ state: SubscriptionState, _ verdict: Verdict
    ) {
        guard !message.body.isEmpty else { return }
        let tellsState = Documents.tellsState(message.body)
        if tellsState { self.notificationsWithState += 1 }
        switch verdict.handling {
        case .allow:
            if verdict.shown != .everything, let offence = PrivacyCheck.offence(in: message.body, shown: verdict.shown)
            {
                self.violations.append(
                    "a watcher is shown \(offence), which its rules do not grant: \(message.body.text)")
            }
        case .politeBlock:
            if tellsState { self.violations.append("a politely blocked watcher is told presence") }
        case .block, .confirm:
            self.violations.append("a watcher whose handling is \(verdict.handling.word) is told a document")
        }
        if state.isPending { self.violations.append("a pending subscription is told a document") }
    }

    // MARK: Commits

    /// The operations of the turn are durable.
    mutating func committed(_ operations: [StoreOperation]) {
        for case .presence(let operation) in operations {
            switch operation {
            case .putPublication(let record): self.publications[record.id] = record
            case .touchPublication(let id, let entityTag, let expires):
                self.publications[id]?.entityTag = entityTag
                self.publications[id]?.expires = expires
            case .removePublication(let id): self.publications[id] = nil
            case .putSubscription(let record):
                let before = self.subscriptions[record.id]
                self.subscriptions[record.id] = record
                if let before, before.localCSeq > record.localCSeq {
                    self.subscriptions[record.id]?.localCSeq = before.localCSeq
                    self.subscriptions[record.id]?.partialVersion = before.partialVersion
                }
            case .removeSubscription(let id): self.subscriptions[id] = nil
            case .notified(let marks):
                for mark in marks { self.subscriptions[mark.subscription]?.advance(to: mark) }
            }
        }
    }

    /// The commit is over, and what the turn promised is about to leave.
    mutating func checkPromises() {
        for promise in self.promises {
            switch promise {
            case .publication(let tag):
                if !self.publications.values.contains(where: { $0.entityTag == tag }) {
                    self.violations.append("a publication is acknowledged that is not stored: \(tag[...].text)")
                }
            case .subscription(let id):
                if self.subscriptions[id] == nil {
                    self.violations.append("a subscription is acknowledged that is not stored: \(id)")
                }
            case .notification(let id, let cseq, let generation, let endsDialog):
                self.checkNumber(id, cseq, generation: generation, endsDialog: endsDialog)
                if endsDialog { continue }
                let stored = self.subscriptions[id]?.localCSeq
                if (stored ?? 0) < cseq {
                    self.violations.append(
                        "NOTIFY \(cseq) leaves, and storage has \(stored.map { String($0) } ?? "no subscription")")
                }
            }
        }
        self.promises = []
    }

    /// What the storage gives at a start is what was committed.
    mutating func checkRestart(_ state: StoredState) {
        let publications = self.publications.values.sorted { $0.id < $1.id }
        let subscriptions = self.subscriptions.values.sorted { $0.id < $1.id }
        if state.presence.publications != publications {
            self.violations.append("storage lost or changed a publication")
        }
        if state.presence.subscriptions != subscriptions {
            self.violations.append("storage lost or changed a subscription")
        }
    }

    private static func number(_ tag: Octets?) -> UInt64? {
        guard let tag, tag.count == 16 else { return nil }
        return UInt64(tag.text, radix: 16)
    }
}
