internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import XCAPEngine

/// The operations on documents and their parts (RFC 4825 §8): the engine says what comes out, this box whether there is
/// room for it, and keeps it.
extension XDMServer {
    mutating func perform(
        _ exchange: UtExchange, _ selector: XCAPSelector, home: [UInt8]?, _ caller: Caller, at now: Instant,
        into effects: inout [Effect]
    ) throws(UtRefusal) {
        let selector = Self.canonical(selector, home: home)
        let request = XCAPRequest(
            method: exchange.method == .head ? .get : exchange.method, selector: selector,
            preconditions: exchange.request.preconditions,
            contentType: exchange.request.contentType, body: exchange.request.body[...])
        if let kind = self.generated(selector) {
            let reply = try self.performGenerated(request, kind, into: &effects)
            let answer = self.response(reply, modified: nil, isPrivate: home != nil, proof: caller.proof)
            return self.answer(exchange.ticket, answer, into: &effects)
        }
        let key = selector.documentSelector
        let current = self.documents[key]
        var tag: [UInt8] = []
        if exchange.method == .put || exchange.method == .delete { tag = self.entityTags.next(&self.entropy).bytes }
        let (reply, change) = self.evaluate(request, on: current, owner: home ?? [], tag: tag)
        if reply.status == 413 { self.observe(.documentSizeLimit, into: &effects) }
        var modified = current?.modified
        switch change {
        case .created(let document), .replaced(let document):
            let record = DocumentRecord(
                selector: key, auid: self.shared(selector.auid), owner: home ?? [], entityTag: document.entityTag,
                modified: now,
                body: document.bytes)
            try self.checkRoom(for: record, instead: current, into: &effects)
            self.keep(record, at: now, into: &effects)
            modified = now
        case .removed: self.forget(key, at: now, into: &effects)
        case nil: break
        }
        let answer = self.response(reply, modified: modified, isPrivate: home != nil, proof: caller.proof)
        self.answer(exchange.ticket, answer, into: &effects)
    }

    /// The name of an application usage as the registry has it, so that a million documents share its bytes.
    func shared(_ auid: [UInt8]) -> [UInt8] { self.registry[auid: auid]?.auid ?? auid }

    /// Asks the engine. What it looks things up in is let go again before anything is changed.
    private func evaluate(
        _ request: XCAPRequest, on current: DocumentRecord?, owner: [UInt8], tag: [UInt8]
    ) -> (reply: XCAPReply, change: XCAPChange?) {
        let document = current.map { XCAPDocument(bytes: $0.body, entityTag: $0.entityTag, modified: $0.modified) }
        return self.engine.perform(
            request, on: document, context: self.context(request.selector, owner: owner), newEntityTag: tag)
    }

    /// What the rules of application usages look at beside the document.
    func context(_ selector: XCAPSelector, owner: [UInt8]) -> UsageContext {
        let key = selector.documentSelector
        let services = self.services
        let documents = self.documents
        let users = self.users
        let aliases = self.configuration.aliases
        return UsageContext(
            selector: selector, rootURI: self.configuration.rootURI, ownerIdentities: self.identities(of: owner),
            isServiceURITaken: { uri in
                // RFC 4826 §4.4.5: by a service of another document, or by somebody who can be called.
                if let holder = services.holder(of: uri), holder != key { return true }
                let identity = EntityURI.canonical(uri[...])
                if aliases[identity] != nil { return true }
                if case .provisioned(let known) = users { return known.contains(identity) }
                return documents.isOwner(identity)
            })
    }

    /// Every name of a user: the owner of the home directory first, then what stands for it.
    private func identities(of owner: [UInt8]) -> [[UInt8]] {
        owner.isEmpty ? [] : [owner] + (self.otherNames[owner] ?? [])
    }

    /// RFC 9110 §15.5.14, RFC 4918 §11.5: 413 for one document that is too large, 507 where the room of the
    /// user or of all is used up. What makes a document smaller always fits.
    private mutating func checkRoom(
        for record: DocumentRecord, instead current: DocumentRecord?, into effects: inout [Effect]
    ) throws(UtRefusal) {
        let limits = self.configuration.limits
        let use = self.documents.use(of: record.owner)
        let growth = record.body.count - (current?.body.count ?? 0)
        var refused: (Observation, Int)?
        if growth > 0, record.body.count > limits.documentBytes {
            refused = (.documentSizeLimit, 413)
        } else if current == nil, use.documents >= limits.documentsPerUser {
            refused = (.userDocumentLimit, 507)
        } else if current == nil, self.documents.count >= limits.documents {
            refused = (.documentLimit, 507)
        } else if growth > 0, use.bytes + growth > limits.bytesPerUser {
            refused = (.userBytesLimit, 507)
        }
        guard let (observation, status) = refused else { return }
        self.observe(observation, into: &effects)
        throw UtRefusal(status)
    }

    /// Keeps a document and tells everybody who lives by it.
    private mutating func keep(_ record: DocumentRecord, at now: Instant, into effects: inout [Effect]) {
        let previous = self.documents.put(record)
        self.indexServices(of: record)
        if previous == nil { self.counted.documentsCreated += 1 } else { self.counted.documentsReplaced += 1 }
        effects.append(.store(.putDocument(record)))
        self.tell(
            DocumentChange(
                selector: record.selector, auid: record.auid, owner: record.owner, previous: previous, current: record),
            at: now, into: &effects)
    }

    /// Removes a document and tells everybody who lived by it.
    mutating func forget(_ selector: [UInt8], at now: Instant, into effects: inout [Effect]) {
        guard let previous = self.documents.remove(selector) else { return }
        self.services.remove(selector)
        self.counted.documentsRemoved += 1
        effects.append(.store(.removeDocument(selector: selector)))
        self.tell(
            DocumentChange(
                selector: selector, auid: previous.auid, owner: previous.owner, previous: previous, current: nil),
            at: now, into: &effects)
    }

    private mutating func tell(_ change: DocumentChange, at now: Instant, into effects: inout [Effect]) {
        effects.append(.documentChanged(change))
        self.differencesNoted(change, at: now, into: &effects)
    }

    /// RFC 4826 §4.4.8: the index of all shows the documents that are named `index`.
    mutating func indexServices(of record: DocumentRecord) {
        guard record.auid[...].equals("rls-services") else { return }
        self.services.put(record, isListed: record.selector == Self.key(record.auid, record.owner, "index"))
    }

    /// The selector of a document right in a home directory.
    private static func key(_ auid: [UInt8], _ owner: [UInt8], _ name: StaticString) -> [UInt8] {
        var key = auid
        key.append(literal: "/users/")
        key += owner
        key.append(literal: "/")
        key.append(literal: name)
        return key
    }

    /// The selector with the canonical owner, so that every spelling of a name leads to one document.
    private static func canonical(_ selector: XCAPSelector, home: [UInt8]?) -> XCAPSelector {
        guard let home else { return selector }
        return XCAPSelector(auid: selector.auid, tree: .user(home), path: selector.path, node: selector.node)
    }
}
