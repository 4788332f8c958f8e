internal import Ground
internal import SIPTransactions
package import SIPWire

/// The checks that a SUBSCRIBE goes through, in the order of RFC 3261 §8.2 and RFC 6665 §4.2.1.
extension Notifier {
    /// The checks before it matters who asks: extensions, event package, whether new work is taken.
    /// - Returns: the number of the event package in the registry.
    package func admit(_ message: SIPMessage) throws(RequestRefusal) -> Int {
        try Self.checkExtensions(message)
        let event: EventHeader?
        do { event = try message.event() } catch { throw RequestRefusal(400, "Bad Event") }
        // RFC 6665 §4.2.1.1: a package that is not served, or none at all.
        guard let event, let package = self.configuration.packages.index(of: event.package) else {
            throw RequestRefusal(489, remedy: .allowEvents)
        }
        if self.isDraining { throw RequestRefusal(503, remedy: .retryAfter(5)) }
        return package
    }

    /// The checks when the sender is known: dialog, Contact, Accept, Expires, rates, condition, body.
    /// - Parameter package: what ``admit(_:)`` gave.
    package mutating func examine(
        _ request: NotifierRequest, package: Int, identity: NotifierIdentity, into orders: inout [NotifierOrder]
    ) throws(RequestRefusal) -> SubscribeWish {
        self.counted.subscribes += 1
        let message = request.message
        let event: EventHeader?
        do { event = try message.event() } catch { throw RequestRefusal(400, "Bad Event") }
        var subscription: UInt64?
        if let tag = message.toTag() {
            let id = try self.subscription(tag, of: message, event, package)
            try self.checkOwner(of: id, identity, into: &orders)
            try self.checkOrder(of: message, in: id)
            subscription = id
        }
        try self.checkContact(message, isRequired: subscription == nil)
        let contentType = try self.contentType(for: message, package)
        let expires = try self.expires(of: message, package)
        var condition: SuppressIfMatch?
        if let value = message.first(.suppressIfMatch) {
            // RFC 5839 §7.2: one token or an asterisk.
            guard message.count(.suppressIfMatch) == 1, let read = SuppressIfMatch(value) else {
                throw RequestRefusal(400, "Bad Suppress-If-Match")
            }
            condition = read
        }
        let body = try message.usefulBody(of: self.configuration.packages[package].subscribeBodies)
        if let body, body.bytes.count > self.configuration.limits.bodyBytes {
            orders.append(.observed(.bodyLimit))
            throw RequestRefusal(413)
        }
        return SubscribeWish(
            request: request, identity: identity, package: package, subscription: subscription, expires: expires,
            contentType: contentType, body: body, parameters: event?.parameters ?? .none,
            rates: event.map { Self.rates(of: $0) } ?? .none, condition: condition)
    }

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

    /// The subscription that a request inside a dialog belongs to: tags, Call-ID and Event all have to fit
    /// (RFC 6665 §4.2.1.4, §8.2.1).
    private func subscription(
        _ tag: Octets, of message: SIPMessage, _ event: EventHeader?, _ package: Int
    ) throws(RequestRefusal) -> UInt64 {
        guard let id = ContentTag(tag)?.raw, let entry = self.entries[id], let remoteTag = message.fromTag(),
            entry.dialog.matches(callID: message.callID, localTag: tag, remoteTag: remoteTag),
            entry.event == self.eventValue(event, package), !entry.machine.isTerminated
        else { throw RequestRefusal(481, "Subscription Does Not Exist") }
        return id
    }

    /// Only who made the subscription may change it. Inside the trust domain a request without an identity is as good
    /// as its dialog.
    private func checkOwner(
        of id: UInt64, _ identity: NotifierIdentity, into orders: inout [NotifierOrder]
    ) throws(RequestRefusal) {
        guard !identity.isUnasserted, let watcher = self.entries[id]?.watcher else { return }
        if watcher.isEmpty ? identity.identities.isEmpty : identity.identities.contains(watcher) { return }
        orders.append(.observed(.foreignDialog))
        throw RequestRefusal(403)
    }

