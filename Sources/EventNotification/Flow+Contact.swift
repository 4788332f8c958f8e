internal import Ground
package import SIPTransactions

extension Flow {
    /// The URI that a notifier's dialogs are reached at (RFC 6665 §4.5.1): this instance, over the transport that the
    /// subscriber used.
    /// - Parameters:
    ///   - host: an IPv6 address in brackets; nil for the address that the SUBSCRIBE came to.
    ///   - isSecure: whether the subscriber asked for sips (RFC 3261 §12.1.1).
    package func contactURI(host: [UInt8]?, isSecure: Bool) -> [UInt8] {
        var contact: [UInt8] = []
        contact.reserveCapacity(48)
        contact.append(literal: isSecure ? "sips:" : "sip:")
        if let host {
            contact.append(contentsOf: host)
        } else {
            contact.append(text: self.local.address.hostText)
        }
        contact.append(UInt8(ascii: ":"))
        contact.append(decimal: UInt64(self.local.port))
        switch self.transport {
        case .udp: break
        case .tcp: contact.append(literal: ";transport=tcp")
        case .tls: contact.append(literal: isSecure ? ";transport=tcp" : ";transport=tls")
        case .ws, .wss: contact.append(literal: ";transport=ws")
        }
        return contact
    }
}
