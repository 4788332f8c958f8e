import Foundation
import Ground
import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import Testing
import WebEdge

/// A blocking HTTP client of a few lines: one connection, one exchange, until the server closes.
private enum Client {
    /// The whole answer, or as much of it as came; empty if there was no connection.
    static func exchange(_ port: UInt16, _ request: String, body: [UInt8] = []) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return "" }
        var rest = Array(request.utf8)[...] + body
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { break }
            rest = rest.dropFirst(sent)
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { break }
            answer += buffer[0..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    static func request(
        _ port: UInt16, _ method: String, _ path: String, host: String? = nil, headers: String = "", body: [UInt8] = []
    ) async -> (status: Int, text: String) {
        let head =
            "\(method) \(path) HTTP/1.1\r\nHost: \(host ?? "127.0.0.1:\(port)")\r\nConnection: close\r\n"
            + (body.isEmpty ? "" : "Content-Length: \(body.count)\r\n") + headers + "\r\n"
        let text = await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: Self.exchange(port, head, body: body)) }.start()
        }
        return (Int(text.dropFirst(9).prefix(3)) ?? 0, text)
    }
}

/// What the routes of a test saw.
private final class Notes: Sendable {
    private let state = Mutex<(ready: String?, requests: [String])>(("starting", []))
    var ready: String? {
        get { self.state.withLock { $0.ready } }
        set { self.state.withLock { $0.ready = newValue } }
    }
    func note(_ request: AdministrationRequest) {
        self.state.withLock {
            $0.requests.append(
                "\(request.method.rawValue) \(request.rest) \(request.query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) \(request.body.count)"
            )
        }
    }
    var requests: [String] { self.state.withLock { $0.requests } }
}

/// Runs a server while the body runs, and stops it gracefully.
private func withServer(
    _ notes: Notes = Notes(), port: UInt16 = 0, limits: AdministrationLimits = AdministrationLimits(),
    _ body: @Sendable @escaping (UInt16) async throws -> Void
) async throws {
    let registry = MetricsRegistry()
    registry.counter("muster_test_total", help: "A test.").add(5)
    let (ports, continuation) = AsyncStream.makeStream(of: UInt16.self)
    var configuration = AdministrationServer.Configuration(port: port)
    configuration.limits = limits
    let handler: AdministrationRoute.Handler = { request in
        notes.note(request)
        return .json(Array("{\"ok\":true}".utf8), status: request.method == .post ? 201 : 200)
    }
    let server = AdministrationServer(
        configuration: configuration, registry: registry, readiness: { notes.ready },
        routes: [
            AdministrationRoute(.get, "/api/rules", handler: handler),
            AdministrationRoute(.post, "/api/rules", handler: handler),
            AdministrationRoute(.get, "/api", handler: { _ in .text("api") }),
        ],
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onRunning: { continuation.yield($0) })
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        tasks.addTask {
            for await port in ports {
                do { try await body(port) } catch { Issue.record(error) }
                await group.triggerGracefulShutdown()
                return
            }
        }
        do {
            try await tasks.next()
        } catch {
            continuation.finish()
            throw error
        }
        try await tasks.waitForAll()
    }
}

@Suite("the administration server", .timeLimit(.minutes(2)))
struct AdministrationServerTests {
    @Test("shows liveness, readiness with its reason, and metrics")
    func ownRoutes() async throws {
        let notes = Notes()
        try await withServer(notes) { port in
            #expect(await Client.request(port, "GET", "/health/live").status == 200)
            let waiting = await Client.request(port, "GET", "/health/ready")
            #expect(waiting.status == 503 && waiting.text.hasSuffix("starting\n"))
            notes.ready = nil
            #expect(await Client.request(port, "GET", "/health/ready").status == 200)
            let metrics = await Client.request(port, "GET", "/metrics")
            #expect(metrics.text.contains("muster_test_total 5\n"))
            #expect(metrics.text.lowercased().contains("content-type: text/plain; version=0.0.4"))
            let head = await Client.request(port, "HEAD", "/metrics")
            #expect(head.status == 200 && !head.text.contains("muster_test_total"))
        }
    }

    @Test("gives requests to the longest route, decoded, with query and body")
    func routes() async throws {
        let notes = Notes()
        try await withServer(notes) { port in
            #expect(await Client.request(port, "GET", "/api/rules/sip%3Aalice%40home.test/x?a=%20b&c").status == 200)
            #expect(await Client.request(port, "POST", "/api/rules", body: [1, 2, 3]).status == 201)
            #expect(await Client.request(port, "GET", "/api/other").text.hasSuffix("api\n"))
            #expect(await Client.request(port, "GET", "/api/rulesmore").text.hasSuffix("api\n"))
        }
        #expect(notes.requests.first?.hasPrefix("GET sip:alice@home.test/x [\"a= b\"") == true)
        #expect(notes.requests.dropFirst() == ["POST  [] 3"])
    }

    @Test("answers 404, 405 with Allow, 400, and 413 where it has to")
    func refusals() async throws {
        let notes = Notes()
        var limits = AdministrationLimits()
        limits.bodyBytes = 1000
        try await withServer(notes, limits: limits) { port in
            #expect(await Client.request(port, "GET", "/nothing").status == 404)
            #expect(await Client.request(port, "GET", "/").status == 404)
            let wrong = await Client.request(port, "DELETE", "/api/rules")
            #expect(wrong.status == 405 && wrong.text.lowercased().contains("allow: get, post"))
            #expect(await Client.request(port, "GET", "/api/rules/%zz").status == 400)
            #expect(await Client.request(port, "GET", "/api/rules/%ff").status == 400)
            let large = [UInt8](repeating: 0x41, count: 1001)
            #expect(await Client.request(port, "POST", "/api/rules", body: large).status == 413)
            #expect(await Client.request(port, "POST", "/api/rules", body: Array(large.dropLast())).status == 201)
        }
        #expect(notes.requests == ["POST  [] 1000"])
    }

    @Test("keeps web pages out: foreign host names, and changes from another origin")
    func browsers() async throws {
        let notes = Notes()
        try await withServer(notes) { port in
            for host in ["evil.test", "127.0.0.1.evil.test:\(port)", "localhost.evil.test", "[::1"] {
                #expect(await Client.request(port, "GET", "/metrics", host: host).status == 421)
            }
            for host in ["localhost:\(port)", "LOCALHOST", "[::1]:\(port)", "127.0.0.1"] {
                #expect(await Client.request(port, "GET", "/metrics", host: host).status == 200)
            }
            let forged = await Client.request(
                port, "POST", "/api/rules", headers: "Origin: http://evil.test\r\n", body: [1])
            #expect(forged.status == 403)
        }
        #expect(notes.requests.isEmpty)
    }

    @Test("survives what is no HTTP, and serves the next")
    func noise() async throws {
        try await withServer { port in
            for noise in [
                "\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "SUBSCRIBE sip:a@b SIP/2.0\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 30_000) + "\r\n",
            ] {
                let answer = await withCheckedContinuation { continuation in
                    Thread { continuation.resume(returning: Client.exchange(port, noise)) }.start()
                }
                #expect(!answer.contains(" 200 "))
            }
            #expect(await Client.request(port, "GET", "/health/live").status == 200)
        }
    }

    @Test("says which port is taken, and how to choose another")
    func portTaken() async throws {
        try await withServer { port in
            let fault = await #expect(throws: Fault.self) { try await withServer(port: port) { _ in } }
            #expect(fault?.code == "web.port-unavailable")
            #expect(fault?.reason.contains("\(port)") == true)
        }
    }
}
