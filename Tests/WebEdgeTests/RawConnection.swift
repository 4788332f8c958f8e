import Foundation
import Ground
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing
import WebEdge
import XDMServer

/// A blocking TCP connection of a few lines, for sending exactly the octets that a test wants to send.
final class RawConnection {
    /// An answer as it came.
    struct Answer: Sendable, Equatable {
        var status = 0
        /// Names in lower case.
        var fields: [String: String] = [:]
        var body: [UInt8] = []
        var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    private var descriptor: Int32
    private var received: [UInt8] = []
    /// Whether the other side has ended, or the connection broke.
    private(set) var isEnded = false

    init(_ port: UInt16) {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // A server that says nothing at all fails its test after this time.
        var timeout = timeval(tv_sec: 30, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        self.isEnded = connected != 0
    }

    deinit { if self.descriptor >= 0 { Foundation.close(self.descriptor) } }

    /// Sends octets.
    /// - Returns: how many the system took before the connection broke.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.send(self.descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    func send(_ text: String) { self.send(Array(text.utf8)) }

    /// Ends both sides at once, as a process does that is killed with octets unread.
    func breakOff() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        Foundation.close(self.descriptor)
        self.descriptor = -1
        self.isEnded = true
    }

    /// Ends our side.
    func endOutput() { shutdown(self.descriptor, Int32(SHUT_WR)) }

    private func more() -> Bool {
        guard !self.isEnded else { return false }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = buffer.withUnsafeMutableBytes { recv(self.descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else {
            self.isEnded = true
            return false
        }
        self.received += buffer[0..<count]
        return true
    }

    /// The next answer, by its Content-Length; nil if there is none.
    /// - Parameter isHead: whether it has no body whatever it says.
    func answer(isHead: Bool = false) -> Answer? {
        var answer = Answer()
        while true {
            if let end = self.received.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: self.received[..<end.lowerBound], as: UTF8.self)
                let lines = head.components(separatedBy: "\r\n")
                answer.status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    let value = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
                    answer.fields[parts[0].lowercased(), default: ""] += value
                }
                self.received.removeSubrange(..<end.upperBound)
                break
            }
            guard self.more() else { return nil }
        }
        let length = isHead ? 0 : Int(answer.fields["content-length"] ?? "0") ?? 0
        while self.received.count < length {
            guard self.more() else { return nil }
        }
        answer.body = Array(self.received.prefix(length))
        self.received.removeFirst(length)
        return answer
    }

    /// Whether the server ends the connection without a word more.
    func endsNow() -> Bool {
        while self.received.isEmpty { if !self.more() { return true } }
        return false
    }
}

/// Runs blocking work on a thread of its own.
func blocking<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        Thread { continuation.resume(returning: work()) }.start()
    }
}

/// What a server of a test saw, and answers that it holds back.
final class UtNotes: Sendable {
    private let state = Mutex<(requests: [UtRequest], held: [@Sendable (UtResponse) -> Void])>(([], []))
    private let answer: (@Sendable (UtRequest) -> UtResponse)?

    /// - Parameter answer: what is answered instead of the echo.
    init(answer: (@Sendable (UtRequest) -> UtResponse)? = nil) { self.answer = answer }

    var requests: [UtRequest] { self.state.withLock { $0.requests } }
    var targets: [String] { self.requests.map { String(decoding: $0.target, as: UTF8.self) } }

    /// A handler that notes every request and echoes it; some targets have their own answer.
    func handler(_ request: UtRequest, _ reply: @escaping @Sendable (UtResponse) -> Void) {
        self.state.withLock { $0.requests.append(request) }
        if let answer = self.answer {
            reply(answer(request))
            return
        }
        switch String(decoding: request.target, as: UTF8.self) {
        case "held": self.state.withLock { $0.held.append(reply) }
        case "big": reply(Self.big)
        case "huge": reply(UtResponse(status: 200, body: [UInt8](repeating: 0x41, count: 16_000_000)))
        case "twice":
            reply(UtResponse(status: 200, body: Array("first".utf8)))
            reply(UtResponse(status: 500, body: Array("second".utf8)))
        case "gone": reply(UtResponse(status: 204))
        case "forged": reply(UtResponse(status: 200, fields: [.init("X-Forged", Array("a\r\nX-B: c".utf8))]))
        case "tagged":
            let tag = UtResponse.Field("ETag", Array("\"abc\"".utf8))
            reply(
                request.ifNoneMatch == tag.value
                    ? UtResponse(status: 304, fields: [tag])
                    : UtResponse(status: 200, fields: [tag], body: Self.big.body))
        default:
            let fault = request.bodyFault
            let status = fault == .tooLarge ? 413 : fault == .unknownEncoding ? 415 : fault == .broken ? 400 : 200
            let text =
                "\(String(decoding: request.method, as: UTF8.self)) "
                + "\(String(decoding: request.target, as: UTF8.self)) \(request.body.count)"
            reply(UtResponse(status: status, body: Array(text.utf8)))
        }
    }

    /// Answers everything that was held back.
    func release(_ response: UtResponse) {
        let held = self.state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for reply in held { reply(response) }
    }

    /// Waits until so many requests have come.
    func wait(for count: Int) async {
        while self.requests.count < count { await Task.yield() }
    }

    /// 60 kB of XML, as lists look.
    static var big: UtResponse {
        let entry = "<entry uri=\"sip:somebody@home.test\"><display-name>Somebody</display-name></entry>\n"
        return UtResponse(
            status: 200, fields: [.init("Content-Type", Array("application/resource-lists+xml".utf8))],
            body: Array(String(repeating: entry, count: 700).utf8))
    }
}

/// Runs a server on a loop of its own while the body runs, and stops it gracefully.
func withUtServer(
    _ notes: UtNotes = UtNotes(), trusted: [String] = [], hosts: [String] = [], rootPath: String = "/xcap",
    limits: UtLimits = UtLimits(), _ body: @Sendable @escaping (UInt16, UtServer) async throws -> Void
) async throws {
    let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var configuration = UtServer.Configuration(port: 0, rootPath: rootPath)
    configuration.trustedProxies = trusted.compactMap { IPNetwork($0) }
    configuration.hosts = hosts
    configuration.limits = limits
    let (ports, continuation) = AsyncStream.makeStream(of: UInt16.self)
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = UtServer(
        configuration: configuration, loop: threads.next(), logger: quiet, onRunning: { continuation.yield($0) },
        handler: { notes.handler($0, $1) })
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [server], logger: quiet))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        tasks.addTask {
            for await port in ports {
                do { try await body(port, server) } catch { Issue.record(error) }
                await group.triggerGracefulShutdown()
                return
            }
        }
        try await tasks.waitForAll()
    }
    try await threads.shutdownGracefully()
}

/// A value that threads of a test share.
final class Mutexed<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { self.stored = value }

    var value: Value {
        get { self.lock.withLock { self.stored } }
        set { self.lock.withLock { self.stored = newValue } }
    }
}

/// Chance that a seed repeats.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Logger {
    /// Writes nothing.
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
