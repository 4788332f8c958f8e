import Foundation
import Ground
import SIPWire
import Synchronization
import Testing

/// A user agent on a UDP socket of its own: enough of SIP to watch somebody, and to look at what came.
final class LoopbackPhone: Sendable {
    private let descriptor: Int32
    private let server: Endpoint
    private let name: String
    private let port: UInt16
    private let numbers = Atomic(0)
    /// The Via of every NOTIFY that was handed out.
    private let told = Mutex<Set<[UInt8]>>([])
    /// Where it is waited for messages: a test's own thread is needed for the node.
    private let queue = DispatchQueue(label: "phone")

    /// - Parameters:
    ///   - name: the user part of `sip:…@home.test`.
    ///   - server: where requests are sent.
    init(_ name: String, server: Endpoint) throws {
        self.name = name
        self.server = server
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        try #require(descriptor >= 0)
        self.descriptor = descriptor
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        try #require(isBound)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(self.descriptor) }

    private static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    func send(_ text: String) {
        var address = Self.address(port: self.server.port)
        let bytes = Array(text.utf8)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                sendto(self.descriptor, bytes, bytes.count, 0, raw, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(sent == bytes.count)
    }

    /// The next message; waits for it unless it is asked for what is there already.
    func receive(now: Bool = false) async throws -> SIPMessage? {
        let descriptor = self.descriptor
        let bytes: [UInt8] = await withCheckedContinuation { continuation in
            self.queue.async {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = recv(descriptor, &buffer, buffer.count, now ? Int32(MSG_DONTWAIT) : 0)
                continuation.resume(returning: Array(buffer.prefix(max(count, 0))))
            }
        }
        return bytes.isEmpty ? nil : try SIPMessage.parse(bytes, framing: .datagram)
    }

    /// The next response; what comes before it is left aside.
    private func response() async throws -> SIPMessage {
        while let message = try await self.receive() {
            if !message.isRequest { return message }
        }
        throw NoAnswer()
    }

    /// Nobody answered.
    struct NoAnswer: Error {}

    /// Subscribes to somebody's presence, or to another package with a list of resources; gives the answer.
    func subscribe(to user: String, event: String = "presence", list: String = "") async throws -> SIPMessage {
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        self.send(
            "SUBSCRIBE sip:\(user)@home.test SIP/2.0\r\n"
                + "Via: SIP/2.0/UDP 127.0.0.1:\(self.port);branch=z9hG4bK\(self.name)\(self.port)\(number);rport\r\n"
                + "Max-Forwards: 70\r\nFrom: <sip:\(self.name)@home.test>;tag=\(self.name)\(number)\r\n"
                + "To: <sip:\(user)@home.test>\r\nCall-ID: \(self.name)-\(self.port)-\(number)\r\n"
                + "CSeq: 1 SUBSCRIBE\r\nContact: <sip:\(self.name)@127.0.0.1:\(self.port)>\r\nEvent: \(event)\r\n"
                + (list.isEmpty ? "" : "Content-Type: application/resource-lists+xml\r\n")
                + "Expires: 600\r\nContent-Length: \(list.utf8.count)\r\n\r\n\(list)")
        return try await self.response()
    }

    /// Publishes an open tuple; gives the answer.
    func publish(note: String) async throws -> SIPMessage {
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        let body =
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:\(self.name)@home.test'><tuple id='t1'><status>"
            + "<basic>open</basic></status><note>\(note)</note></tuple></presence>"
        self.send(
            "PUBLISH sip:\(self.name)@home.test SIP/2.0\r\n"
                + "Via: SIP/2.0/UDP 127.0.0.1:\(self.port);branch=z9hG4bKp\(self.port)\(number);rport\r\n"
                + "Max-Forwards: 70\r\nFrom: <sip:\(self.name)@home.test>;tag=\(number)\r\n"
                + "To: <sip:\(self.name)@home.test>\r\nCall-ID: p-\(self.port)-\(number)\r\nCSeq: 1 PUBLISH\r\n"
                + "Event: presence\r\nExpires: 600\r\nContent-Type: application/pidf+xml\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return try await self.response()
    }

    /// Answers a NOTIFY.
    func accept(_ notify: SIPMessage) {
        var writer = notify.response(200, nil, receivedFrom: nil)
        self.send(writer.finish()[...].text)
    }

    /// The next NOTIFY, answered. Nil if none comes, or if none is there already.
    func notification(now: Bool = false) async throws -> Notification? {
        while let message = try await self.receive(now: now) {
            guard message.isRequest, message.method == .notify else { continue }
            self.accept(message)
            // Where an answer is slow, a NOTIFY comes once more: the same Via is the same transaction.
            let via = message.first(.via).map { Array($0) } ?? []
            guard self.told.withLock({ $0.insert(via).inserted }) else { continue }
            return Notification(
                state: message.first(.subscriptionState)?.text ?? "", body: message.body.text,
                via: message.first(.via)?.text ?? "", contact: message.first(.contact)?.text ?? "")
        }
        return nil
    }

    /// What a test looks at in a NOTIFY.
    struct Notification {
        var state: String
        var body: String
        var via: String
        var contact: String
    }
}
