import Ground
import NIOCore
import NIOHTTP1
import NIOWebSocket
import SIPTransactions

/// The last handler of a WebSocket pipeline (RFC 6455, RFC 7118): one message a frame, control frames answered.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let connection: StreamConnection
    private let transports: SIPTransports
    private var hasSentClose = false
    private var message: [UInt8] = []
    private var fragments = 0
    private var isText = false

    init(_ connection: StreamConnection, _ transports: SIPTransports) {
        self.connection = connection
        self.transports = transports
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.transports.deliverTurn()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        guard !self.hasSentClose else { return }
        // RFC 6455 §5.1: a frame of a client that is not masked ends the connection.
        guard frame.maskKey != nil else {
            self.fail(context, .protocolError)
            return
        }
        // RFC 6455 §5.2: the reserved bits mean something only to an extension, and none was agreed.
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            self.fail(context, .protocolError)
            return
        }
        switch frame.opcode {
        case .text, .binary, .continuation:
            self.take(frame, context)
        case .ping:
            // RFC 6455 §5.5.2: answered with the same bytes.
            self.transports.counters.keepAlivesReceived += 1
            self.transports.counters.keepAlivesAnswered += 1
            let answer = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
        case .connectionClose:
            // RFC 6455 §5.5.1: a body begins with a code of two bytes; half of one is no reason to send back.
            guard frame.unmaskedData.readableBytes != 1 else {
                self.fail(context, .protocolError)
                return
            }
            self.hasSentClose = true
            let answer = WebSocketFrame(fin: true, opcode: .connectionClose, data: frame.unmaskedData)
            context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
            self.transports.deliverTurn()
            context.close(promise: nil)
        case .pong:
            break
        default:
            self.fail(context, .protocolError)
        }
    }

    /// Puts the fragments of a message together (RFC 6455 §5.4).
    private func take(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
        let isContinuation = frame.opcode == .continuation
        guard isContinuation == (self.fragments > 0) else {
            self.fail(context, .protocolError)
            return
        }
        if !isContinuation { self.isText = frame.opcode == .text }
        self.message.append(contentsOf: frame.unmaskedData.readableBytesView)
        self.fragments += 1
        guard self.message.count <= self.transports.configuration.wireLimits.maximumMessageBytes,
            self.fragments <= Limits.maximumWebSocketFragments
        else {
            self.connection.countOversized()
            self.fail(context, .messageTooLarge)
            return
        }
        guard frame.fin else {
            self.connection.messageUnfinished()
            return
        }
        let message = self.message
        self.message = []
        self.fragments = 0
        guard !self.isText || String(validating: message, as: UTF8.self) != nil else {
            self.fail(context, .dataInconsistentWithMessage)
            return
        }
        self.connection.received(frame: message)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.transports.deliverTurn()
        self.connection.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.connection.writabilityChanged(context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOWebSocketError.invalidFrameLength = error {
            self.connection.countOversized()
            self.fail(context, .messageTooLarge)
        } else {
            self.transports.connectionBroke(self.connection, error)
            self.fail(context, .protocolError)
        }
    }

    /// Ends the connection and tells the peer why (RFC 6455 §7.1.7).
    private func fail(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        if !self.hasSentClose {
            self.hasSentClose = true
            var data = ByteBuffer()
            data.write(webSocketErrorCode: code)
            let frame = WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
            context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
        }
        context.close(promise: nil)
    }
}

/// Answers HTTP requests that are no WebSocket opening for SIP (RFC 6455 §4.4), and goes away once one is.
final class WebSocketRefusalHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let connection: StreamConnection
    private let transports: SIPTransports

    init(_ connection: StreamConnection, _ transports: SIPTransports) {
        self.connection = connection
        self.transports = transports
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = self.unwrapInboundIn(data) else { return }
        self.transports.counters.handshakesFailed += 1
        var headers = HTTPHeaders([("Content-Length", "0"), ("Connection", "close")])
        let isUpgrade = request.headers["upgrade"].contains { $0.lowercased().contains("websocket") }
        if !isUpgrade { headers.add(name: "Upgrade", value: "websocket") }
        headers.add(name: "Sec-WebSocket-Version", value: "13")
        let head = HTTPResponseHead(
            version: .http1_1, status: isUpgrade ? .badRequest : .upgradeRequired, headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A refused opening is reported first and then handed over as an ordinary request, which gets its answer above.
        if error is NIOWebSocketUpgradeError || error is HTTPServerUpgradeErrors { return }
        self.transports.connectionBroke(self.connection, error)
        context.close(promise: nil)
    }
}

/// Stands at the end of a WebSocket pipeline from the first byte on, whatever handlers come and go before it, and
/// tells the connection about its channel.
final class WebSocketLifeHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let connection: StreamConnection

    init(_ connection: StreamConnection) { self.connection = connection }

    func channelActive(context: ChannelHandlerContext) {
        self.connection.connected(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.connection.ended()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.connection.close() }
        context.fireUserInboundEventTriggered(event)
    }
}
