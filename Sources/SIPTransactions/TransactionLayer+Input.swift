package import Ground
package import SIPWire

extension TransactionLayer {
    /// What the layer is told.
    package enum Input: Sendable {
        // From the network.
        /// A message arrived that could be split into its parts.
        case messageReceived(SIPMessage, Origin)
        /// Bytes arrived that are no message at all; they are counted. Where they are a request over a limit, and what
        /// an answer needs could be read of it, it is answered.
        case unparsableReceived(ParseFault, Origin, remains: SIPMessage? = nil)
        /// Bytes could not be brought to the peer: a connection was refused or broke, a host was unreachable.
        case transmissionFailed(Path)
        /// The name system answered an ``Effect/resolve(_:_:)``.
        case hopsResolved(Ticket, ResolutionAnswer)

        // From the transaction user.
        /// The user answered a request: a whole response.
        case respond(ServerTransactionID, [UInt8])
        /// The user sends a request as a new transaction.
        case send(ClientTransactionID, OutgoingRequest)
        /// The user no longer wants the answer to an INVITE (RFC 3261 §9.1). Nothing else can be cancelled.
        case cancel(ClientTransactionID)
        /// The user acknowledges a 2xx to its INVITE (RFC 3261 §13.2.2.4): a request outside every transaction.
        case acknowledge(OutgoingRequest)
        /// A proxy passes a message on without a transaction (an ACK for a 2xx, RFC 3261 §16.6). The bytes carry every Via.
        case forward([UInt8], Path)
    }
}

/// A question to the name system, as RFC 3263 §4 asks them.
package enum ResolutionQuestion: Hashable, Sendable {
    /// NAPTR records of a domain.
    case naptr(String)
    /// SRV records of a service name such as `_sip._udp.example.com`.
    case service(String)
    /// A and AAAA records of a host.
    case addresses(String)
}

/// What the name system said. An empty list: the name has no such record.
package enum ResolutionAnswer: Hashable, Sendable {
    case naptr([NAPTRRecord])
    case service([ServiceRecord])
    case addresses([IPAddress])
    /// The name system did not answer, or answered with a failure.
    case failed
}

/// A NAPTR record (RFC 3403 §4.1), as far as SIP uses it.
package struct NAPTRRecord: Hashable, Sendable {
    package let order: UInt16
    package let preference: UInt16
    /// `s`: the replacement is a service name, `a`: a host.
    package let flags: String
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`, `SIP+D2W`, `SIPS+D2W`.
    package let service: String
    package let replacement: String

    package init(order: UInt16, preference: UInt16, flags: String, service: String, replacement: String) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.replacement = replacement
    }
}

/// An SRV record (RFC 2782).
package struct ServiceRecord: Hashable, Sendable {
    package let priority: UInt16
    package let weight: UInt16
    package let port: UInt16
    package let target: String

    package init(priority: UInt16, weight: UInt16, port: UInt16, target: String) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}