    /// RFC 3261 §12.2.2: a number that is not higher is out of order.
    private func checkOrder(of message: SIPMessage, in id: UInt64) throws(RequestRefusal) {
        let sequence: CSeq
        do { sequence = try message.cseq() } catch { throw RequestRefusal(400, error.reason) }
        guard let last = self.entries[id]?.dialog.remoteSequence, sequence.number <= last else { return }
        throw RequestRefusal(500, "CSeq Out Of Order")
    }

    /// RFC 3261 §8.1.1.8, §12.1.1: exactly one address, a SIP one.
    private func checkContact(_ message: SIPMessage, isRequired: Bool) throws(RequestRefusal) {
        let contacts: ContactList
        do { contacts = try message.contacts() } catch { throw RequestRefusal(400, error.reason) }
        guard case .addresses(let addresses) = contacts else { throw RequestRefusal(400, "Bad Contact") }
        guard let address = addresses.first else {
            if isRequired { throw RequestRefusal(400, "Missing Contact") }
            return
        }
        guard addresses.count == 1, address.uri.isSIP else { throw RequestRefusal(400, "Bad Contact") }
    }

    /// The type of the package that the subscriber likes best (RFC 3261 §20.1, RFC 9110 §12.5.1); nil without Accept.
    private func contentType(for message: SIPMessage, _ package: Int) throws(RequestRefusal) -> StaticString? {
        let entries: [AcceptEntry]?
        do { entries = try message.accept() } catch { throw RequestRefusal(400, error.reason) }
        guard let entries else { return nil }
        let types = self.configuration.packages[package].notifyBodies
        var best: (type: StaticString, quality: Int)?
        for type in types {
            let quality = Self.quality(of: type, in: entries)
            if quality > (best?.quality ?? 0) { best = (type, quality) }
        }
        guard let best else { throw RequestRefusal(406, remedy: .accept(anyOf: types)) }
        return best.type
    }

    /// The most specific range decides.
    private static func quality(of type: StaticString, in entries: [AcceptEntry]) -> Int {
        type.withUTF8Buffer { type in
            let family = type.prefix { $0 != UInt8(ascii: "/") }
            var best: (specificity: Int, quality: Int) = (-1, 0)
            for entry in entries {
                let specificity: Int
                if entry.essence.elementsEqual(type) {
                    specificity = 2
                } else if entry.essence.elementsEqual([0x2A, 0x2F, 0x2A]) {
                    specificity = 0
                } else if entry.essence.dropLast(2).elementsEqual(family), entry.essence.last == 0x2A {
                    specificity = 1
                } else {
                    continue
                }
                if specificity > best.specificity { best = (specificity, entry.quality) }
            }
            return best.quality
        }
    }

    /// RFC 6665 §4.2.1.1: the duration that a request gets, or the 423.
    private func expires(of message: SIPMessage, _ package: Int) throws(RequestRefusal) -> UInt32 {
        let wish: UInt32?
        do { wish = try message.expires() } catch { throw RequestRefusal(400, error.reason) }
        var policy = self.configuration.expiry
        policy.standard = min(policy.standard, self.configuration.packages[package].defaultExpires)
        switch policy.grant(wish) {
        case .granted(let seconds): return seconds
        case .tooBrief(let minimum): throw RequestRefusal(423, remedy: .minExpires(minimum))
        }
    }

    /// The Event of notifications is that of the SUBSCRIBE as far as it matters: type and id (RFC 6665 §8.2.1).
    func eventValue(_ event: EventHeader?, _ package: Int) -> [UInt8] {
        var value: [UInt8] = []
        value.append(literal: self.configuration.packages[package].name)
        if let id = event?.id {
            value.append(literal: ";id=")
            value.append(contentsOf: id)
        }
        return value
    }

    /// The rates of an Event header; values that break the grammar count as absent (RFC 6446 §9.3).
    static func rates(of event: EventHeader) -> NotificationRates {
        guard !event.parameters.isEmpty else { return .none }
        return NotificationRates(
            maximum: event.parameters.value(of: "max-rate").flatMap { NotificationRate($0) },
            minimum: event.parameters.value(of: "min-rate").flatMap { NotificationRate($0) },
            adaptiveMinimum: event.parameters.value(of: "adaptive-min-rate").flatMap { NotificationRate($0) })
    }

}
