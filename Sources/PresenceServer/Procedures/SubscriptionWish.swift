internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// What a SUBSCRIBE asks for, checked.
struct SubscriptionWish: Sendable {
    /// Seconds granted; zero ends the subscription or makes a fetch.
    var expires: UInt32
    /// The remote target; nil if the request names none.
    var contact: SIPURI?
    /// Value of the Event header of our notifications: type and id.
    var event: [UInt8]
    var wishes: WatcherWishes
    /// The filter that came with the request.
    var filter: WatcherFilterSet?
    /// Whether the request said which documents it accepts.
    var namesDocuments: Bool
    /// Whether it takes whole documents with the parts that they refer to.
    var takesParts: Bool
}

extension PresenceServer {
    /// Reads what a SUBSCRIBE asks for, and refuses what cannot be given.
    func wish(of message: SIPMessage, _ package: Int, _ presentity: [UInt8]) throws(RequestRefusal) -> SubscriptionWish
    {
        let contact = try Self.remoteTarget(of: message)
        let accepted = try self.accepted(by: message, package)
        let expires = try Self.grant(message, self.configuration.subscriptionExpiry)
        var wishes = WatcherWishes()
        wishes.partial = accepted == .partial
        // RFC 5839 §5: of watcher information no tags are given, so nothing is suppressed.
        let isConditional = UInt8(package) == PackageNumber.presence
        let event: EventHeader?
        do { event = try message.event() } catch { throw RequestRefusal(400, error.reason) }
        if let event { wishes.rates = Self.rates(of: event) }
        if isConditional, let condition = message.first(.suppressIfMatch) {
            guard let suppress = SuppressIfMatch(condition) else {
                throw RequestRefusal(400, "Bad Suppress-If-Match")
            }
            wishes.suppress = suppress
        }
        let filter = try self.filter(of: message, package, presentity)
        if let filter { wishes.filter = filter.serialised() }
        return SubscriptionWish(
            expires: expires, contact: contact, event: self.eventValue(event, package), wishes: wishes,
            filter: filter, namesDocuments: accepted != .unnamed, takesParts: accepted == .compound)
    }

    /// The Event of notifications is that of the SUBSCRIBE as far as it matters: type and id (RFC 6665 §8.2.1).
    func eventValue(_ event: EventHeader?, _ package: Int) -> [UInt8] {
        var value: [UInt8] = []
        value.append(literal: self.registry[package].name)
        if let id = event?.id {
            value.append(literal: ";id=")
            value.append(contentsOf: id)
        }
        return value
    }

    /// RFC 3261 §8.1.1.8, §12.1.1: exactly one address, a SIP one. Nil if there is no Contact.
    private static func remoteTarget(of message: SIPMessage) throws(RequestRefusal) -> SIPURI? {
        let contacts: ContactList
        do { contacts = try message.contacts() } catch { throw RequestRefusal(400, error.reason) }
        switch contacts {
        case .wildcard: throw RequestRefusal(400, "Bad Contact")
        case .addresses(let addresses):
            guard let address = addresses.first else { return nil }
            guard addresses.count == 1, address.uri.isSIP else { throw RequestRefusal(400, "Bad Contact") }
            return try Self.withoutHeaders(address.uri)
        }
    }

    /// RFC 3261 §19.1.1, table 1: a Contact of a dialog has no headers, and none may stand in the Request-URI that it
    /// becomes.
    private static func withoutHeaders(_ uri: SIPURI) throws(RequestRefusal) -> SIPURI {
        guard let headers = uri.headers else { return uri }
        do { return try SIPURI.parse(uri.octets[..<(headers.startIndex - 1)]) } catch {
            throw RequestRefusal(400, "Bad Contact")
        }
    }

    /// What Accept lets us send.
    private enum Accepted {
        case unnamed, whole, partial
        /// Whole documents, with the parts that they refer to.
        case compound
    }

    /// Which documents the watcher takes (RFC 3261 §20.1, RFC 3856 §6.3, RFC 5263 §3).
    private func accepted(by message: SIPMessage, _ package: Int) throws(RequestRefusal) -> Accepted {
        let entries: [AcceptEntry]?
        do { entries = try message.accept() } catch { throw RequestRefusal(400, error.reason) }
        guard let entries else { return .unnamed }
        // The most specific range decides (RFC 9110 §12.5.1, which RFC 3261 §20.1 follows).
        let types = self.registry[package].notifyBodies
        let whole = Self.quality(of: types[0], in: entries)
        // A difference is sent only to who names the type: a wildcard does not ask for it (RFC 5263 §3.1).
        let partial = types.count < 2 ? 0 : entries.first { $0.isWritten(Self.partialPIDF) }?.quality ?? 0
        guard whole > 0 || partial > 0 else {
            throw RequestRefusal(406, remedy: .accept(anyOf: types))
        }
        if partial > whole || (partial == whole && self.configuration.prefersPartialNotification) { return .partial }
        return UInt8(package) == PackageNumber.presence && Self.takesParts(entries) ? .compound : .whole
    }

    /// Whether Accept names `multipart/related`, or `multipart/*`, with a presence document as the root. As with
    /// differences, a wildcard for everything does not ask for it: whoever writes that may know the document only.
    private static func takesParts(_ entries: [AcceptEntry]) -> Bool {
        let named = entries.first { entry in
            guard entry.isWritten(Self.compound) else { return false }
            guard let root = entry.parameters.unquotedValue(of: "type") else { return true }
            return root[...].equalsIgnoringCase(Self.pidf)
        }
        if let named { return named.quality > 0 }
        return entries.first { $0.isWritten("multipart/*") }?.quality ?? 0 > 0
    }

    private static func quality(of type: StaticString, in entries: [AcceptEntry]) -> Int {
        var best: (specificity: Int, quality: Int) = (-1, 0)
        for entry in entries {
            let specificity: Int
            if entry.isWritten(type) {
                specificity = 2
            } else if entry.isWritten("application/*") {
                specificity = 1
            } else if entry.isWritten("*/*") {
                specificity = 0
            } else {
                continue
            }
            if specificity > best.specificity { best = (specificity, entry.quality) }
        }
        return best.quality
    }

    /// RFC 4660 §4.3: the filter of the request; nil without a body.
    private func filter(
        of message: SIPMessage, _ package: Int, _ presentity: [UInt8]
    ) throws(RequestRefusal) -> WatcherFilterSet? {
        let types = self.registry[package].subscribeBodies
        guard let (body, _) = try message.usefulBody(of: types) else { return nil }
        guard body.count <= self.configuration.limits.filterBytes else { throw RequestRefusal(413) }
        let name = self.registry[package].name.withUTF8Buffer { Array($0) }
        do {
            return try WatcherFilterSet.parse(body, package: name[...], resource: presentity[...])
        } catch { throw Self.refusal(of: error, types: types) }
    }
}
