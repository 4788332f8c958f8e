internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// The event state compositor (RFC 3903 §6, RFC 5264 §4, REQ-24141-23). Every step either refuses the whole request
/// or leaves the state alone, so that a PUBLISH takes effect at once or not at all.
extension PresenceServer {
    /// The media type of whole presence documents.
    static let pidf: StaticString = "application/pidf+xml"
    /// The media type of partial presence documents.
    static let partialPIDF: StaticString = "application/pidf-diff+xml"

    mutating func publish(
        _ request: Request, _ presentity: [UInt8], _ package: Int, _ identity: ProvenIdentity, at now: Instant,
        into effects: inout [Effect]
    ) throws(RequestRefusal) {
        self.counted.publishes += 1
        let message = request.message
        try self.authorizePublication(of: presentity, by: identity, into: &effects)
        guard self.isUser(presentity) else { throw RequestRefusal(404) }
        // RFC 3903 §6 step 4 comes before step 3 here only because an Expires of zero decides what is asked for.
        let expires = try Self.grant(message, self.configuration.publicationExpiry)
        let conditions = message.list(.sipIfMatch)
        if message.count(.sipIfMatch) > 0, conditions.isEmpty {
            throw RequestRefusal(400, PublicationRequest.Fault.badEntityTag.rawValue)
        }
        let wish: PublicationRequest
        do {
            wish = try PublicationRequest.sort(
                conditions: conditions, hasBody: !message.body.isEmpty, expires: expires)
        } catch { throw RequestRefusal(400, error.rawValue) }
        let place = self.presentityPlaces[presentity]
        switch wish {
        case .initial:
            try self.publishInitially(request, presentity, package, identity, expires, at: now, into: &effects)
        case .refresh(let tag):
            let publication = try self.publication(tag, of: place)
            self.refreshPublication(request, publication, expires, at: now, into: &effects)
        case .modify(let tag):
            let publication = try self.publication(tag, of: place)
            try self.modifyPublication(request, publication, package, identity, expires, at: now, into: &effects)
        case .remove(let tag):
            let publication = try self.publication(tag, of: place)
            let owner = self.publications[publication].presentity
            self.answerPublication(request, self.entityTags.next(&self.entropy), 0, into: &effects)
            self.removePublication(publication, into: &effects)
            self.stateChanged(owner, at: now, into: &effects)
        }
    }

    /// RFC 3903 §6 step 2 and §14.1: the presentity publishes for itself; agents of the network may do it for others.
    private mutating func authorizePublication(
        of presentity: [UInt8], by identity: ProvenIdentity, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        if identity.includes(presentity) { return }
        let trusted = self.configuration.trustedPublishers
        let isTrusted =
            !identity.isAnonymous && (trusted.contains(identity.main) || !trusted.isDisjoint(with: identity.others))
        effects.append(
            .decided(
                Decision(
                    matter: .publication, presentity: presentity, actor: identity.main,
                    handling: isTrusted ? .allow : .block,
                    reason: isTrusted ? .trustedPublisher : .notThePresentity)))
        guard isTrusted else {
            self.observe(.foreignPublication, into: &effects)
            throw RequestRefusal(403, "Publication For Another User")
        }
    }

    /// The duration that a request gets, or the 423.
    static func grant(_ message: SIPMessage, _ policy: ExpiryPolicy) throws(RequestRefusal) -> UInt32 {
        let wish: UInt32?
        do { wish = try message.expires() } catch { throw RequestRefusal(400, error.reason) }
        switch policy.grant(wish) {
        case .granted(let seconds): return seconds
        case .tooBrief(let minimum): throw RequestRefusal(423, remedy: .minExpires(minimum))
        }
    }

    /// RFC 3903 §6 step 3: the tag has to be the one of a live publication of this presentity.
    private func publication(_ tag: EntityTag?, of presentity: UInt32?) throws(RequestRefusal) -> UInt32 {
        guard let tag, let presentity,
            let place = self.presentities[presentity].publications.first(where: { self.publications[$0].tag == tag })
        else { throw RequestRefusal(412) }
        return place
    }

