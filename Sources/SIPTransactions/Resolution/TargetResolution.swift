package import Ground
package import SIPWire

/// Finds the hops of a URI (RFC 3263 §4): asks the name system one question after another and ends with an ordered
/// list. Addresses written as numbers need no question.
package struct TargetResolution: Sendable {
    /// What comes next.
    package enum Step: Equatable, Sendable {
        /// Ask this and pass the answer to ``TargetResolution/answered(_:entropy:)``.
        case ask(ResolutionQuestion)
        /// Done: try these in this order. Empty if the name leads nowhere.
        case hops([Hop])
    }

    /// A question that is still to be asked, and what it is for.
    private enum Work: Sendable {
        case naptr(String)
        case service(String, Transport)
        case addresses(String, Transport, port: UInt16)

        var question: ResolutionQuestion {
            switch self {
            case .naptr(let domain): .naptr(domain)
            case .service(let name, _): .service(name)
            case .addresses(let host, _, _): .addresses(host)
            }
        }
    }

    /// What to do when the questions so far gave nothing.
    private enum Fallback: Sendable {
        /// No NAPTR: SRV for each transport that we speak.
        case services
        /// No SRV: the addresses of the host, at the default port.
        case addresses
        case none
    }

    /// The host that was asked for; also what the certificate of the hop must name (RFC 5922 §7.3).
    private let host: String
    private let isSecure: Bool
    /// The transport that the URI names, or that is taken where nothing says otherwise.
    private let transport: Transport
    /// Transports that we can send over.
    private let supported: [Transport]
    private let limits: TransactionLayer.Limits
    /// Questions to ask, the next one last.
    private var work: [Work] = []
    private var fallback = Fallback.none
    private var hops: [Hop] = []
    private var questions = 0
    private var isStarted = false

    /// - Parameters:
    ///   - uri: a SIP or SIPS URI.
    ///   - supported: the transports that we can send over.
    /// - Returns: nil if the URI is of a scheme that RFC 3263 does not resolve, or names a transport that we have not.
    package init?(
        _ uri: SIPURI, supported: [Transport] = [.udp, .tcp, .tls], limits: TransactionLayer.Limits = .standard
    ) {
        switch uri.scheme {
        case .sip: self.isSecure = false
        case .sips: self.isSecure = true
        default: return nil
        }
        // RFC 3263 §4: the target is the maddr parameter if there is one.
        let target = uri.parameters.value(of: "maddr") ?? uri.host
        guard !target.isEmpty else { return nil }
        var named: Transport?
        if let token = uri.transport {
            guard let known = Transport(token: token) else { return nil }
            named = known
        }
        let chosen = Self.transport(named: named, isSecure: self.isSecure)
        guard supported.contains(chosen) else { return nil }
        self.transport = chosen
        self.supported = supported
        self.limits = limits
        self.host = target.text
        if let address = IPAddress(octets: target) {
            let endpoint = Endpoint(address, uri.port ?? chosen.defaultPort)
            self.hops = [Hop(transport: chosen, endpoint: endpoint, serverName: nil)]
        } else if let port = uri.port {
            self.work = [.addresses(self.host, chosen, port: port)]
        } else if named != nil {
            // RFC 7118 §5.5 has no SRV service for WebSocket connections that RFC 3263 knows of in `_proto`.
            self.fallback = .addresses
            self.work = [.service(Self.serviceName(chosen, isSecure: self.isSecure, host: self.host), chosen)]
        } else {
            self.fallback = .services
            self.work = [.naptr(self.host)]
        }
    }

    private static func transport(named: Transport?, isSecure: Bool) -> Transport {
        guard let named else { return isSecure ? .tls : .udp }
        guard isSecure else { return named }
        return named == .ws || named == .wss ? .wss : .tls
    }

    private static func serviceName(_ transport: Transport, isSecure: Bool, host: String) -> String {
        switch transport {
        case .udp: "_sip._udp.\(host)"
        case .tcp: "_sip._tcp.\(host)"
        case .tls: "_sips._tcp.\(host)"
        case .ws: "_sip._ws.\(host)"
        case .wss: "_sips._ws.\(host)"
        }
    }

    /// The first step.
    package mutating func start() -> Step {
        precondition(!self.isStarted, "a resolution starts once")
        self.isStarted = true
        return self.advance()
    }

    /// The next step after an answer.
    package mutating func answered(_ answer: ResolutionAnswer, entropy: inout Entropy) -> Step {
        guard let asked = self.work.popLast() else { return .hops(self.hops) }
        switch (asked, answer) {
        case (.naptr, .naptr(let records)): self.take(records)
        case (.service(_, let transport), .service(let records)):
            self.take(records, transport: transport, entropy: &entropy)
        case (.addresses(_, let transport, let port), .addresses(let addresses)):
            self.take(addresses, transport: transport, port: port)
        default:
            // No answer, or one to another question: as if there were no such record.
            break
        }
        return self.advance()
    }

    private mutating func advance() -> Step {
        while true {
            if self.hops.count >= self.limits.hopsPerTarget { return .hops(self.hops) }
            if let next = self.work.last {
                guard self.questions < self.limits.questionsPerResolution else { return .hops(self.hops) }
                self.questions += 1
                return .ask(next.question)
            }
            guard self.hops.isEmpty else { return .hops(self.hops) }
            switch self.fallback {
            case .services:
                self.fallback = .addresses
                let transports: [Transport] = self.isSecure ? [.tls] : [.udp, .tcp]
                for transport in transports.reversed() where self.supported.contains(transport) {
                    let name = Self.serviceName(transport, isSecure: self.isSecure, host: self.host)
                    self.work.append(.service(name, transport))
                }
            case .addresses:
                self.fallback = .none
                self.work.append(.addresses(self.host, self.transport, port: self.transport.defaultPort))
            case .none:
                return .hops([])
            }
        }
    }

    /// RFC 3263 §4.1: services that we speak, by order, then by preference.
    private mutating func take(_ records: [NAPTRRecord]) {
        let usable = records.compactMap { record in Self.transport(of: record).map { (record, $0) } }
            .filter { self.supported.contains($0.1) && (!self.isSecure || $0.1.isSecure) && !$0.0.replacement.isEmpty }
            .sorted { ($0.0.order, $0.0.preference) < ($1.0.order, $1.0.preference) }
        // A client must not look beyond the lowest order of which it can use a record (RFC 3403 §4.1).
        let lowest = usable.first?.0.order
        for (record, transport) in usable.reversed() where record.order == lowest {
            switch record.flags.lowercased() {
            case "s": self.work.append(.service(record.replacement, transport))
            case "a": self.work.append(.addresses(record.replacement, transport, port: transport.defaultPort))
            default: continue
            }
        }
        if !self.work.isEmpty { self.fallback = .addresses }
    }

    private static func transport(of record: NAPTRRecord) -> Transport? {
        switch record.service.uppercased() {
        case "SIP+D2U": .udp
        case "SIP+D2T": .tcp
        case "SIPS+D2T": .tls
        case "SIP+D2W": .ws
        case "SIPS+D2W": .wss
        default: nil
        }
    }

    /// RFC 2782: lower priorities first, within one priority by weighted chance.
    private mutating func take(_ records: [ServiceRecord], transport: Transport, entropy: inout Entropy) {
        let ordered = Self.ordered(Array(records.prefix(64)), entropy: &entropy)
        for record in ordered.reversed() where record.target != "." && !record.target.isEmpty && record.port != 0 {
            if let address = IPAddress(record.target) {
                // Not allowed by RFC 2782, but it happens, and it is clear what is meant.
                self.hops.insert(
                    Hop(
                        transport: transport, endpoint: Endpoint(address, record.port),
                        serverName: self.serverName(transport)),
                    at: 0)
            } else {
                self.work.append(.addresses(record.target, transport, port: record.port))
            }
        }
    }

    /// The order in which SRV records are tried (RFC 2782 "Weight").
    package static func ordered(_ records: [ServiceRecord], entropy: inout Entropy) -> [ServiceRecord] {
        var ordered: [ServiceRecord] = []
        let priorities = Set(records.map(\.priority)).sorted()
        for priority in priorities {
            var left = records.filter { $0.priority == priority && $0.weight == 0 }
            left += records.filter { $0.priority == priority && $0.weight != 0 }
            while !left.isEmpty {
                let sum = left.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
                let drawn = entropy.next(below: sum + 1)
                var running: UInt64 = 0
                var choice = left.count - 1
                for index in left.indices {
                    running += UInt64(left[index].weight)
                    if running >= drawn {
                        choice = index
                        break
                    }
                }
                ordered.append(left.remove(at: choice))
            }
        }
        return ordered
    }

    private mutating func take(_ addresses: [IPAddress], transport: Transport, port: UInt16) {
        for address in addresses where self.hops.count < self.limits.hopsPerTarget {
            let hop = Hop(
                transport: transport, endpoint: Endpoint(address, port), serverName: self.serverName(transport))
            if !self.hops.contains(hop) { self.hops.append(hop) }
        }
    }

    private func serverName(_ transport: Transport) -> String? { transport.isSecure ? self.host : nil }
}
