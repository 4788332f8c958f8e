import Ground
import NIOCore
import NIOHTTP1
import XDMServer

/// One HTTP connection: one request after the other, each answered before the next is looked at, so that answers leave
/// in the order of their requests (RFC 9112 §9.3.2).
///
/// It belongs to the event loop of its channel.
final class UtConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the connection is doing.
    enum State {
        /// Between requests, since a moment.
        case idle(since: NIODeadline)
        /// The head is there, the body is coming.
        case reading(UtHead, since: NIODeadline)
        /// The node has the request.
        case answering(Exchange)
        /// The last answer has been written; it has left or not.
        case ending(since: NIODeadline, hasLeft: Bool)
        case closed
    }

    /// A request that the node has.
    struct Exchange {
        let number: UInt64
        let manner: UtAnswer.Manner
        let method: String
        /// The request target, for the log.
        let target: [UInt8]
        let bodyFault: UtRequest.BodyFault?
        let since: NIODeadline
    }

    /// What waits for the answer to an earlier request.
    private enum Waiting {
        case part(HTTPServerRequestPart)
        case fault(status: Int, reason: String)
    }

    let listener: UtListener
    let peer: Endpoint
    /// Whether there is no room for this connection, so that it only hears so.
    let isRefused: Bool
    var state: State
    /// When the first byte of a head came that is not complete yet.
    var headStarted: NIODeadline?
    /// Since when the client has not read what was written.
    var blockedSince: NIODeadline?
    /// Whether nothing that still comes is looked at.
    private(set) var isInputOver = false
    private var context: ChannelHandlerContext?
    private var body: [UInt8] = []
    /// What the listener keeps room for until the request is answered.
    var heldBytes = 0
    /// Bytes of a body that nobody will look at, and of what comes after the end.
    private var discarded = 0
    private var waiting = CircularBuffer<Waiting>()
    private var lastNumber: UInt64 = 0
    private var isReadHeld = false
    private var isInTurn = false
    private var needsFlush = false
    /// Whether the client has ended its side.
    private var isInputClosed = false
    private var headHasLineEnd = false
    private var headBeginsWithLetter = false

    init(listener: UtListener, peer: Endpoint, isRefused: Bool) {
        self.listener = listener
        self.peer = peer
        self.isRefused = isRefused
        self.state = .idle(since: .now())
    }

    /// Since when a request is on its way that is not complete yet.
    var sendingSince: NIODeadline? {
        if case .reading(_, let since) = self.state { return since }
        return self.headStarted
    }

    private var limits: UtLimits { self.listener.configuration.limits }

    // MARK: what the channel tells

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if self.isRefused {
            self.listener.counters.count(.refusedConnection)
            self.isInputOver = true
            self.write(
                UtAnswer.text(503, "too many connections", fields: [UtResponse.Field("Retry-After", Array("5".utf8))]),
                UtAnswer.Manner())
            self.close()
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.state = .closed
        self.waiting.removeAll()
        self.body = []
        self.listener.ended(self)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isInputOver else { return }
        let part = self.unwrapInboundIn(data)
        self.isInTurn = true
        if self.waiting.isEmpty, self.takesParts { self.take(part) } else { self.waiting.append(.part(part)) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.isInTurn = false
        self.settle()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            self.blockedSince = nil
            self.settle()
        }
        context.fireChannelWritabilityChanged()
    }

    /// A client that sends more requests while one is being answered is not read until those have had their turn.
    func read(context: ChannelHandlerContext) {
        if self.waiting.isEmpty { context.read() } else { self.isReadHeld = true }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent {
            self.isInputClosed = true
            // What the parser gave out at the end of the input comes without the end of a read.
            self.isInTurn = false
            if case .ending = self.state { self.close() } else { self.settle() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            // The socket failed: there is nobody to tell.
            self.close()
            return
        }
        guard !self.isInputOver else { return }
        self.isInputOver = true
        let (status, reason) = self.answer(to: error)
        if self.waiting.isEmpty, self.takesParts {
            self.answerFault(status, reason)
        } else {
            self.waiting.append(.fault(status: status, reason: reason))
        }
    }

    private func answer(to error: HTTPParserError) -> (Int, String) {
        switch error {
        case .headerOverflow:
            let isTarget = self.headStarted != nil && !self.headHasLineEnd
            self.listener.counters.count(isTarget ? .targetTooLong : .headTooLarge)
            return isTarget
                ? (414, "the target is longer than \(self.limits.targetBytes) bytes") : (431, "the head is too large")
        case .invalidMethod where self.headBeginsWithLetter:
            self.listener.counters.count(.malformed)
            return (501, "this method is not known")
        case .invalidVersion:
            self.listener.counters.count(.malformed)
            return (505, "this is not HTTP/1.1")
        default:
            self.listener.counters.count(.malformed)
            return (400, "this is no HTTP request")
        }
    }
}

