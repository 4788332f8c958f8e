internal import Ground
internal import SIPWire

/// What says that a request belongs to a server transaction (RFC 3261 §17.2.3).
struct ServerKey {
    /// What must be equal, in one run of bytes, without the method.
    let bytes: [UInt8]
    /// The keyed hash of the bytes.
    private let hash: UInt64
    private let hasher: KeyedHash

    /// - Parameter via: the top Via of the request.
    init(_ message: SIPMessage, via: TopVia, hasher: KeyedHash) {
        var bytes: [UInt8]
        if let branch = via.branch, branch.count > 7, via.octets[branch].prefix(7).equalsIgnoringCase("z9hG4bK") {
            // The branch is unique; the sent-by guards against two clients, or an attacker, with the same one.
            bytes = Self.modern(via, branch)
        } else {
            // RFC 2543 clients: Request-URI, From tag, Call-ID, CSeq number and top Via. The To tag, which an ACK has
            // and its INVITE has not, is left out.
            bytes = [0]
            bytes.reserveCapacity(256)
            bytes.append(contentsOf: message.requestURI)
            bytes.append(0)
            if let tag = message.fromTag() { bytes.append(contentsOf: tag) }
            bytes.append(0)
            bytes.append(contentsOf: message.callID)
            bytes.append(0)
            bytes.append(decimal: UInt64((try? message.cseq())?.number ?? 0))
            bytes.append(0)
            bytes.append(contentsOf: (try? message.topVia().octets) ?? via.octets)
        }
        self.bytes = bytes
        self.hasher = hasher
        self.hash = hasher.hash(bytes[...])
    }

    /// Branch, host in lower case, and port, each behind what cannot stand in it.
    private static func modern(_ via: TopVia, _ branch: Range<Int>) -> [UInt8] {
        let port = via.port ?? Transport(token: via.transportOctets)?.defaultPort ?? 5060
        var bytes: [UInt8] = []
        bytes.reserveCapacity(branch.count + via.host.count + 4)
        via.octets[branch].withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        bytes.append(0)
        via.hostOctets.withUnsafeBufferPointer { host in
            for byte in host { bytes.append(ASCII.lowercased(byte)) }
        }
        bytes.append(0)
        bytes.append(UInt8(truncatingIfNeeded: port &>> 8))
        bytes.append(UInt8(truncatingIfNeeded: port))
        return bytes
    }

    /// The number of the transaction that a method has under this key.
    func number(for method: Method) -> UInt64 {
        switch method {
        case .ack: self.number(for: .invite)
        case .other(let token): self.hasher.hash(token[...], on: self.hash)
        default: self.hasher.hash(UInt64(Self.ordinal(method)), on: self.hash)
        }
    }

    /// Methods that a CANCEL may be about, the likely one first (RFC 3261 §9.2).
    static let cancellable: [Method] = [
        .invite, .subscribe, .notify, .publish, .register, .options, .message, .refer, .info, .update, .prack, .bye,
    ]

    private static func ordinal(_ method: Method) -> Int {
        switch method {
        case .invite, .ack: 1
        case .bye: 2
        case .cancel: 3
        case .options: 4
        case .register: 5
        case .prack: 6
        case .subscribe: 7
        case .notify: 8
        case .publish: 9
        case .info: 10
        case .refer: 11
        case .message: 12
        case .update: 13
        case .other: 14
        }
    }
}
