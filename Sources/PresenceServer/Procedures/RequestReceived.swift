internal import EventNotification
internal import Ground
internal import SIPTransactions
internal import SIPWire

/// The checks that every request goes through, in the order of RFC 3261 §8.2, RFC 6665 §4.2.1 and RFC 3903 §6: method,
/// Request-URI, extensions, event package, identity. What comes after depends on the method.
extension PresenceServer {
    /// The methods that are served; the value of Allow.
    static let allow: StaticString = "PUBLISH, SUBSCRIBE, OPTIONS"

    mutating func requestReceived(
        _ transaction: ServerTransactionID, _ message: SIPMessage, _ origin: Origin, at now: Instant,
        into effects: inout [Effect]
    ) {
        let request = Request(transaction: transaction, message: message, origin: origin)
        switch message.method {
        case .ack, .cancel:
            // Neither is answered here: the transaction layer has done with them.
            return
        case .publish, .subscribe, .options: break
        case .notify:
            // RFC 6665 §4.1.3: this box subscribes to nothing, so no NOTIFY belongs to it.
            return self.refuse(request, RequestRefusal(481), into: &effects)
        default: return self.refuse(request, RequestRefusal(405, remedy: .allow), into: &effects)
        }
        do throws(RequestRefusal) {
            let subject = try self.subject(of: message)
            if case .options = message.method {
                try Self.checkExtensions(message)
                return self.capabilitiesAsked(request, into: &effects)
            }
            try Self.checkExtensions(message)
            let package = try self.eventPackage(of: message)
            if self.isDraining { throw RequestRefusal(503, remedy: .retryAfter(5)) }
            switch try self.proof(of: request, at: now, into: &effects) {
            case .awaited(let ticket, let response):
                self.awaiting[ticket] = AwaitedProof(
                    request: request, subject: subject, package: package, response: response)
            case .proven(let identity):
                try self.admitted(request, subject, package, identity, at: now, into: &effects)
            }
        } catch {
            self.refuse(request, error, into: &effects)
        }
    }

    /// What a request is about.
    enum Subject: Sendable {
        /// A presentity of a served domain, by canonical identity.
        case presentity([UInt8])
        /// The dialog of a subscription, by its local tag; it need not exist.
        case dialog(UInt64?)
        /// This server itself (OPTIONS).
        case server
    }

    /// The request passed the checks that all requests pass, and its sender is known.
    mutating func admitted(
        _ request: Request, _ subject: Subject, _ package: Int, _ identity: ProvenIdentity, at now: Instant,
        into effects: inout [Effect]
    ) throws(RequestRefusal) {
        switch (request.message.method, subject) {
        case (.publish, .presentity(let presentity)):
            try self.publish(request, presentity, package, identity, at: now, into: &effects)
        case (.subscribe, .presentity(let presentity)) where UInt8(package) == PackageNumber.watcherInformation:
            try self.subscribeToWatchers(request, presentity, package, identity, at: now, into: &effects)
        case (.subscribe, .presentity(let presentity)):
            try self.subscribe(request, presentity, package, identity, at: now, into: &effects)
        case (.subscribe, .dialog(let tag)):
            try self.resubscribe(request, tag, package, identity, at: now, into: &effects)
        default: throw RequestRefusal(404)
        }
    }

    /// Finds out what the Request-URI means. A request inside a dialog is sent to our Contact, so there the tag
    /// counts and not the URI.
    private func subject(of message: SIPMessage) throws(RequestRefusal) -> Subject {
        if case .subscribe = message.method, let tag = message.toTag() { return .dialog(Self.localTag(tag)) }
        let uri: SIPURI
        do { uri = try message.readRequestURI() } catch {
            throw error.kind == .unsupportedScheme ? RequestRefusal(416) : RequestRefusal(400, "Bad Request-URI")
        }
        let identity = uri.canonicalIdentity
        if identity.starts(with: "sip:".utf8) {
            let domain = AuthorizationTable.domain(of: identity[...])
            let isServed = !domain.isEmpty && self.configuration.servedDomains.contains { $0[...] == domain }
            guard isServed else {
                if case .options = message.method { return .server }
                throw RequestRefusal(404, "Domain Not Served")
            }
            return .presentity(identity)
        }
        guard identity.starts(with: "tel:".utf8) else { throw RequestRefusal(416) }
        guard self.configuration.servesTelephone else { throw RequestRefusal(404) }
        return .presentity(identity)
    }

    /// Reads a tag of our making: 16 lower-case hexadecimal digits.
    static func localTag(_ tag: Octets) -> UInt64? { ContentTag(tag)?.raw }

    /// RFC 3261 §8.2.2.3: no option tag has to be understood here but those that change nothing.
    private static func checkExtensions(_ message: SIPMessage) throws(RequestRefusal) {
        guard message.count(.require) > 0 else { return }
        var unsupported: [UInt8] = []
        for tag in message.list(.require) where !tag.equalsIgnoringCase("path") {
            if !unsupported.isEmpty { unsupported.append(literal: ", ") }
            unsupported.append(contentsOf: tag)
        }
        guard unsupported.isEmpty else { throw RequestRefusal(420, remedy: .unsupported(unsupported)) }
    }

    /// RFC 6665 §4.2.1.1, RFC 3903 §6 step 2: a package that is not served, or none at all, is answered with 489.
    private func eventPackage(of message: SIPMessage) throws(RequestRefusal) -> Int {
        let event: EventHeader?
        do { event = try message.event() } catch { throw RequestRefusal(400, "Bad Event") }
        guard let event, let package = self.registry.index(of: event.package) else {
            throw RequestRefusal(489, remedy: .allowEvents)
        }
        if case .publish = message.method, !self.registry.isPublished(package) {
            // Nobody publishes who watches (RFC 3903 §6 step 2).
            throw RequestRefusal(489, remedy: .allowEvents)
        }
        return package
    }

    /// RFC 3261 §11.2: an OPTIONS is answered as the request it stands for would be, and says what is understood.
    private mutating func capabilitiesAsked(_ request: Request, into effects: inout [Effect]) {
        var writer = self.response(to: request, 200)
        writer.header(.allow, Self.allow)
        writer.header(.allowEvents, self.registry.allowEvents)
        writer.header(.accept, Self.everyBody(of: self.registry))
        writer.header(.acceptEncoding, "identity")
        effects.append(.respond(request.transaction, writer.finish()))
    }

    private static func everyBody(of registry: EventPackageRegistry) -> [UInt8] {
        var value: [UInt8] = []
        let package = registry[0]
        for type in package.publishBodies + package.subscribeBodies {
            if !value.isEmpty { value.append(literal: ", ") }
            value.append(literal: type)
        }
        return value
    }

    /// Whether somebody of that name lives in a served domain (REQ-24141-27).
    func isUser(_ identity: [UInt8]) -> Bool {
        guard case .provisioned(let users) = self.users else { return true }
        return users.contains(identity)
    }
}

/// A request on its way through the checks.
struct Request: Sendable {
    let transaction: ServerTransactionID
    let message: SIPMessage
    let origin: Origin
}
