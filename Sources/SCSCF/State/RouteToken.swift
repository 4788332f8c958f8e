import Cryptography
import Ground
import SIPTransactions

/// What we write in the place of the user into Record-Route: proof that we let the dialog through, and the flow that one of its
/// ends is reached over (RFC 5626 §5.2).
///
/// The proof is bound to the Call-ID. So a Route that leads through us opens the way for the one dialog only, and nobody can use
/// us as a relay by writing a Route of his own. Nothing is kept here for it.
struct RouteToken: Sendable {
    private let signer: MessageAuthenticationKey
    private static let proofSize = 12

    /// What a genuine token says.
    struct Opened: Sendable {
        /// The way to the end of the dialog; nil if its URI is to be resolved.
        var flow: Flow?
    }

    init(secret: Redacted<[UInt8]>) { self.signer = MessageAuthenticationKey(secret.reveal()) }

    /// A token for a dialog.
    ///
    /// - Parameter flow: the way to the end of the dialog on this side; nil if its URI can be resolved.
    func make(callID: Octets, flow: Flow?) -> [UInt8] {
        let payload = flow.map { FlowEncoding.encode($0) } ?? []
        return Base64URL.encode(payload + self.proof(payload, callID))
    }

    /// What a token says; nil if we did not make it, or for another dialog.
    func open(_ token: Octets, callID: Octets) -> Opened? {
        guard token.count <= 128, let bytes = Base64URL.decode(token), bytes.count >= Self.proofSize else { return nil }
        let payload = Array(bytes.dropLast(Self.proofSize))
        guard constantTimeEquals(bytes.suffix(Self.proofSize), self.proof(payload, callID)[...]) else { return nil }
        return Opened(flow: payload.isEmpty ? nil : FlowEncoding.decode(payload[...]))
    }

    private func proof(_ payload: [UInt8], _ callID: Octets) -> [UInt8] {
        Array(self.signer.code([UInt8(truncatingIfNeeded: payload.count)] + payload + callID).prefix(Self.proofSize))
    }
}
