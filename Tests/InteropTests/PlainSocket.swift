import Foundation
import Glibc
import Ground

/// A message as a stranger reads it: nothing of ours takes part.
struct PlainMessage {
    let start: String
    let headers: [(name: String, value: String)]
    let body: String

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let split = text.range(of: "\r\n\r\n")
        let head = text[..<(split?.lowerBound ?? text.endIndex)].components(separatedBy: "\r\n")
        self.start = head.first ?? ""
        self.headers = head.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return (parts.first?.lowercased() ?? "", parts.count > 1 ? parts[1] : "")
        }
        self.body = split.map { String(text[$0.upperBound...]) } ?? ""
    }

    var status: Int? {
        self.start.hasPrefix("SIP/2.0 ") ? Int(self.start.dropFirst(8).prefix(3)) : nil
    }

    subscript(_ name: String) -> String? { self.headers.first { $0.name == name.lowercased() }?.value }

    func tag(of name: String) -> String? {
        self[name].flatMap { value in
            value.range(of: ";tag=").map { String(value[$0.upperBound...].prefix { $0 != ";" }) }
        }
    }

    /// A request as a client of 2002 would write it.
    ///
    /// - Parameters:
    ///   - name: host and port of the sender.
    ///   - more: header lines, and the body behind an empty line.
    static func request(
        _ method: String, from user: String, to target: String? = nil, uri: String? = nil, at name: String,
        transport: String = "UDP", call: String = UUID().uuidString, cseq: Int = 1, fromTag: String = "from",
        toTag: String? = nil, more: [String] = [], body: String = ""
    ) -> [UInt8] {
        let target = target ?? "sip:bench.test"
        let lines =
            [
                "\(method) \(uri ?? target) SIP/2.0",
                "Via: SIP/2.0/\(transport) \(name);branch=z9hG4bK\(UUID().uuidString);rport",
                "Max-Forwards: 70", "From: <sip:\(user)@bench.test>;tag=\(fromTag)",
                "To: <\(target)>\(toTag.map { ";tag=\($0)" } ?? "")", "Call-ID: \(call)",
                "CSeq: \(cseq) \(method)",
            ] + more + ["Content-Length: \(body.utf8.count)", "", body]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    /// The 200 to a request.
    var acceptance: [UInt8] {
        var lines = ["SIP/2.0 200 OK"]
        for name in ["via", "from", "to", "call-id", "cseq"] {
            lines += self.headers.filter { $0.name == name }.map { "\($0.name): \($0.value)" }
        }
        return Array((lines + ["Content-Length: 0", "", ""]).joined(separator: "\r\n").utf8)
    }
}

/// A blocking socket on loopback that gives up when its time is over.
final class PlainSocket {
    private let descriptor: Int32
    private let isStream: Bool
    private var buffer: [UInt8] = []
    /// The own address, for Via and Contact.
    private(set) var name = ""

    private init(_ type: __socket_type, to endpoint: Endpoint, from source: IPAddress) throws {
        self.isStream = type == SOCK_STREAM
        self.descriptor = socket(AF_INET, Int32(type.rawValue), 0)
        guard self.descriptor >= 0 else { throw Broken(number: errno) }
        let bound = Self.withAddress(Endpoint(source, 0)) { bind(self.descriptor, $0, $1) }
        let connected = Self.withAddress(endpoint) { connect(self.descriptor, $0, $1) }
        guard bound == 0, connected == 0 else {
            let number = errno
            close(self.descriptor)
            throw Broken(number: number)
        }
        var own = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(self.descriptor, $0, &size) }
        }
        self.name = "\(source):\(UInt16(bigEndian: own.sin_port))"
    }

    struct Broken: Error {
        let number: Int32
    }

    static func datagram(to endpoint: Endpoint, from source: IPAddress = .loopback) throws -> PlainSocket {
        try PlainSocket(SOCK_DGRAM, to: endpoint, from: source)
    }

    static func stream(to endpoint: Endpoint, from source: IPAddress = .loopback) throws -> PlainSocket {
        try PlainSocket(SOCK_STREAM, to: endpoint, from: source)
    }

    deinit { close(self.descriptor) }

    static func withAddress<Result>(
        _ endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: endpoint.address.low).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Sends everything, or what the peer takes until it closes.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Says that nothing more will be sent.
    func finish() { shutdown(self.descriptor, Int32(SHUT_WR)) }

    /// What a wait brought.
    enum Arrival {
        case bytes([UInt8])
        /// The peer closed the connection.
        case closed
        case silence
    }

    /// Waits for the next datagram, or the next piece of a stream.
    func read(within seconds: Double) -> Arrival {
        var poller = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, Int32(max(0, seconds) * 1000)) > 0 else { return .silence }
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = recv(self.descriptor, &piece, piece.count, 0)
        if count > 0 { return .bytes(Array(piece[..<count])) }
        // A datagram socket reports here that nobody listens; a stream that it is over.
        return self.isStream ? .closed : .silence
    }

    /// Waits until the peer closes the connection.
    func awaitClose(within seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while deadline.timeIntervalSinceNow > 0 {
            switch self.read(within: deadline.timeIntervalSinceNow) {
            case .closed: return true
            case .bytes(let bytes): self.buffer += bytes
            case .silence: continue
            }
        }
        return false
    }

    /// Waits for a whole message.
    func receive(within seconds: Double = 10) -> PlainMessage? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        repeat {
            if let message = self.takeMessage() { return message }
            switch self.read(within: deadline.timeIntervalSinceNow) {
            case .bytes(let bytes): self.buffer += bytes
            case .closed: return nil
            case .silence: continue
            }
        } while deadline.timeIntervalSinceNow > 0
        return self.takeMessage()
    }

    private func takeMessage() -> PlainMessage? {
        guard !self.buffer.isEmpty else { return nil }
        guard self.isStream else {
            defer { self.buffer = [] }
            return PlainMessage(self.buffer)
        }
        let end: [UInt8] = [13, 10, 13, 10]
        guard let head = self.buffer.firstRange(of: end) else { return nil }
        let message = PlainMessage(Array(self.buffer[..<head.upperBound]))
        let length = message["content-length"].flatMap { Int($0) } ?? 0
        guard self.buffer.count >= head.upperBound + length else { return nil }
        defer { self.buffer.removeFirst(head.upperBound + length) }
        return PlainMessage(Array(self.buffer[..<(head.upperBound + length)]))
    }

    /// Waits for the next final response; requests that come meanwhile are put aside for ``awaitRequest(_:within:)``.
    func awaitResponse(within seconds: Double = 10) -> PlainMessage? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while deadline.timeIntervalSinceNow > 0 {
            guard let message = self.receive(within: deadline.timeIntervalSinceNow) else { return nil }
            if let status = message.status {
                if status >= 200 { return message }
            } else {
                self.aside.append(message)
            }
        }
        return nil
    }

    private var aside: [PlainMessage] = []

    /// Waits for a request and accepts it with 200.
    func awaitRequest(_ method: String, within seconds: Double = 10) -> PlainMessage? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while deadline.timeIntervalSinceNow > 0 {
            let message =
                self.aside.isEmpty ? self.receive(within: deadline.timeIntervalSinceNow) : self.aside.removeFirst()
            guard let message else { return nil }
            if message.start.hasPrefix(method + " ") {
                self.send(message.acceptance)
                return message
            }
        }
        return nil
    }
}
