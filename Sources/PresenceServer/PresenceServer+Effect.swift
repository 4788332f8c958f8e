package import DigestAuth
package import Ground
package import SIPTransactions

extension PresenceServer {
    /// What the presence server wants done. The ``store(_:)`` effects of a turn are durable before its
    /// ``respond(_:_:)`` and ``send(_:_:)`` effects leave.
    package enum Effect: Sendable {
        /// A whole response to a request.
        case respond(ServerTransactionID, [UInt8])
        /// A NOTIFY.
        case send(ClientTransactionID, OutgoingRequest)
        /// A change of durable state.
        case store(StoreOperation)
        /// Fetch the credentials of a user; answered by ``Input/loaded(_:_:)``.
        case load(Ticket, CredentialQuestion)
        /// The answer to ``Input/explain(_:presentity:watcher:)``.
        indirect case explained(Ticket, PolicyExplanation)
        /// A subscription or a publication was judged: for the audit log.
        case decided(Decision)
        /// Something happened that operators count, and that ``PresenceServer/counters`` counted.
        case observed(Observation)
    }

    /// What is worth a line in a log when it happens.
    package enum Observation: String, Hashable, Sendable, CaseIterable {
        /// A bound of ``Limits`` refused something.
        case presentityLimit, publicationLimit, subscriptionLimit, watcherLimit, challengeLimit, dialogLimit
        /// A watcher was not remembered, or given up early, because too many wait for a decision.
        case waitingLimit
        /// A fetch of watcher information got only as many watchers as one message carries.
        case watcherInformationCut
        /// Somebody else asked for the watchers of a presentity.
        case foreignWatcherInformation
        /// A document of a subscriber cannot be read. Rules that cannot be read let nobody in; hard state that cannot be
        /// read is left out.
        case unusableDocument
        /// A part was left out of a NOTIFY that would have been too large with it.
        case partLimit
        /// Lists that rules name have more members, or references to each other, than are followed.
        case listLimit
        /// An answer came for a ticket that nobody waits for.
        case unknownTicket
        /// A NOTIFY was challenged, and there are no credentials for the realm.
        case notificationChallenged
        /// A stored record could not be read and was left out.
        case damagedRecord
        /// Somebody without the right tried to use a dialog of another watcher.
        case foreignDialog
        /// A publication for somebody else was refused.
        case foreignPublication
    }
}

/// A judgement about a subscription or a publication, with its reason (design law 7).
package struct Decision: Equatable, Sendable {
    /// What was asked for.
    package enum Matter: Equatable, Sendable {
        case subscription, publication, watcherInformation
    }

    /// Where the judgement comes from.
    package enum Reason: Equatable, Sendable {
        /// This rule of the operator's rules file.
        case rule(id: String)
        /// This rule of a document of the presentity.
        indirect case ruleDocument(selector: String, id: String)
        /// The presentity keeps rules documents, and no rule matches (RFC 4745 §10.2: rules only grant).
        case noRule
        /// The presentity keeps this rules document, and it cannot be read: nobody is let in.
        case unusableDocument(selector: String)
        /// No rule matched; the configuration says what happens then.
        case defaultHandling
        /// A watcher without an identity, whom no rule mentions.
        case anonymousHandling
        /// The presentity itself.
        case presentity
        /// A publisher whom the configuration trusts to publish for others.
        case trustedPublisher
        /// A publisher who is not the presentity.
        case notThePresentity
    }

    package var matter: Matter
    /// Canonical identity of the presentity.
    package var presentity: [UInt8]
    /// Canonical identity of the watcher or publisher; empty for an anonymous one.
    package var actor: [UInt8]
    package var handling: AuthorizationRule.Handling
    package var reason: Reason

    package init(
        matter: Matter, presentity: [UInt8], actor: [UInt8], handling: AuthorizationRule.Handling, reason: Reason
    ) {
        self.matter = matter
        self.presentity = presentity
        self.actor = actor
        self.handling = handling
        self.reason = reason
    }
}
