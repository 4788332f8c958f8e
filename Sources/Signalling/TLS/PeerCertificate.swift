import COpenSSL
import Ground

/// Whom a certificate says its holder is: the names in its subject alternative name extension.
package struct PeerCertificate: Hashable, Sendable {
    /// dNSName entries, lower-case.
    package private(set) var domainNames: [String] = []
    /// uniformResourceIdentifier entries.
    package private(set) var uris: [String] = []
    /// iPAddress entries.
    package private(set) var addresses: [IPAddress] = []
    /// The subject's distinguished name, for people.
    package private(set) var subject = ""

    init(_ certificate: OpaquePointer) {
        if let name = X509_NAME_oneline(X509_get_subject_name(certificate), nil, 0) {
            self.subject = String(cString: name)
            CRYPTO_free(name, #file, #line)
        }
        withUnsafeMutablePointer(to: &self) { pointer in
            _ = muster_subject_alternative_names(certificate, pointer) { argument, type, bytes, count in
                guard let argument, let bytes, count > 0 else { return }
                argument.assumingMemoryBound(to: PeerCertificate.self).pointee
                    .take(type: type, UnsafeBufferPointer(start: bytes, count: Int(count)))
            }
        }
    }

    /// For tests: the names that a certificate would hold.
    init(domainNames: [String], uris: [String], addresses: [IPAddress] = []) {
        self.domainNames = domainNames.map { $0.lowercased() }
        self.uris = uris
        self.addresses = addresses
    }

    private mutating func take(type: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        let known = self.domainNames.count + self.uris.count + self.addresses.count
        guard known < Limits.maximumCertificateNames else { return }
        // A zero byte inside a name is an old trick to show one name to us and another to the authority.
        let isClean = !bytes.contains(0)
        switch type {
        case GEN_DNS where isClean:
            self.domainNames.append(String(decoding: bytes, as: UTF8.self).lowercased())
        case GEN_URI where isClean:
            self.uris.append(String(decoding: bytes, as: UTF8.self))
        case GEN_IPADD where bytes.count == 4:
            self.addresses.append(IPAddress(ipv4: bytes.reduce(0) { $0 << 8 | UInt32($1) }))
        case GEN_IPADD where bytes.count == 16:
            let high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
            self.addresses.append(IPAddress(ipv6High: high, low: bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }))
        default:
            break
        }
    }

    /// The domains that the certificate speaks for (RFC 5922 §7.1): the hosts of `sip:` URIs without a user part;
    /// only if there is none of those, the dNSName entries. Lower-case.
    package var domainIdentities: [String] {
        let fromURIs = self.uris.compactMap(Self.domain(ofURI:))
        return fromURIs.isEmpty ? self.domainNames : fromURIs
    }

    /// All that the certificate asserts about its holder: ``domainIdentities``, then URIs that name a user, then
    /// addresses.
    package var identities: [String] {
        self.domainIdentities + self.uris.filter { Self.domain(ofURI: $0) == nil }
            + self.addresses.map(\.description)
    }

    /// Whether the certificate speaks for a domain. The comparison ignores case and knows no wildcards (RFC 5922
    /// §7.2). An IP address as the name is compared with the iPAddress entries.
    package func matches(domain: String) -> Bool {
        if let address = IPAddress(domain) { return self.addresses.contains(address) }
        var wanted = domain.lowercased()
        if wanted.hasSuffix(".") { wanted.removeLast() }
        return !wanted.isEmpty && self.domainIdentities.contains(wanted)
    }

    private static func domain(ofURI uri: String) -> String? {
        let scheme = uri.prefix(4)
        guard scheme.lowercased() == "sip:", !uri.contains("@") else { return nil }
        let host = uri.dropFirst(4).prefix { $0 != ";" && $0 != "?" && $0 != ":" }
        return host.isEmpty ? nil : host.lowercased()
    }
}
