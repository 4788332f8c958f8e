import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

/// A name system of a few records that notes what it was asked.
private struct Zone {
    var naptr: [String: [NAPTRRecord]] = [:]
    var services: [String: [ServiceRecord]] = [:]
    var addresses: [String: [IPAddress]] = [:]
    var asked: [String] = []

    mutating func answer(_ question: ResolutionQuestion) -> ResolutionAnswer {
        switch question {
        case .naptr(let name):
            self.asked.append("NAPTR \(name)")
            return .naptr(self.naptr[name] ?? [])
        case .service(let name):
            self.asked.append("SRV \(name)")
            return .service(self.services[name] ?? [])
        case .addresses(let name):
            self.asked.append("A \(name)")
            return .addresses(self.addresses[name] ?? [])
        }
    }
}

@Suite("RFC 3263 target resolution")
struct TargetResolutionTests {
    let one = IPAddress(ipv4: 0x0A00_0001)
    let two = IPAddress(ipv4: 0x0A00_0002)

    private static func resolution(_ text: String) throws -> TargetResolution {
        let uri = try #require(SIPURI(text))
        return try #require(TargetResolution(uri))
    }

    private func hops(_ uri: String, _ zone: inout Zone, seed: UInt64 = 1) throws -> [String] {
        var entropy = Entropy.seeded(seed)
        var resolution = try Self.resolution(uri)
        var step = resolution.start()
        while case .ask(let question) = step {
            step = resolution.answered(zone.answer(question), entropy: &entropy)
        }
        guard case .hops(let hops) = step else { return [] }
        return hops.map { "\($0.transport) \($0.endpoint)\($0.serverName.map { " " + $0 } ?? "")" }
    }

    @Test(
        "numeric hosts need no question",
        .spec("RFC 3263 §4.1", "RFC 3263 §4.2"),
        arguments: [
            ("sip:a@192.0.2.7", "udp 192.0.2.7:5060"), ("sip:a@192.0.2.7:5090", "udp 192.0.2.7:5090"),
            ("sip:a@192.0.2.7;transport=tcp", "tcp 192.0.2.7:5060"),
            ("sips:a@192.0.2.7", "tls 192.0.2.7:5061"), ("sips:a@192.0.2.7;transport=tcp", "tls 192.0.2.7:5061"),
            ("sip:a@192.0.2.7;transport=TLS", "tls 192.0.2.7:5061"),
            ("sip:a@[2001:db8::1]:5070", "udp [2001:db8::1]:5070"),
            ("sip:a@example.com;maddr=192.0.2.8", "udp 192.0.2.8:5060"),
        ])
    func literals(_ uri: String, _ expected: String) throws {
        var zone = Zone()
        #expect(try self.hops(uri, &zone) == [expected])
        #expect(zone.asked.isEmpty)
    }