// MARK: bytes before they are parsed

extension UtConnection {
    /// Notes that bytes came.
    ///
    /// - Returns: whether they are to be parsed.
    func noteBytes(_ bytes: ByteBuffer) -> Bool {
        self.listener.counters.bytesReceived &+= UInt64(bytes.readableBytes)
        if self.isInputOver {
            self.discarded += bytes.readableBytes
            if case .ending = self.state, self.discarded > self.limits.lingerBytes { self.close() }
            return false
        }
        if case .idle = self.state {
            if self.headStarted == nil {
                self.headStarted = .now()
                self.headHasLineEnd = false
                self.headBeginsWithLetter =
                    bytes.getInteger(at: bytes.readerIndex, as: UInt8.self).map(ASCII.isLetter) ?? false
            }
            if !self.headHasLineEnd {
                self.headHasLineEnd = bytes.withUnsafeReadableBytes { $0.contains(0x0A) }
            }
        }
        return true
    }
}

// MARK: requests

extension UtConnection {
    /// Whether the next part of a request can be looked at now.
    private var takesParts: Bool {
        switch self.state {
        case .idle, .reading: self.blockedSince == nil
        case .answering, .ending, .closed: false
        }
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch (part, self.state) {
        case (.head(let head), .idle): self.begin(self.listener.reader.read(head, from: self.peer))
        case (.body(let bytes), .reading(let head, _)): self.append(bytes, to: head)
        case (.end, .reading(let head, _)): self.finish(head)
        case (.head, _), (.body, _), (.end, _): break
        }
    }

    private func begin(_ head: UtHead) {
        self.headStarted = nil
        self.body = []
        self.discarded = 0
        let now = NIODeadline.now()
        self.state = .reading(head, since: now)
        let isTooLarge = head.length.map { $0 > self.limits.bodyBytes } ?? false
        if let refusal = head.refusal, refusal.isFinal || head.expectsContinue || isTooLarge {
            self.endInput()
            self.refuse(refusal, head)
        } else if isTooLarge {
            self.endInput()
            self.hand(head, fault: .tooLarge)
        } else if head.expectsContinue, head.length != 0 {
            var buffer = self.listener.allocator.buffer(capacity: 25)
            buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
            self.put(buffer)
        }
    }

    private func append(_ bytes: ByteBuffer, to head: UtHead) {
        let count = bytes.readableBytes
        if head.refusal != nil || head.coding == .unknown {
            self.discarded += count
            guard self.discarded > self.limits.bodyBytes else { return }
            self.endInput()
            if let refusal = head.refusal {
                self.refuse(refusal, head)
            } else {
                self.hand(head, fault: .unknownEncoding)
            }
        } else if self.body.count + count > self.limits.bodyBytes {
            self.endInput()
            self.hand(head, fault: .tooLarge)
        } else if !self.listener.hold(max(head.length ?? 0, self.body.count + count), for: self) {
            self.giveUp()
        } else {
            if self.body.isEmpty, let length = head.length { self.body.reserveCapacity(length) }
            bytes.withUnsafeReadableBytes { self.body.append(contentsOf: $0) }
        }
    }

