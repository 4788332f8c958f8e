internal import Ground
internal import SIPWire

/// Writes our Via (RFC 3261 §18.1.1) and knows it again (§18.1.2).
struct ViaWriter: Sendable {
    /// What the layer writes for one transport.
    private struct Form: Sendable {
        /// `Via: SIP/2.0/UDP host:port;branch=z9hG4bK`
        let prefix: [UInt8]
        let suffix: [UInt8]
        let host: [UInt8]
        let port: UInt16?
    }

    /// One form a transport, in the order of their raw values.
    private let forms: [Form]

    init(_ configuration: TransactionLayer.Configuration) {
        self.forms = Transport.allCases.map { transport in
            let sentBy = configuration.sentBy[transport] ?? configuration.fallbackSentBy
            var prefix: [UInt8] = []
            prefix.append(literal: "Via: SIP/2.0/")
            prefix.append(literal: transport.viaToken)
            prefix.append(0x20)
            prefix.append(text: sentBy.host)
            if let port = sentBy.port {
                prefix.append(UInt8(ascii: ":"))
                prefix.append(decimal: UInt64(port))
            }
            prefix.append(literal: ";branch=z9hG4bK")
            // RFC 3581 §3: a client that sends from the port it listens on asks for symmetric responses.
            let asks = transport == .udp && configuration.asksForResponsePort
            return Form(
                prefix: prefix, suffix: asks ? Array(";rport".utf8) : [], host: Array(sentBy.host.utf8),
                port: sentBy.port)
        }
    }

    /// How many bytes ``insert(into:number:transport:)`` adds.
    func length(_ transport: Transport, parameters: [UInt8]) -> Int {
        let form = self.forms[Int(transport.rawValue)]
        return form.prefix.count + 16 + form.suffix.count + parameters.count + 2
    }

    /// The whole request, our Via in it.
    func insert(into request: OutgoingRequest, number: UInt64, transport: Transport) -> [UInt8] {
        let form = self.forms[Int(transport.rawValue)]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            request.bytes.count + form.prefix.count + 18 + form.suffix.count + request.viaParameters.count)
        bytes.append(contentsOf: request.bytes[..<request.viaOffset])
        bytes.append(contentsOf: form.prefix)
        bytes.append(hex: number)
        bytes.append(contentsOf: form.suffix)
        bytes.append(contentsOf: request.viaParameters)
        bytes.append(0x0D)
        bytes.append(0x0A)
        bytes.append(contentsOf: request.bytes[request.viaOffset...])
        return bytes
    }

    /// Whether the sent-by of a Via is ours for its transport (RFC 3261 §18.1.2).
    func isOurs(transport token: Octets, host: Octets, port: UInt16?) -> Bool {
        guard let transport = Transport(token: token) else { return false }
        let form = self.forms[Int(transport.rawValue)]
        guard host.equalsIgnoringCase(form.host[...]) else { return false }
        return (port ?? transport.defaultPort) == (form.port ?? transport.defaultPort)
    }

    /// The number in a branch of ours: the 16 hexadecimal digits behind the magic cookie.
    static func number(inBranch branch: Octets) -> UInt64? {
        guard branch.count == 23, branch.prefix(7).equalsIgnoringCase("z9hG4bK") else { return nil }
        return branch.withUnsafeBufferPointer { bytes in
            var number: UInt64 = 0
            for index in 7..<23 {
                guard let digit = ASCII.hexValue(bytes[index]) else { return nil }
                number = number &<< 4 | UInt64(digit)
            }
            return number
        }
    }
}
