internal import Ground
internal import SIPWire

/// A place in the table of server transactions. Places are used again.
///
/// Of an answered request nothing stays here but the key and the response: with tens of thousands of requests a
/// second and 32 seconds of timer J every byte counts.
final class ServerSlot {
    /// The machine of every method but INVITE; `terminated` where an INVITE or nobody lives here.
    var nonInvite: NonInviteServerTransaction = .terminated
    /// The machine of an INVITE.
    var invite: MachineBox<InviteServerTransaction>?
    /// What names the transaction in a request (RFC 3261 §17.2.3).
    var key: [UInt8] = []
    /// The keyed hash of ``key``: the transaction's ``ServerTransactionID``.
    var number: UInt64 = 0
    /// The keyed hash of From tag, Call-ID and CSeq (RFC 3261 §8.2.2.2); zero if the transaction is not in that index.
    var mergeNumber: UInt64 = 0
}

/// Holds a machine that must not be copied where only references can be kept.
final class MachineBox<Machine: ~Copyable> {
    var machine: Machine

    init(_ machine: consuming Machine) { self.machine = machine }
}

/// What a server transaction needs until it has its final response.
final class PendingServerRequest {
    let message: SIPMessage
    let route: ResponseRoute

    init(message: SIPMessage, route: ResponseRoute) {
        self.message = message
        self.route = route
    }
}
