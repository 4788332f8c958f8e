import Ground
import SIPTransactions
import SIPWire

/// Client-initiated connections: which contacts of a REGISTER are flows (RFC 5626 §6).
struct Outbound: Sendable {
    /// What a contact says about itself.
    struct Registration: Sendable {
        /// `+sip.instance` without quotes and brackets; nil if there is none.
        var instance: [UInt8]?
        /// reg-id; 0 if the contact is no flow.
        var regID: UInt32
    }

    /// Whether outbound processing may be applied: the client stands directly before us, or its first hop can do it.
    private let isPossible: Bool

    init(
        _ request: SIPMessage, addresses: [NameAddress], expires: UInt32?
    ) throws(RegistrationUpdate.Refusal) {
        let vias = request.list(.via).count
        let path = (try? request.paths()) ?? []
        let hasFirstHop =
            path.last?.uri.parameters.contains("ob") == true || path.first?.uri.parameters.contains("ob") == true
        self.isPossible = vias <= 1 || hasFirstHop
        let flows = addresses.filter { Self.instance(of: $0) != nil && $0.parameters.contains("reg-id") }
        guard !flows.isEmpty else { return }
        if !self.isPossible, request.contains("outbound", in: .supported) {
            throw RegistrationUpdate.Refusal(439)
        }
        let live = addresses.filter {
            $0.parameters.value(of: "expires").flatMap { RegistrationUpdate.deltaSeconds($0) } ?? expires != 0
        }
        // RFC 5626 §6: a flow is registered alone.
        if self.isPossible, live.count > 1, live.contains(where: { $0.parameters.contains("reg-id") }) {
            throw RegistrationUpdate.Refusal(400, "Flow Not Registered Alone")
        }
    }

    /// What a contact of the request is.
    func registration(of address: NameAddress) -> Registration {
        let instance = Self.instance(of: address)
        // A reg-id without an instance means nothing (RFC 5626 §6).
        guard self.isPossible, instance != nil,
            let number = address.parameters.value(of: "reg-id").flatMap({ RegistrationUpdate.deltaSeconds($0) }),
            number > 0, number < 1 << 31
        else { return Registration(instance: instance, regID: 0) }
        return Registration(instance: instance, regID: number)
    }

    /// `+sip.instance="<urn:…>"` without quotes and brackets; nil if there is none or it is unreasonable.
    static func instance(of address: NameAddress) -> [UInt8]? {
        guard var value = address.parameters.unquotedValue(of: "+sip.instance"), value.first == UInt8(ascii: "<"),
            value.last == UInt8(ascii: ">"), value.count > 2, value.count <= 256
        else { return nil }
        value.removeLast()
        value.removeFirst()
        return value.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? value : nil
    }

    /// The flow that a contact without a Path is reached over; nil if its URI is to be resolved.
    ///
    /// Beside outbound flows (RFC 5626 §5.3) these are connections of the client itself (RFC 5923, RFC 7118 §5), and UDP where the
    /// client stands behind an address translator. A contact that names another element than the sender keeps to its URI.
    static func flow(
        to address: NameAddress, _ registration: Registration, _ request: SIPMessage, _ origin: Origin
    ) -> Flow? {
        guard request.list(.via).count <= 1, let via = try? request.topVia() else { return nil }
        if registration.regID > 0 { return origin.flow }
        let isSender =
            address.uri.host.equalsIgnoringCase(via.host) || address.uri.hostAddress == origin.flow.remote.address
        switch origin.flow.transport {
        case .ws, .wss: return origin.flow
        case .tcp, .tls: return isSender ? origin.flow : nil
        case .udp:
            let isTranslated = address.uri.hostAddress.map { $0 != origin.flow.remote.address } ?? false
            return isSender && isTranslated && via.hasRPort ? origin.flow : nil
        }
    }
}