    private mutating func publishInitially(
        _ request: Request, _ presentity: [UInt8], _ package: Int, _ identity: ProvenIdentity, _ expires: UInt32,
        at now: Instant, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        let state = try self.publishedState(request.message, package, presentity, previous: nil)
        let tag = self.entityTags.next(&self.entropy)
        if expires == 0 {
            // RFC 3903 §6 step 5: state that expires at once is not stored.
            self.answerPublication(request, tag, 0, into: &effects)
            return
        }
        let owner = try self.presentity(presentity, into: &effects)
        guard self.presentities[owner].publications.count < self.configuration.limits.publicationsPerPresentity else {
            throw self.overLimit(.publicationLimit, into: &effects)
        }
        let isWatched = !self.presentities[owner].watchers.isEmpty
        let publication = Publication(
            id: self.nextPublication(at: now), presentity: owner, tag: tag, publisher: identity.main, body: state.body,
            parts: state.parts, publishedAt: now, expires: now + .seconds(Int64(expires)),
            document: isWatched ? state.document : nil)
        let place = self.publications.insert(publication)
        self.presentities[owner].publications.append(place)
        self.armPublication(place)
        self.answerPublication(request, tag, expires, into: &effects)
        effects.append(.store(.putPublication(self.record(of: place))))
        self.stateChanged(owner, at: now, into: &effects)
    }

    /// The state stays, the tag and the time are new (RFC 3903 §6: a new tag on every success).
    private mutating func refreshPublication(
        _ request: Request, _ place: UInt32, _ expires: UInt32, at now: Instant, into effects: inout [Effect]
    ) {
        let tag = self.entityTags.next(&self.entropy)
        let end = now + .seconds(Int64(expires))
        self.publications[place].tag = tag
        self.publications[place].expires = end
        self.armPublication(place)
        let tagBytes = self.answerPublication(request, tag, expires, into: &effects)
        effects.append(.store(.touchPublication(self.publications[place].id, entityTag: tagBytes, expires: end)))
    }

    private mutating func modifyPublication(
        _ request: Request, _ place: UInt32, _ package: Int, _ identity: ProvenIdentity, _ expires: UInt32,
        at now: Instant, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        let owner = self.publications[place].presentity
        let state = try self.publishedState(
            request.message, package, self.presentities[owner].identity, previous: place)
        let tag = self.entityTags.next(&self.entropy)
        self.publications[place].tag = tag
        self.publications[place].publisher = identity.main
        self.publications[place].body = state.body
        self.publications[place].parts = state.parts
        self.publications[place].publishedAt = now
        self.publications[place].expires = now + .seconds(Int64(expires))
        self.publications[place].document = self.presentities[owner].watchers.isEmpty ? nil : state.document
        self.armPublication(place)
        self.answerPublication(request, tag, expires, into: &effects)
        effects.append(.store(.putPublication(self.record(of: place))))
        self.stateChanged(owner, at: now, into: &effects)
    }

    /// RFC 3903 §6 step 5, RFC 5264 §4.2: the body is a presence document, whole, or for a modification a difference.
    /// Around either there may be a `multipart/related` with what the document refers to.
    private func publishedState(
        _ message: SIPMessage, _ package: Int, _ presentity: [UInt8], previous: UInt32?
    ) throws(RequestRefusal) -> PublishedState {
        let types = self.registry[package].publishBodies
        guard let (carried, type) = try message.usefulBody(of: types) else {
            throw RequestRefusal(400, PublicationRequest.Fault.missingBody.rawValue)
        }
        var body = carried
        guard body.count <= self.configuration.limits.documentBytes else { throw RequestRefusal(413) }
        var isWhole = ContentTypes.equal(type, Self.pidf)
        var sent: [PublishedPart] = []
        if !isWhole, ContentTypes.equal(type, Self.compound) {
            let most = self.configuration.limits.partsPerPublication
            let compound = try CompoundPublication(message, types: types, most: most)
            isWhole = ContentTypes.equal(compound.rootType, Self.pidf)
            (body, sent) = (compound.root, compound.parts)
        }
        let document: PresenceDocument
        do {
            document = try isWhole ? PresenceDocument.parse(body) : self.patchedDocument(body, previous: previous)
        } catch { throw Self.refusal(of: error, types: types) }
        let isForeign = !document.isAbout(presentity)
        if isForeign, self.configuration.foreignEntity == .refuse {
            throw RequestRefusal(400, "Entity Is Not The Presentity")
        }
        var state = PublishedState(
            document: document, body: isWhole ? Array(body) : document.serialisedAsPublished())
        // A whole document replaces what was there with all its parts; a partial one leaves those that it still needs.
        let stayed = isWhole ? [] : previous.map { self.publications[$0].parts } ?? []
        state.parts = try self.partsToKeep(of: document, bytes: state.body.count, sent: sent, stayed: stayed)
        return state
    }

