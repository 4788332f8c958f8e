import Ground
import SIPTransactions
import SIPWire
import Signalling
import UserAgent

/// What a client command runs with, once all options are read.
struct ClientConfiguration: Sendable {
    /// Who the user is; its Contact is made when the socket is open.
    var agent: UserAgent.Configuration
    /// The transport to the server, where the user chose one.
    var transport: Transport?
    /// Where to listen; port 0 lets the system choose.
    var bind: Endpoint
    /// Whether the server was named by its address, so that no certificate can carry its name.
    var isServerLiteral: Bool
    var authorityFile: String?
    var certificateFile: String?
    var keyFile: String?
    var trace: TraceSink?

    /// The Contact for a socket: the user's name at that address, and the transport that leads there.
    func contact(at bound: Endpoint) -> String {
        var user = ""
        if let uri = SIPURI(self.agent.identity), let part = uri.user { user = part.text + "@" }
        let host = "\(bound.address.hostText):\(bound.port)"
        switch self.transport {
        case .tcp: return "sip:\(user)\(host);transport=tcp"
        case .tls: return "sip:\(user)\(host);transport=tls"
        case .udp, .ws, .wss, nil: return "sip:\(user)\(host)"
        }
    }
}
