import Ground
import NIOCore
import NIOTLS

/// The last handler of a TCP or TLS pipeline: gives clear text to the connection and tells it what happens.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: StreamConnection
    private let transports: SIPTransports

    init(_ connection: StreamConnection, _ transports: SIPTransports) {
        self.connection = connection
        self.transports = transports
    }

    func channelActive(context: ChannelHandlerContext) {
        self.connection.connected(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.transports.deliverTurn()
        self.connection.ended()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.unwrapInboundIn(data).withUnsafeReadableBytes { self.connection.received($0) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.transports.deliverTurn()
        // Keep-alive answers are written without a turn.
        self.connection.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.connection.writabilityChanged(context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted:
            let tls = try? context.pipeline.syncOperations.handler(type: OpenSSLHandler.self)
            self.connection.opened(peer: tls?.peer)
        case ChannelEvent.inputClosed:
            self.transports.deliverTurn()
            self.connection.inputClosed()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.transports.connectionBroke(self.connection, error)
        context.close(promise: nil)
    }
}