    /// RFC 5264 §4.2: `pidf-full` stands alone, `pidf-diff` patches what was published before, all or nothing.
    private func patchedDocument(_ body: Octets, previous: UInt32?) throws(DocumentFault) -> PresenceDocument {
        switch try PartialPresence.parse(body) {
        case .full(let document, _): return document
        case .difference:
            guard let previous else {
                throw DocumentFault(kind: .badPatch, status: 400, reason: "Partial State Without Full State")
            }
            let publication = self.publications[previous]
            if let base = publication.document { return try PartialPresence.applying(body, to: base) }
            return try PartialPresence.applying(body, to: PresenceDocument.parse(publication.body[...]))
        }
    }

    static func refusal(of fault: DocumentFault, types: [StaticString]) -> RequestRefusal {
        switch fault.status {
        case 415: RequestRefusal(415, remedy: .accept(anyOf: types))
        case 488: RequestRefusal(488, remedy: .warning(code: 399, text: fault.reason))
        default: RequestRefusal(fault.status, fault.reason)
        }
    }

    /// RFC 3903 §6 step 6: 200 with the new tag and the duration. Gives the tag as it was written.
    @discardableResult
    private mutating func answerPublication(
        _ request: Request, _ tag: EntityTag, _ expires: UInt32, into effects: inout [Effect]
    ) -> [UInt8] {
        let bytes = tag.bytes
        var writer = self.response(to: request, 200)
        writer.header(.sipETag, bytes)
        writer.header(.expires, number: UInt64(expires))
        effects.append(.respond(request.transaction, writer.finish()))
        return bytes
    }

    /// Takes a publication out of the tables and the store.
    mutating func removePublication(_ place: UInt32, into effects: inout [Effect]) {
        let publication = self.publications[place]
        self.presentities[publication.presentity].publications.removeAll { $0 == place }
        self.publications.remove(place)
        effects.append(.store(.removePublication(publication.id)))
    }

    /// What the storage keeps of a publication.
    func record(of place: UInt32) -> PublicationRecord {
        let publication = self.publications[place]
        let (contentType, body) =
            publication.parts.isEmpty
            ? (StoredNames.pidf, publication.body) : CompoundRecord.write(publication)
        return PublicationRecord(
            id: publication.id, presentity: self.presentities[publication.presentity].identity,
            package: StoredNames.presence, entityTag: publication.tag.bytes, publisher: publication.publisher,
            contentType: contentType, body: body, publishedAt: publication.publishedAt,
            expires: publication.expires)
    }

    /// The id of a new publication: the time, or the next free number. It names nothing outside; ids that rise let the
    /// storage append new publications instead of writing them all over its table.
    private mutating func nextPublication(at now: Instant) -> UInt64 {
        self.lastPublication = max(self.lastPublication &+ 1, UInt64(clamping: now.nanoseconds))
        return self.lastPublication
    }

    /// A number that never named anything before: 64 bits of chance, never zero.
    mutating func freshIdentifier() -> UInt64 {
        while true {
            let identifier = self.entropy.next()
            if identifier != 0, self.subscriptionPlaces[identifier] == nil { return identifier }
        }
    }
}

/// Names that stand in every record, made once.
enum StoredNames {
    static let presence = Array("presence".utf8)
    static let watcherInformation = Array("presence.winfo".utf8)
    static let pidf = Array("application/pidf+xml".utf8)
}

/// Comparison of media types that are literals.
enum ContentTypes {
    static func equal(_ left: StaticString, _ right: StaticString) -> Bool {
        left.withUTF8Buffer { mine in right.withUTF8Buffer { mine.elementsEqual($0) } }
    }
}