    @Test("a port in the URI means addresses alone", .spec("RFC 3263 §4.2"))
    func portGiven() throws {
        var zone = Zone(addresses: ["example.com": [self.one, self.two]])
        #expect(try self.hops("sip:a@example.com:5080", &zone) == ["udp 10.0.0.1:5080", "udp 10.0.0.2:5080"])
        #expect(zone.asked == ["A example.com"])
        zone.asked = []
        #expect(
            try self.hops("sips:a@example.com:5080", &zone)
                == ["tls 10.0.0.1:5080 example.com", "tls 10.0.0.2:5080 example.com"])
    }

    @Test("a transport in the URI means its SRV records, else addresses", .spec("RFC 3263 §4.1", "RFC 3263 §4.2"))
    func transportGiven() throws {
        var zone = Zone(
            services: [
                "_sip._tcp.example.com": [ServiceRecord(priority: 1, weight: 0, port: 5068, target: "a.example.com")]
            ],
            addresses: ["a.example.com": [self.one], "example.com": [self.two]])
        #expect(try self.hops("sip:a@example.com;transport=tcp", &zone) == ["tcp 10.0.0.1:5068"])
        #expect(zone.asked == ["SRV _sip._tcp.example.com", "A a.example.com"])
        zone.services = [:]
        zone.asked = []
        #expect(try self.hops("sip:a@example.com;transport=tcp", &zone) == ["tcp 10.0.0.2:5060"])
        #expect(zone.asked == ["SRV _sip._tcp.example.com", "A example.com"])
    }

    @Test("NAPTR chooses the transport by order and preference", .spec("RFC 3263 §4.1"))
    func naptr() throws {
        var zone = Zone(
            naptr: [
                "example.com": [
                    NAPTRRecord(order: 50, preference: 90, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.x"),
                    NAPTRRecord(order: 50, preference: 50, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.x"),
                    NAPTRRecord(order: 50, preference: 10, flags: "s", service: "SIP+D2S", replacement: "_sip._sctp.x"),
                    NAPTRRecord(order: 40, preference: 10, flags: "u", service: "E2U+email", replacement: "y"),
                ]
            ],
            services: [
                "_sip._tcp.x": [ServiceRecord(priority: 1, weight: 1, port: 5060, target: "t.x")],
                "_sip._udp.x": [ServiceRecord(priority: 1, weight: 1, port: 5062, target: "u.x")],
            ], addresses: ["t.x": [self.one], "u.x": [self.two]])
        #expect(try self.hops("sip:a@example.com", &zone) == ["tcp 10.0.0.1:5060", "udp 10.0.0.2:5062"])
        #expect(zone.asked.first == "NAPTR example.com")
    }

    @Test(
        "a SIPS URI uses nothing but TLS, and the certificate names what was asked for",
        .spec("RFC 3263 §4.1", "RFC 5922 §7.3", "RFC 3261 §26.2.2/1"))
    func secure() throws {
        var zone = Zone(
            naptr: [
                "example.com": [
                    NAPTRRecord(order: 1, preference: 1, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.x"),
                    NAPTRRecord(order: 2, preference: 1, flags: "S", service: "SIPS+D2T", replacement: "_sips._tcp.x"),
                ]
            ],
            services: [
                "_sips._tcp.x": [ServiceRecord(priority: 1, weight: 1, port: 5061, target: "t.x")],
                "_sip._udp.x": [ServiceRecord(priority: 1, weight: 1, port: 5060, target: "t.x")],
            ], addresses: ["t.x": [self.one]])
        #expect(try self.hops("sips:a@example.com", &zone) == ["tls 10.0.0.1:5061 example.com"])
    }

    @Test("without NAPTR each transport's SRV is asked, without SRV the addresses", .spec("RFC 3263 §4.1"))
    func noNAPTR() throws {
        var zone = Zone(
            services: ["_sip._udp.example.com": [ServiceRecord(priority: 1, weight: 0, port: 5066, target: "u")]],
            addresses: ["u": [self.one], "example.com": [self.two]])
        #expect(try self.hops("sip:a@example.com", &zone) == ["udp 10.0.0.1:5066"])
        #expect(
            zone.asked == [
                "NAPTR example.com", "SRV _sip._udp.example.com", "A u", "SRV _sip._tcp.example.com",
            ])
        zone.services = [:]
        zone.asked = []
        #expect(try self.hops("sip:a@example.com", &zone) == ["udp 10.0.0.2:5060"])
        #expect(zone.asked.last == "A example.com")
        zone.addresses = [:]
        #expect(try self.hops("sip:a@example.com", &zone).isEmpty)
    }

    @Test("priorities come in order and weights by chance", .spec("RFC 2782"))
    func weights() {
        let records = [
            ServiceRecord(priority: 2, weight: 1, port: 3, target: "backup"),
            ServiceRecord(priority: 1, weight: 10, port: 1, target: "small"),
            ServiceRecord(priority: 1, weight: 90, port: 2, target: "large"),
        ]
        var largeFirst = 0
        var entropy = Entropy.seeded(42)
        for _ in 0..<2000 {
            let ordered = TargetResolution.ordered(records, entropy: &entropy)
            #expect(ordered.count == 3)
            #expect(ordered.last?.target == "backup")
            if ordered.first?.target == "large" { largeFirst += 1 }
        }
        #expect((1700...1900).contains(largeFirst))
    }

    @Test("a target of a dot is no service", .spec("RFC 2782"))
    func noService() throws {
        var zone = Zone(
            services: ["_sip._udp.example.com": [ServiceRecord(priority: 0, weight: 0, port: 0, target: ".")]])
        #expect(try self.hops("sip:a@example.com", &zone).isEmpty)
    }

    @Test("a hostile zone is asked a bounded number of times and gives a bounded number of hops")
    func bounds() throws {
        let records = (0..<500).map { ServiceRecord(priority: UInt16($0), weight: 0, port: 5060, target: "h\($0)") }
        var addresses: [String: [IPAddress]] = [:]
        for number in 0..<500 {
            addresses["h\(number)"] = (0..<50).map { IPAddress(ipv4: UInt32(number * 50 + $0)) }
        }
        var zone = Zone(services: ["_sip._udp.example.com": records], addresses: addresses)
        #expect(try self.hops("sip:a@example.com", &zone).count == 16)
        zone.addresses = [:]
        zone.asked = []
        #expect(try self.hops("sip:a@example.com", &zone).isEmpty)
        #expect(zone.asked.count <= 24)
    }

    @Test("URIs that RFC 3263 does not resolve are refused", .spec("RFC 3263 §4"))
    func refused() throws {
        for text in ["tel:+1555", "sip:a@example.com;transport=sctp"] {
            let uri = try #require(SIPURI(text))
            #expect(TargetResolution(uri) == nil)
        }
    }

    @Test("an answer to another question counts as none")
    func wrongAnswer() throws {
        var entropy = Entropy.seeded(1)
        var resolution = try Self.resolution("sip:a@example.com:5060")
        #expect(resolution.start() == .ask(.addresses("example.com")))
        #expect(resolution.answered(.naptr([]), entropy: &entropy) == .hops([]))
        #expect(resolution.answered(.failed, entropy: &entropy) == .hops([]))
    }
}
