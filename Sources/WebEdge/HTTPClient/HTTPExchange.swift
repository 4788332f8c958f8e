import Ground
import NIOCore
import NIOHTTP1

/// Sends one request after the other on a connection and collects their answers. It belongs to the channel's loop.
final class HTTPExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// What became of a request.
    struct Outcome: Sendable {
        let answer: HTTPClient.Answer
        /// Whether the connection can be used again.
        let isReusable: Bool
    }

    /// An answer that is being collected.
    private struct Collecting {
        let head: HTTPResponseHead
        var body: [UInt8] = []
    }

    /// The connection ended before anything of an answer came: on a connection that was used before, the server may
    /// just have closed it, and the request can be sent again.
    struct Ended: Error {}

    private let limits: HTTPClientLimits
    private var context: ChannelHandlerContext?
    private var promise: EventLoopPromise<Outcome>?
    private var alarm: Scheduled<Void>?
    private var collecting: Collecting?
    private let gzip = Gzip()

    init(limits: HTTPClientLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends a request; `promise` gets the answer.
    func send(
        _ head: HTTPRequestHead, body: [UInt8], timeout: TimeAmount, promise: EventLoopPromise<Outcome>
    ) {
        guard let context = self.context, context.channel.isActive, self.promise == nil else {
            promise.fail(Ended())
            return
        }
        self.promise = promise
        self.collecting = nil
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.alarm = context.eventLoop.scheduleTask(in: timeout) {
            bound.value.fail(Fault(code: "http.timeout", reason: "The server did not answer in time."))
        }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.collecting = Collecting(head: head)
        case .body(let bytes):
            let count = (self.collecting?.body.count ?? 0) + bytes.readableBytes
            guard count <= self.limits.bodyBytes else {
                self.fail(Self.invalid("its body is longer than \(self.limits.bodyBytes) bytes"))
                return
            }
            bytes.withUnsafeReadableBytes { self.collecting?.body.append(contentsOf: $0) }
        case .end: self.finish()
        }
    }

    private func finish() {
        guard let collected = self.collecting, let promise = self.promise else { return }
        var body = collected.body
        switch ContentCodings.coding(collected.head.headers.first(name: "Content-Encoding")) {
        case .identity: break
        case .gzip where body.isEmpty: break
        case .gzip:
            guard let plain = try? self.gzip.unpack(body, limit: self.limits.bodyBytes) else {
                self.fail(Self.invalid("its body cannot be unpacked, or is too long unpacked"))
                return
            }
            body = plain
        case .unknown:
            self.fail(Self.invalid("its body has a coding that was not asked for"))
            return
        }
        let isReusable = collected.head.isKeepAlive && self.context?.channel.isActive == true
        self.settle()
        promise.succeed(
            Outcome(
                answer: HTTPClient.Answer(
                    status: Int(collected.head.status.code),
                    fields: collected.head.headers.map { HTTPClient.Field($0.name, $0.value) }, body: body),
                isReusable: isReusable))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is HTTPParserError, is NIOHTTPDecoderError: self.fail(Self.invalid("\(error)"))
        default: self.fail(self.collecting == nil ? Ended() : Self.invalid("the connection broke: \(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.fail(self.collecting == nil ? Ended() : Self.invalid("the connection ended in the middle of it"))
        context.fireChannelInactive()
    }

    private func settle() {
        self.alarm?.cancel()
        self.alarm = nil
        self.promise = nil
        self.collecting = nil
    }

    private func fail(_ error: any Error) {
        let promise = self.promise
        self.settle()
        self.context?.close(promise: nil)
        promise?.fail(error)
    }

    private static func invalid(_ reason: String) -> Fault {
        Fault(code: "http.answer-invalid", reason: "The server's answer cannot be used: \(reason).")
    }
}
