import COpenSSL
import Glibc
import Ground

/// Certificates for trying things out: an authority of our own, and certificates that it issues.
///
/// For the demonstration, tests and a first start. A network that is in use takes its certificates from the
/// operator's authority (TS 33.310).
package final class SelfMadeAuthority {
    private let key: OpaquePointer
    private let certificate: OpaquePointer

    /// Where the parts of an issued certificate lie.
    package struct Files: Hashable, Sendable {
        /// PEM: the authority, to be believed by the other end.
        package let authorityFile: String
        /// PEM: the certificate.
        package let certificateFile: String
        /// PEM: its private key, readable by its owner alone.
        package let keyFile: String
    }

    /// Makes an authority with a fresh P-256 key, valid for ten years.
    ///
    /// - Throws: `signalling.tls-unusable` if OpenSSL refuses.
    package init(name: String = "Muster self-made authority") throws(Fault) {
        let key = try Self.newKey()
        guard let certificate = X509_new() else {
            EVP_PKEY_free(key)
            throw Self.fault("a certificate cannot be made")
        }
        self.key = key
        self.certificate = certificate
        try Self.fill(certificate, subject: name, key: key, days: 3650)
        guard X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1,
            muster_add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") == 1,
            muster_add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") == 1,
            muster_add_extension(certificate, certificate, NID_subject_key_identifier, "hash") == 1,
            X509_sign(certificate, key, EVP_sha256()) > 0
        else { throw Self.fault("the authority cannot be signed") }
    }

    deinit {
        X509_free(self.certificate)
        EVP_PKEY_free(self.key)
    }

    /// The authority's certificate in PEM.
    package func pem() throws(Fault) -> [UInt8] { try Self.pem(of: self.certificate) }

    /// Issues a certificate for both ends of TLS.
    ///
    /// - Parameters:
    ///   - names: the first is also the subject. A domain becomes a dNSName and a `sip:` URI (RFC 5922 §7.1, TS
    ///     33.310 §6.1.3a); an IP address an iPAddress; a text with `@` the URI `sip:user@domain`.
    ///   - days: how long it is valid; negative for one that has expired already.
    /// - Returns: certificate and private key in PEM.
    package func issue(names: [String], days: Int = 365) throws(Fault) -> (certificate: [UInt8], key: Redacted<[UInt8]>)
    {
        let entries = try names.map { name throws(Fault) in try Self.alternativeNames(of: name) }
        guard let subject = names.first else { throw Self.fault("a certificate needs a name") }
        let key = try Self.newKey()
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { throw Self.fault("a certificate cannot be made") }
        defer { X509_free(certificate) }
        try Self.fill(certificate, subject: subject, key: key, days: days)
        let alternatives = entries.joined(separator: ",")
        guard X509_set_issuer_name(certificate, X509_get_subject_name(self.certificate)) == 1,
            muster_add_extension(certificate, self.certificate, NID_basic_constraints, "critical,CA:FALSE") == 1,
            muster_add_extension(certificate, self.certificate, NID_key_usage, "critical,digitalSignature") == 1,
            muster_add_extension(certificate, self.certificate, NID_ext_key_usage, "serverAuth,clientAuth") == 1,
            muster_add_extension(certificate, self.certificate, NID_subject_alt_name, alternatives) == 1,
            X509_sign(certificate, self.key, EVP_sha256()) > 0
        else { throw Self.fault("the certificate for \(subject) cannot be signed") }
        return (try Self.pem(of: certificate), Redacted(try Self.pem(ofKey: key)))
    }

    /// Writes the authority and a certificate for `names` into a directory that exists: `authority.pem`,
    /// `NAME.pem`, `NAME.key`.
    ///
    /// - Throws: `settings.file-unusable` if a file cannot be written.
    package func write(names: [String], as name: String = "server", to directory: String, days: Int = 365)
        throws(Fault) -> Files
    {
        let issued = try self.issue(names: names, days: days)
        let files = Files(
            authorityFile: "\(directory)/authority.pem", certificateFile: "\(directory)/\(name).pem",
            keyFile: "\(directory)/\(name).key")
        try Self.write(try self.pem(), to: files.authorityFile, mode: 0o644)
        try Self.write(issued.certificate, to: files.certificateFile, mode: 0o644)
        try Self.write(issued.key.reveal(), to: files.keyFile, mode: 0o600)
        return files
    }

    // MARK: Parts

    private static func fault(_ what: String) -> Fault { Fault.tlsUnusable(OpenSSLError(what).description) }

    private static func newKey() throws(Fault) -> OpaquePointer {
        guard let key = muster_new_p256_key() else { throw Self.fault("a P-256 key cannot be made") }
        return key
    }

    private static func fill(_ certificate: OpaquePointer, subject: String, key: OpaquePointer, days: Int)
        throws(Fault)
    {
        var serial: UInt64 = 0
        guard withUnsafeMutableBytes(of: &serial, { RAND_bytes($0.baseAddress, 8) }) == 1 else {
            throw Self.fault("there is no random serial number")
        }
        let text = Array(subject.utf8.prefix(64))
        // An hour back, for peers whose clocks are a little behind; a whole day back for one that has expired.
        let start = days < 0 ? (days - 1) * 86400 : -3600
        guard X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial &>> 1) == 1,
            X509_gmtime_adj(X509_getm_notBefore(certificate), start) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86400) != nil,
            X509_set_pubkey(certificate, key) == 1,
            X509_NAME_add_entry_by_txt(
                X509_get_subject_name(certificate), "CN", MBSTRING_FLAG, text, Int32(text.count), -1, 0) == 1
        else { throw Self.fault("the certificate for \(subject) cannot be filled in") }
    }

    /// The entries of one name in the notation of x509v3_config(5). Characters that mean something there are refused.
    private static func alternativeNames(of name: String) throws(Fault) -> String {
        if let address = IPAddress(name) { return "IP:\(address)" }
        let isPlain = name.utf8.allSatisfy {
            ASCII.isLetter($0) || ASCII.isDigit($0) || "-._@+".utf8.contains($0)
        }
        guard isPlain, !name.isEmpty else { throw Fault.tlsUnusable("\(name) is no domain for a certificate") }
        return name.contains("@") ? "URI:sip:\(name)" : "DNS:\(name),URI:sip:\(name)"
    }

    private static func pem(of certificate: OpaquePointer) throws(Fault) -> [UInt8] {
        try Self.written { PEM_write_bio_X509($0, certificate) }
    }

    private static func pem(ofKey key: OpaquePointer) throws(Fault) -> [UInt8] {
        try Self.written { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }

    private static func written(_ body: (OpaquePointer) -> Int32) throws(Fault) -> [UInt8] {
        guard let memory = muster_memory_bio() else { throw Self.fault("there is no memory for a certificate") }
        defer { BIO_free(memory) }
        guard body(memory) == 1 else { throw Self.fault("a certificate cannot be written") }
        let count = muster_pending_bytes(memory)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = Int(max(0, BIO_read(memory, buffer.baseAddress, Int32(clamping: count))))
        }
    }

    private static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(Fault) {
        // Made anew under its final mode, so that a key is never readable by others, not even for a moment.
        unlink(path)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else {
            throw Fault.fileUnusable("\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        defer { Glibc.close(file) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + offset, bytes.count - offset) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw Fault.fileUnusable("\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            offset += count
        }
    }
}
