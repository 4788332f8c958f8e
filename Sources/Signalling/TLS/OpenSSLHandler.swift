import COpenSSL
import Ground
import NIOCore
import NIOTLS

/// TLS in a NIO pipeline: OpenSSL over two memory BIOs. What comes from the socket goes in below, clear text comes
/// out above, and the other way round.
///
/// All of the house's TLS connections run through this one handler. It fires
/// `TLSUserEvent.handshakeCompleted(negotiatedProtocol:)` once clear text may flow; clear text that is written
/// before that waits. A fault of the peer or of the record layer is fired as an ``OpenSSLError``, after the alert
/// that tells the peer has been written, and closes the channel: nothing of a broken record reaches the reader.
package final class OpenSSLHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// Where the connection stands. It only moves downwards in this list.
    private enum State { case idle, handshaking, active, closed }

    private let tls: TLSContext
    private let serverName: String?
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var state = State.idle
    private var hasSentClose = false
    private var hasReceivedClose = false
    private var waiting: [(buffer: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var clearText = ByteBuffer()
    private var refusal: String?

    /// The certificate that the other end proved to hold; nil before the handshake and where none was presented.
    package private(set) var peer: PeerCertificate?
    /// The negotiated version as OpenSSL names it (`TLSv1.3`); empty before the handshake.
    package private(set) var negotiatedVersion = ""
    /// The negotiated suite as OpenSSL names it; empty before the handshake.
    package private(set) var negotiatedSuite = ""

    /// - Parameters:
    ///   - tls: the shared context; its role decides which end this is.
    ///   - serverName: for a client, the domain that the server must prove to be (RFC 5922 §7.3).
    /// - Throws: `signalling.tls-unusable` if OpenSSL has no memory for another connection.
    package init(_ tls: TLSContext, serverName: String? = nil) throws(Fault) {
        self.tls = tls
        self.serverName = serverName
        guard let ssl = SSL_new(tls.raw) else {
            throw Fault.tlsUnusable(OpenSSLError("OpenSSL cannot make a connection").description)
        }
        guard let incoming = muster_memory_bio() else {
            SSL_free(ssl)
            throw Fault.tlsUnusable("OpenSSL has no memory for a connection's buffers")
        }
        guard let outgoing = muster_memory_bio() else {
            BIO_free(incoming)
            SSL_free(ssl)
            throw Fault.tlsUnusable("OpenSSL has no memory for a connection's buffers")
        }
        // From here on the SSL object owns both buffers.
        SSL_set_bio(ssl, incoming, outgoing)
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        SSL_set_ex_data(ssl, TLSContext.handlerIndex, Unmanaged.passUnretained(self).toOpaque())
        switch tls.role {
        case .server: SSL_set_accept_state(ssl)
        case .client:
            SSL_set_connect_state(ssl)
            // RFC 6066 §3: the extension carries host names, never addresses.
            if let serverName, IPAddress(serverName) == nil { _ = muster_ssl_server_name(ssl, serverName) }
        }
    }

    deinit { SSL_free(self.ssl) }

    // MARK: Life of the channel

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.start(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { self.failWaiting(ChannelError.ioOnClosedChannel) }

    package func channelActive(context: ChannelHandlerContext) {
        self.start(context)
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let isTruncated = self.state == .active && !self.hasReceivedClose && !self.hasSentClose
        let isUnfinished = self.state == .handshaking
        self.state = .closed
        self.failWaiting(ChannelError.ioOnClosedChannel)
        if isUnfinished {
            context.fireErrorCaught(OpenSSLError("handshake", reason: "the peer left during the handshake"))
        } else if isTruncated {
            context.fireErrorCaught(OpenSSLError("read", reason: "the peer left without close_notify"))
        }
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard self.state == .idle else { return }
        self.state = .handshaking
        self.advance(context)
    }

    private func failWaiting(_ error: any Error) {
        let waiting = self.waiting
        self.waiting.removeAll()
        for entry in waiting { entry.promise?.fail(error) }
    }

    private func fail(_ error: OpenSSLError, _ context: ChannelHandlerContext) {
        self.state = .closed
        self.failWaiting(error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input {
            if self.state == .active, !self.hasSentClose {
                self.encrypt(context)
                self.hasSentClose = true
                ERR_clear_error()
                _ = SSL_shutdown(self.ssl)
                self.drain(context)
            }
            if mode == .all { self.state = .closed }
        }
        context.close(mode: mode, promise: promise)
    }

    // MARK: From the socket

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.state == .handshaking || self.state == .active else { return }
        self.unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            if let base = bytes.baseAddress, !bytes.isEmpty {
                _ = BIO_write(self.incoming, base, Int32(clamping: bytes.count))
            }
        }
        self.advance(context)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
    }

    private func advance(_ context: ChannelHandlerContext) {
        if self.state == .handshaking { self.handshake(context) }
        if self.state == .active { self.decrypt(context) }
    }

    private func handshake(_ context: ChannelHandlerContext) {
        // SSL_get_error also looks at this thread's error queue, which other connections share.
        ERR_clear_error()
        let result = SSL_do_handshake(self.ssl)
        if result == 1 {
            self.drain(context)
            self.established(context)
            return
        }
        let kind = SSL_get_error(self.ssl, result)
        if kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE {
            self.drain(context)
            return
        }
        let error = self.refusal.map { OpenSSLError("handshake", reason: $0) } ?? OpenSSLError("handshake")
        self.drain(context)
        self.fail(error, context)
    }

    private func established(_ context: ChannelHandlerContext) {
        self.state = .active
        self.negotiatedVersion = String(cString: SSL_get_version(self.ssl))
        if let cipher = SSL_get_current_cipher(self.ssl) {
            self.negotiatedSuite = String(cString: SSL_CIPHER_get_name(cipher))
        }
        if let certificate = SSL_get0_peer_certificate(self.ssl) { self.peer = PeerCertificate(certificate) }
        context.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
        if self.state == .active, !self.waiting.isEmpty { self.encrypt(context) }
    }

    private func decrypt(_ context: ChannelHandlerContext) {
        while self.state == .active {
            ERR_clear_error()
            var count: Int32 = 0
            self.clearText.clear()
            self.clearText.writeWithUnsafeMutableBytes(minimumWritableBytes: Limits.tlsReadBytes) { bytes in
                count = SSL_read(self.ssl, bytes.baseAddress, Int32(Limits.tlsReadBytes))
                return Int(max(0, count))
            }
            if count > 0 {
                context.fireChannelRead(self.wrapInboundOut(self.clearText))
                continue
            }
            let kind = SSL_get_error(self.ssl, count)
            switch kind {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
                self.drain(context)
                return
            case SSL_ERROR_ZERO_RETURN:
                self.drain(context)
                self.hasReceivedClose = true
                context.fireChannelReadComplete()
                context.channel.close(promise: nil)
                return
            default:
                let error = OpenSSLError("read")
                self.drain(context)
                self.fail(error, context)
                return
            }
        }
    }

    // MARK: To the socket

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard self.state != .closed, !self.hasSentClose else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        self.waiting.append((self.unwrapOutboundIn(data), promise))
    }

    package func flush(context: ChannelHandlerContext) {
        if self.state == .active { self.encrypt(context) }
    }

    /// Encrypts what waits, in slices: a memory BIO that holds megabytes grows by copying itself.
    private func encrypt(_ context: ChannelHandlerContext) {
        let batch = self.waiting
        self.waiting.removeAll(keepingCapacity: true)
        var failure: OpenSSLError?
        for (buffer, promise) in batch {
            var rest = buffer
            while failure == nil, let slice = rest.readSlice(length: min(rest.readableBytes, Limits.tlsWriteBytes)),
                slice.readableBytes > 0
            {
                if self.encrypt(slice) {
                    self.drain(context)
                } else {
                    failure = OpenSSLError("write")
                }
            }
            if let failure {
                promise?.fail(failure)
            } else if let promise {
                // An empty write after the records of this one completes when they have left.
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: promise)
            }
        }
        if let failure, self.state == .active { self.fail(failure, context) }
    }

    private func encrypt(_ slice: ByteBuffer) -> Bool {
        slice.withUnsafeReadableBytes { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                ERR_clear_error()
                // A memory BIO never blocks, so that anything but progress is a fatal error of the connection.
                let count = SSL_write(self.ssl, base + offset, Int32(clamping: bytes.count - offset))
                guard count > 0 else { return false }
                offset += Int(count)
            }
            return true
        }
    }

    /// Passes on the records that OpenSSL has made.
    private func drain(_ context: ChannelHandlerContext) {
        let count = muster_pending_bytes(self.outgoing)
        guard count > 0 else { return }
        var records = context.channel.allocator.buffer(capacity: count)
        records.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            Int(max(0, BIO_read(self.outgoing, bytes.baseAddress, Int32(clamping: count))))
        }
        context.writeAndFlush(self.wrapOutboundOut(records), promise: nil)
    }

    // MARK: Whom we speak to

    /// Decides, inside the handshake, whether the other end's certificate is accepted: a chain to an authority that
    /// is believed, and for a client also the name that was wanted (RFC 5922 §7.3). What is refused here ends in
    /// the alert that names the fault.
    func verify(_ store: OpaquePointer) -> Bool {
        guard X509_verify_cert(store) == 1 else {
            let error = X509_STORE_CTX_get_error(store)
            self.refusal =
                "the peer's certificate is refused: \(String(cString: X509_verify_cert_error_string(Int(error))))"
            return false
        }
        guard self.tls.role == .client, self.tls.configuration.checksServerName else { return true }
        guard let serverName = self.serverName, let leaf = X509_STORE_CTX_get0_cert(store) else {
            X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH)
            self.refusal = "the server's name is not known, so that its certificate cannot be checked"
            return false
        }
        let certificate = PeerCertificate(leaf)
        if certificate.matches(domain: serverName) { return true }
        X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH)
        let names = certificate.identities.joined(separator: ", ")
        self.refusal = "the server is \(names.isEmpty ? certificate.subject : names), not \(serverName)"
        return false
    }
}
