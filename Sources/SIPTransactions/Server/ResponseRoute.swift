internal import Ground
internal import SIPWire

/// The way back of a response, found when its request arrives (RFC 3261 §18.2.2, RFC 3581 §4).
struct ResponseRoute {
    /// Over UDP: where the response goes. Over connections: the connection that the request came on.
    let flow: Flow
    /// Where to connect to when the connection is gone; nil where nobody listens.
    let otherwise: Hop?
    /// Where the request came from, for `received` and `rport`.
    let source: Endpoint

    var transport: Transport { flow.transport }

    /// - Parameter via: the top Via of the request.
    init(via: TopVia, origin: Flow, honoursMaddr: Bool) {
        self.source = origin.remote
        if origin.transport.isReliable {
            self.flow = origin
            // RFC 7118 §5.4: nobody can connect to a WebSocket client.
            guard origin.transport == .tcp || origin.transport == .tls else {
                self.otherwise = nil
                return
            }
            let port = via.port ?? origin.transport.defaultPort
            self.otherwise = Hop(
                transport: origin.transport, endpoint: Endpoint(origin.remote.address, port),
                serverName: origin.transport.isSecure ? via.hostOctets.text : nil)
            return
        }
        self.otherwise = nil
        let port = via.port ?? origin.transport.defaultPort
        let remote: Endpoint
        if honoursMaddr, let maddr = via.maddrOctets, let address = IPAddress(octets: maddr) {
            remote = Endpoint(address, port)
        } else if via.hasRPort {
            remote = origin.remote
        } else {
            remote = Endpoint(origin.remote.address, port)
        }
        self.flow = Flow(transport: .udp, local: origin.local, remote: remote)
    }

    /// The order to send a response this way.
    func effect(_ bytes: [UInt8]) -> TransactionLayer.Effect {
        self.flow.transport.isReliable
            ? .reply(bytes, self.flow, otherwise: self.otherwise) : .transmit(bytes, self.flow)
    }
}
