import PresenceServer
import SCSCF
import SIPTransactions
import SIPWire
import Signalling
import XDMServer

/// What a shard has counted since it began.
package struct ShardCounters: Sendable {
    /// Requests given to a box.
    package var requests: UInt64 = 0
    /// Messages that could not be parsed, by kind of fault.
    package var parseFaults: [ParseFault.Kind: UInt64] = [:]
    /// What the transaction layer threw away.
    package var dropped: [DropReason: UInt64] = [:]
    /// What the transaction layer observed.
    package var transactions: [SIPTransactions.Observation: UInt64] = [:]
    /// What the Presence Server observed.
    package var presence: [PresenceServer.Observation: UInt64] = [:]
    /// What the S-CSCF observed.
    package var registrar: [SCSCF.Observation: UInt64] = [:]
    /// What the XDM server observed.
    package var documents: [XDMServer.Observation: UInt64] = [:]
    /// Requests on Ut that were refused because too many waited, or because the shard was ending.
    package var utRefused: UInt64 = 0
    /// 2xx to INVITE that nobody acknowledged.
    package var acknowledgementsMissing: UInt64 = 0

    package init() {}
}

/// The state of a shard at one moment, for the administration port.
package struct ShardSnapshot: Sendable {
    package var counters: ShardCounters
    package var transports: TransportCounters
    package var connections: Int
}
