import COpenSSL
import Ground

/// What all connections of one listener, or all outgoing ones, share: certificate, key, authorities, suites.
///
/// Making one costs about 1.6 ms and a connection's part 4 µs, so there is one for each listener and one for the
/// client side. It is never changed after it is made, which is why it may cross threads.
package final class TLSContext: @unchecked Sendable {
    /// Which end of the connection this context is for.
    package enum Role: Sendable { case server, client }

    let raw: OpaquePointer
    package let role: Role
    package let configuration: TLSConfiguration

    /// The slot in which an SSL object keeps the handler that owns it.
    static let handlerIndex = muster_ssl_ex_index()

    /// - Throws: `signalling.tls-unusable` if a file is missing, does not fit or is not believed by OpenSSL.
    package init(_ configuration: TLSConfiguration, role: Role) throws(Fault) {
        ERR_clear_error()
        guard let raw = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method()) else {
            throw Fault.tlsUnusable(OpenSSLError("OpenSSL cannot make a TLS context").description)
        }
        self.raw = raw
        self.role = role
        self.configuration = configuration
        muster_ctx_default_mode(raw)
        muster_ctx_default_options(raw)
        muster_ctx_no_session_cache(raw)
        muster_ctx_dh_auto(raw)
        try self.negotiate()
        try self.loadFiles()
        self.verifyPeers()
    }

    deinit { SSL_CTX_free(self.raw) }

    private static func require(_ succeeded: Bool, _ what: String) throws(Fault) {
        if !succeeded { throw Fault.tlsUnusable(OpenSSLError(what).description) }
    }

    private func negotiate() throws(Fault) {
        func number(_ version: TLSConfiguration.Version) -> Int32 {
            version == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        }
        let configuration = self.configuration
        try Self.require(
            muster_ctx_min_version(self.raw, number(configuration.minimumVersion)) == 1
                && muster_ctx_max_version(self.raw, number(configuration.maximumVersion)) == 1,
            "the TLS versions cannot be set")
        try Self.require(
            SSL_CTX_set_cipher_list(self.raw, configuration.ciphers) == 1,
            "no TLS 1.2 suite matches \(configuration.ciphers)")
        try Self.require(
            SSL_CTX_set_ciphersuites(self.raw, configuration.suites) == 1,
            "no TLS 1.3 suite matches \(configuration.suites)")
        try Self.require(
            muster_ctx_groups(self.raw, configuration.groups) == 1,
            "the key-exchange groups \(configuration.groups) cannot be set")
    }

    private func loadFiles() throws(Fault) {
        let configuration = self.configuration
        if let file = configuration.certificateFile {
            try Self.require(
                SSL_CTX_use_certificate_chain_file(self.raw, file) == 1, "the certificate \(file) cannot be used")
        }
        if let file = configuration.keyFile {
            try Self.require(
                SSL_CTX_use_PrivateKey_file(self.raw, file, SSL_FILETYPE_PEM) == 1,
                "the private key \(file) cannot be used")
            try Self.require(
                SSL_CTX_check_private_key(self.raw) == 1, "the private key \(file) is not that of the certificate")
        }
        if let file = configuration.authorityFile {
            try Self.require(
                SSL_CTX_load_verify_file(self.raw, file) == 1, "the authorities in \(file) cannot be used")
            // A server names the authorities it believes, so that a client can choose among its certificates.
            if self.role == .server { SSL_CTX_set_client_CA_list(self.raw, SSL_load_client_CA_file(file)) }
        } else {
            try Self.require(
                SSL_CTX_set_default_verify_paths(self.raw) == 1, "the system's authorities cannot be used")
        }
        if self.role == .server {
            try Self.require(
                configuration.certificateFile != nil && configuration.keyFile != nil,
                "a TLS server needs a certificate and its key")
        }
        ERR_clear_error()
    }

    private func verifyPeers() {
        let mode: Int32 =
            switch (self.role, self.configuration.peerVerification) {
            case (.client, _): SSL_VERIFY_PEER
            case (.server, .none): SSL_VERIFY_NONE
            case (.server, .ifPresented): SSL_VERIFY_PEER
            case (.server, .required): SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            }
        SSL_CTX_set_verify(self.raw, mode, nil)
        SSL_CTX_set_verify_depth(self.raw, Limits.maximumCertificateChain)
        SSL_CTX_set_cert_verify_callback(
            self.raw,
            { store, _ in
                guard let store, let ssl = muster_store_ctx_ssl(store),
                    let handler = SSL_get_ex_data(ssl, TLSContext.handlerIndex)
                else { return 0 }
                return Unmanaged<OpenSSLHandler>.fromOpaque(handler).takeUnretainedValue().verify(store) ? 1 : 0
            }, nil)
    }
}
