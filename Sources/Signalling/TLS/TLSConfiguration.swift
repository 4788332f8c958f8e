/// How one end of TLS connections behaves: its certificate, whom it believes, and what it negotiates.
///
/// The defaults are the profile of TS 33.310 Annex E and TS 33.210 §6.2: TLS 1.2 and 1.3 only, ephemeral key
/// exchange and authenticated encryption only, no compression, no renegotiation, no session tickets.
package struct TLSConfiguration: Hashable, Sendable {
    /// A protocol version.
    package enum Version: Hashable, Sendable { case tls12, tls13 }

    /// Whether the certificate of the other end is asked for and checked.
    package enum PeerVerification: Hashable, Sendable {
        /// A server asks for no certificate. A client never uses this: it always checks the server.
        case none
        /// A server asks; a client may come without, but what it presents must be valid.
        case ifPresented
        /// Mutual TLS: who presents no valid certificate is refused.
        case required
    }

    /// PEM file with the certificate of this end, then the authorities between it and the root.
    package var certificateFile: String?
    /// PEM file with the private key of ``certificateFile``.
    package var keyFile: String?
    /// PEM file with the authorities that are believed; nil for those of the operating system.
    package var authorityFile: String?
    /// What a server asks of its clients.
    package var peerVerification: PeerVerification
    /// Lowest version spoken.
    package var minimumVersion: Version
    /// Highest version spoken.
    package var maximumVersion: Version
    /// TLS 1.2 suites in OpenSSL's notation.
    package var ciphers: String
    /// TLS 1.3 suites in OpenSSL's notation.
    package var suites: String
    /// Key-exchange groups, most preferred first.
    package var groups: String
    /// Whether a client compares the server's certificate with the domain it wanted (RFC 5922 §7.3). Only a peer
    /// whose name cannot be known, such as one found by address alone, may go without.
    package var checksServerName: Bool

    package init(
        certificateFile: String? = nil, keyFile: String? = nil, authorityFile: String? = nil,
        peerVerification: PeerVerification = .none, minimumVersion: Version = .tls12,
        maximumVersion: Version = .tls13, checksServerName: Bool = true
    ) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.authorityFile = authorityFile
        self.peerVerification = peerVerification
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!eNULL:!PSK"
        self.suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
        self.groups = "X25519:P-256:P-384:P-521"
        self.checksServerName = checksServerName
    }
}
