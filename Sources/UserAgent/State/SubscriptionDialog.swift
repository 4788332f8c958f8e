import Ground
import SIPTransactions
import SIPWire

/// The dialog of a subscription, made by its first NOTIFY (RFC 6665 §4.4.1): the route set and the remote target come
/// from there, not from the 2xx to the SUBSCRIBE.
struct SubscriptionDialog: Sendable {
    /// The notifier's tag.
    let remoteTag: [UInt8]
    /// Where requests inside the dialog are addressed: the notifier's Contact.
    private(set) var remoteTarget: [UInt8]
    /// Record-Route of the NOTIFY, in its order: the subscriber is the receiving side (RFC 3261 §12.1.1).
    let routeSet: [[UInt8]]
    /// CSeq of the last NOTIFY (RFC 3261 §12.2.2).
    private(set) var remoteSequence: UInt32

    /// Nil if the NOTIFY cannot make a dialog: no tag, no usable Contact, too many routes.
    init?(notify message: SIPMessage) {
        guard let tag = message.fromTag(), !tag.isEmpty, let sequence = try? message.cseq(),
            let target = Self.target(of: message)
        else { return nil }
        let routes = message.list(.recordRoute)
        guard routes.count <= Limits.maximumRoutes, routes.allSatisfy({ (try? NameAddress.parse($0)) != nil })
        else { return nil }
        self.remoteTag = Array(tag)
        self.remoteTarget = target
        self.routeSet = routes.map { Array($0) }
        self.remoteSequence = sequence.number
    }

    private static func target(of message: SIPMessage) -> [UInt8]? {
        guard let contacts = try? message.contacts(), contacts.addresses.count == 1,
            let address = contacts.addresses.first, address.uri.isSIP
        else { return nil }
        return Array(address.uriOctets)
    }

    /// Whether a NOTIFY is newer than all before it. If so it becomes the last one, and its Contact the remote target
    /// (RFC 3261 §12.2.2).
    mutating func accepts(_ message: SIPMessage, sequence: UInt32) -> Bool {
        guard sequence > self.remoteSequence else { return false }
        self.remoteSequence = sequence
        self.refreshTarget(from: message)
        return true
    }

    /// NOTIFY and the 2xx to a SUBSCRIBE refresh the target (RFC 6665 §4.4.1, RFC 3261 §12.2.1.2).
    mutating func refreshTarget(from message: SIPMessage) {
        if let target = Self.target(of: message) { self.remoteTarget = target }
    }

    /// Request-URI and Route values of a request in the dialog (RFC 3261 §12.2.1.1). A first route without `lr` is a
    /// strict router: it becomes the Request-URI, and the remote target the last route.
    var path: (uri: [UInt8], routes: [[UInt8]]) {
        guard let first = self.routeSet.first, let address = try? NameAddress.parse(Octets(first)),
            !address.uri.isLooseRouter
        else { return (self.remoteTarget, self.routeSet) }
        var routes = Array(self.routeSet.dropFirst())
        routes.append(Array("<".utf8) + self.remoteTarget + Array(">".utf8))
        return (Array(address.uriOctets), routes)
    }
}