    private func finish(_ head: UtHead) {
        if let refusal = head.refusal {
            self.refuse(refusal, head)
            return
        }
        switch head.coding {
        case .unknown where head.length != 0: self.hand(head, fault: .unknownEncoding)
        case .gzip where !self.body.isEmpty:
            do throws(Gzip.Fault) {
                let packed = self.body
                self.body = try self.listener.gzip.unpack(packed, limit: self.limits.bodyBytes)
                self.listener.counters.unpackedRequests &+= 1
                self.hand(head, fault: nil, packed: packed)
            } catch {
                self.hand(head, fault: error == .tooLarge ? .tooLarge : .broken)
            }
        case .unknown, .gzip, .identity: self.hand(head, fault: nil)
        }
    }

    /// Nothing more is read of this connection: the answer to this request is the last one.
    private func endInput() {
        self.isInputOver = true
        self.waiting.removeAll()
    }

    /// Gives a request to the node.
    private func hand(_ head: UtHead, fault: UtRequest.BodyFault?, packed: [UInt8]? = nil) {
        var request = head.request
        request.packedBody = packed
        request.bodyFault = fault
        if fault == nil { request.body = self.body }
        self.body = []
        switch fault {
        case .tooLarge: self.listener.counters.count(.bodyTooLarge)
        case .unknownEncoding: self.listener.counters.count(.unknownCoding)
        case .broken: self.listener.counters.count(.brokenCoding)
        case nil: break
        }
        let exchange = self.exchange(head, fault: fault)
        self.state = .answering(exchange)
        let loop = self.listener.loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let number = exchange.number
        self.listener.handler(request) { response in
            if loop.inEventLoop {
                bound.value.answered(number, response)
            } else {
                loop.execute { bound.value.answered(number, response) }
            }
        }
    }

    private func exchange(_ head: UtHead, fault: UtRequest.BodyFault?) -> Exchange {
        self.lastNumber &+= 1
        let method = head.request.method[...].text
        let varies = method == "GET" || head.isHead
        let keepsAlive = head.keepsAlive && !self.isInputOver && !self.isInputClosed && !self.listener.isDraining
        return Exchange(
            number: self.lastNumber,
            manner: UtAnswer.Manner(
                isHead: head.isHead, keepsAlive: keepsAlive, announcesKeepAlive: head.announcesKeepAlive,
                acceptsGzip: varies && head.acceptsGzip, varies: varies),
            method: method, target: head.request.requestTarget, bodyFault: fault, since: .now())
    }

    /// Answers a request without the node.
    private func refuse(_ refusal: UtHead.Refusal, _ head: UtHead) {
        switch refusal.status {
        case 414: self.listener.counters.count(.targetTooLong)
        case 421: self.listener.counters.count(.foreignHost)
        case 404: break
        default: self.listener.counters.count(.malformed)
        }
        if refusal.isFinal { self.endInput() }
        let exchange = self.exchange(head, fault: nil)
        self.state = .answering(exchange)
        self.answered(exchange.number, UtAnswer.text(refusal.status, refusal.reason))
    }

    /// Tells a client that what it sent is no request; then the connection ends.
    func answerFault(_ status: Int, _ reason: String, fields: [UtResponse.Field] = []) {
        self.endInput()
        self.body = []
        self.listener.release(self)
        self.write(UtAnswer.text(status, reason, fields: fields), UtAnswer.Manner())
        self.end()
    }

    /// There is no room for the body that is coming.
    func giveUp() {
        self.listener.counters.count(.bodiesTooLarge)
        self.answerFault(
            503, "there is no room for the body", fields: [UtResponse.Field("Retry-After", Array("5".utf8))])
    }
}

// MARK: answers

