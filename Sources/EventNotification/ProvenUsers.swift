internal import Ground
package import SIPTransactions
package import SIPWire

/// Who a request proves to be from, one kind of proof at a time (design law 8, RFC 3325, RFC 3261 §22). The boxes say in
/// which order they count, and what an anonymous identity means to them.

extension SIPMessage {
    /// The canonical identities that the trust domain asserts; of a peer outside of it they count for nothing.
    ///
    /// RFC 3325 §9.1: of two, one is a sip or sips URI and one a tel URI. The former goes first: it is the main one.
    package var assertedUsers: [[UInt8]] {
        self.assertedIdentities().map { $0.uri.canonicalIdentity }.sorted { $0.first == 0x73 && $1.first != 0x73 }
    }

    /// The canonical identity that From claims; nil for the anonymous URI, which names nobody (RFC 3323 §4.1.1.3).
    package var claimedUser: [UInt8]? {
        guard let uri = try? self.fromURI(), !uri.host.equalsIgnoringCase("anonymous.invalid") else { return nil }
        return uri.canonicalIdentity
    }

    /// Of several identities that the sender has proven, the one that From names goes first: there the sender chooses
    /// among its own.
    package func preferred(among identities: [[UInt8]]) -> [[UInt8]] {
        guard identities.count > 1, let from = try? self.fromURI().canonicalIdentity,
            let index = identities.firstIndex(of: from), index > 0
        else { return identities }
        var ordered = identities
        ordered.swapAt(0, index)
        return ordered
    }
}

extension Origin {
    /// The users that the certificate of a TLS peer names (RFC 5922 §7.1 names domains; only a URI with a user identifies
    /// one), canonical.
    package var certifiedUsers: [[UInt8]] {
        guard !self.certificateIdentities.isEmpty else { return [] }
        return self.certificateIdentities.compactMap { name in
            guard name.contains("@"), let uri = SIPURI(name), uri.isSIP, uri.user != nil else { return nil }
            return uri.canonicalIdentity
        }
    }
}