extension UtConnection {
    /// The node has answered.
    func answered(_ number: UInt64, _ response: UtResponse) {
        guard case .answering(let exchange) = self.state, exchange.number == number else { return }
        self.listener.release(self)
        var response = response
        if response.status == 415, exchange.bodyFault == .unknownEncoding {
            // RFC 7694 §3: which codings would do.
            response.fields.append(UtResponse.Field("Accept-Encoding", Array("gzip".utf8)))
        }
        var manner = exchange.manner
        if self.isInputClosed || self.listener.isDraining { manner.keepsAlive = false }
        self.write(response, manner)
        self.listener.note(exchange, status: response.status, peer: self.peer)
        if manner.keepsAlive {
            self.state = .idle(since: .now())
            self.settle()
        } else {
            self.end()
        }
    }

    private func write(_ response: UtResponse, _ manner: UtAnswer.Manner) {
        var packed: [UInt8]?
        if manner.acceptsGzip, response.status == 200, response.body.count >= self.limits.gzipFromBytes {
            packed = self.listener.gzip.pack(response.body)
            self.listener.counters.packedAnswers &+= 1
        }
        self.put(
            UtAnswer.write(
                response, manner, date: self.listener.date(), packed: packed, allocator: self.listener.allocator))
    }

    private func put(_ buffer: ByteBuffer) {
        guard let context = self.context else { return }
        self.listener.counters.bytesSent &+= UInt64(buffer.readableBytes)
        context.write(self.wrapOutboundOut(buffer), promise: nil)
        self.needsFlush = true
        if !context.channel.isWritable {
            self.blockedSince = .now()
            self.flush()
        } else if !self.isInTurn {
            self.flush()
        }
    }

    private func flush() {
        guard self.needsFlush else { return }
        self.needsFlush = false
        self.context?.flush()
    }

    /// Takes what waits, as far as that goes now; then lets what was written go, and reads on.
    private func settle() {
        // An answer that comes at once, while a part is taken, must not begin another round inside this one.
        guard !self.isInTurn else { return }
        self.isInTurn = true
        while self.takesParts, let next = self.waiting.popFirst() {
            switch next {
            case .part(let part): self.take(part)
            case .fault(let status, let reason): self.answerFault(status, reason)
            }
        }
        self.isInTurn = false
        self.flush()
        if case .idle = self.state, self.isInputClosed, self.waiting.isEmpty { self.close() }
        if self.isReadHeld, self.waiting.isEmpty {
            self.isReadHeld = false
            self.context?.read()
        }
    }

    /// The last answer is written: the connection ends when it has left.
    ///
    /// Where the client may still be sending, only our side is closed, and what comes is thrown away for a while: a
    /// socket that is closed with bytes unread takes the answer with it (RFC 9112 §9.6).
    private func end() {
        guard let context = self.context else { return }
        self.state = .ending(since: .now(), hasLeft: false)
        self.waiting.removeAll()
        self.discarded = 0
        let lingers = self.isInputOver && !self.isInputClosed
        let loop = self.listener.loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let left = loop.makePromise(of: Void.self)
        // An empty write behind the answer tells when the answer has left.
        context.writeAndFlush(self.wrapOutboundOut(self.listener.allocator.buffer(capacity: 0)), promise: left)
        left.futureResult.whenComplete { _ in bound.value.left(lingers: lingers) }
        if self.isReadHeld {
            self.isReadHeld = false
            context.read()
        }
    }

    private func left(lingers: Bool) {
        guard case .ending = self.state else { return }
        guard lingers else {
            self.close()
            return
        }
        self.isInputOver = true
        self.state = .ending(since: .now(), hasLeft: true)
        self.context?.close(mode: .output, promise: nil)
    }

    /// Ends the connection at once.
    func close() {
        self.flush()
        self.context?.close(promise: nil)
    }
}

/// Sees the bytes of a connection before they are parsed: for the time that a head may take, and so that nothing is
/// parsed or kept after the last answer.
final class UtIntake: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: UtConnection

    init(_ connection: UtConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.connection.noteBytes(self.unwrapInboundIn(data)) { context.fireChannelRead(data) }
    }
}
