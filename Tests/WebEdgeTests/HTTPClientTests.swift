import DigestAuth
import Foundation
import Ground
import MusterTesting
import Synchronization
import Testing
import XDMServer

@testable import WebEdge

/// A server that gives each connection one prepared answer, whatever is asked.
private final class CannedServer: Sendable {
    let port: UInt16
    private let descriptor: Int32

    /// - Parameters:
    ///   - answers: one a connection; the connection is closed after it.
    ///   - readsFirst: whether the request is read before the connection is closed.
    init(_ answers: [String], readsFirst: Bool = true) {
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = listening
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listening, $0, length)
                _ = listen(listening, 16)
                _ = getsockname(listening, $0, &length)
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        Thread {
            for answer in answers {
                let connection = accept(listening, nil, nil)
                guard connection >= 0 else { return }
                var buffer = [UInt8](repeating: 0, count: 65_536)
                if readsFirst { _ = recv(connection, &buffer, buffer.count, 0) }
                let bytes = Array(answer.utf8)
                _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                close(connection)
            }
        }.start()
    }

    deinit { close(self.descriptor) }

    var origin: HTTPOrigin { HTTPOrigin(host: "127.0.0.1", port: self.port) }
}

/// A server's side of digest authentication, for a test.
private final class Guardian: Sendable {
    private struct State {
        var authenticator: DigestAuthenticator
        var entropy = Entropy.seeded(7)
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var challenges = 0
    }

    private let state: Mutex<State>

    init(realm: String = "home.test") {
        self.state = Mutex(
            State(
                authenticator: DigestAuthenticator(
                    DigestAuthenticator.Configuration(
                        realm: realm, nonceLifetime: .seconds(60), nonceSecret: Redacted([1, 2, 3])))))
    }

    var challenges: Int { self.state.withLock { $0.challenges } }

    func advance(_ time: Duration) { self.state.withLock { $0.now = $0.now + time } }

    func answer(_ request: UtRequest) -> UtResponse {
        self.state.withLock { state in
            func challenge(stale: Bool) -> UtResponse {
                state.challenges += 1
                let values = state.authenticator.challenge(isStale: stale, at: state.now, entropy: &state.entropy)
                return UtResponse(status: 401, fields: values.map { UtResponse.Field("WWW-Authenticate", $0) })
            }
            let given = request.authorization.map { [Octets($0)] } ?? []
            switch state.authenticator.assess(given, at: state.now) {
            case .absent: return challenge(stale: false)
            case .stale: return challenge(stale: true)
            case .malformed: return UtResponse(status: 400)
            case .needed(let question, let response):
                let credentials = DigestCredentials(
                    identities: [Array("sip:alice@home.test".utf8)], user: "alice", realm: question.realm,
                    password: Redacted("secret"))
                let verdict = state.authenticator.verify(
                    response, method: Octets(request.method), uri: Octets(request.requestTarget),
                    body: Octets(request.body), answer: question.user == "alice" ? .found(credentials) : .unknown,
                    at: state.now)
                switch verdict {
                case .accepted: return UtResponse(status: 200, body: request.body)
                case .stale: return challenge(stale: true)
                default: return challenge(stale: false)
                }
            }
        }
    }
}

@Suite("the HTTP client", .timeLimit(.minutes(2)))
struct HTTPClientTests {
    private func client(
        _ origin: HTTPOrigin, password: String? = nil, _ change: (inout HTTPClient.Configuration) -> Void = { _ in }
    ) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            credentials: password.map { HTTPClient.Credentials(user: "alice", password: Redacted($0)) })
        change(&configuration)
        return HTTPClient(origin, configuration: configuration, entropy: .seeded(1))
    }

    private func local(_ port: UInt16) -> HTTPOrigin { HTTPOrigin(host: "127.0.0.1", port: port) }

    @Test("sends requests over one connection, with their targets as they are")
    func requests() async throws {
        let notes = UtNotes()
        try await withUtServer(notes) { port, server in
            let client = client(local(port))
            let put = try await client.send(
                HTTPClient.Request(
                    "PUT", "/xcap/a/~~/b%5b@x=%22c%22%5d?xmlns(d=e)",
                    fields: [HTTPClient.Field("Content-Type", "application/xml")], body: [1, 2, 3]))
            #expect(put.status == 200)
            let big = try await client.send(HTTPClient.Request("GET", "/xcap/big"))
            #expect(big.body == UtNotes.big.body && big["content-encoding"] == "gzip")
            let head = try await client.send(HTTPClient.Request("HEAD", "/xcap/big"))
            #expect(head.body.isEmpty && head.status == 200)
            #expect(try await client.send(HTTPClient.Request("DELETE", "/xcap/gone")).status == 204)
            #expect(await server.counters().connectionsAccepted == 1)
            await client.close()
            while await server.counters().connections > 0 {}
            #expect(try await client.send(HTTPClient.Request("GET", "/xcap/a")).status == 200)
        }
        #expect(notes.targets.first == "a/~~/b%5b@x=%22c%22%5d?xmlns(d=e)")
        #expect(notes.requests.first?.contentType == Array("application/xml".utf8))
        #expect(notes.requests.first?.body == [1, 2, 3])
    }

    @Test("sends requests at the same time over connections of their own")
    func together() async throws {
        try await withUtServer { port, _ in
            let client = client(local(port))
            let answers = try await withThrowingTaskGroup(of: String.self) { tasks in
                for index in 0..<20 {
                    tasks.addTask {
                        let answer = try await client.send(HTTPClient.Request("GET", "/xcap/\(index)"))
                        return String(decoding: answer.body, as: UTF8.self)
                    }
                }
                return try await tasks.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(answers == Set((0..<20).map { "GET \($0) 0" }))
            await client.close()
        }
    }

    @Test("answers a challenge, and uses its nonce again", .spec("RFC 7616 §3.4", "RFC 7616 §3.6"))
    func digest() async throws {
        let guardian = Guardian()
        try await withUtServer(UtNotes { guardian.answer($0) }) { port, server in
            let client = client(local(port), password: "secret")
            for body in [[], [1], [2, 3]] as [[UInt8]] {
                let answer = try await client.send(HTTPClient.Request("PUT", "/xcap/a?b", body: body))
                #expect(answer.status == 200 && answer.body == body)
            }
            #expect(guardian.challenges == 1)
            // A nonce that is too old costs one more round and no question for the password.
            guardian.advance(.seconds(61))
            let late = try await client.send(HTTPClient.Request("GET", "/xcap/a"))
            #expect(late.status == 200 && guardian.challenges == 2)
            #expect(await server.counters().connectionsAccepted == 1)
            await client.close()
        }
    }

    @Test("says when a password is wrong or missing")
    func wrongPasswords() async throws {
        let guardian = Guardian()
        try await withUtServer(UtNotes { guardian.answer($0) }) { port, _ in
            let wrong = client(local(port), password: "guess")
            await #expect(throws: Fault(code: "http.password-wrong", reason: "")) {
                try await wrong.send(HTTPClient.Request("GET", "/xcap/a"))
            }
            #expect(guardian.challenges == 2)
            let missing = client(local(port))
            await #expect(throws: Fault(code: "http.password-needed", reason: "")) {
                try await missing.send(HTTPClient.Request("GET", "/xcap/a"))
            }
            await wrong.close()
            await missing.close()
        }
    }

    @Test("gives other answers back as they are, redirects too")
    func redirects() async throws {
        let server = CannedServer([
            "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.0 500 Oh\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        ])
        let client = client(server.origin)
        let redirect = try await client.send(HTTPClient.Request("GET", "/"))
        #expect(redirect.status == 302 && redirect["location"] == "http://evil.test/")
        let old = try await client.send(HTTPClient.Request("GET", "/"))
        #expect(old.status == 500 && old.body == Array("until the end".utf8))
        #expect(try await client.send(HTTPClient.Request("GET", "/")).body == Array("abc".utf8))
        #expect(try await client.send(HTTPClient.Request("GET", "/")).body == Array("x".utf8))
        await client.close()
    }

    @Test("refuses answers that are none, too large, or cut off")
    func badAnswers() async throws {
        let answers = [
            "SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + String(repeating: "a", count: 200),
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 70_000) + "\r\n\r\n",
        ]
        let server = CannedServer(answers)
        let client = client(server.origin) { $0.limits.bodyBytes = 100 }
        for answer in answers {
            await #expect(throws: Fault(code: "http.answer-invalid", reason: ""), "\(answer.prefix(60))") {
                try await client.send(HTTPClient.Request("GET", "/"))
            }
        }
        await client.close()
    }

    @Test("gives up where there is nobody, or nobody who answers")
    func nobody() async throws {
        let closed = CannedServer([]).origin
        let none = client(closed)
        await #expect(throws: Fault(code: "http.unreachable", reason: "")) {
            try await none.send(HTTPClient.Request("GET", "/"))
        }
        let notes = UtNotes()
        try await withUtServer(notes) { port, _ in
            let slow = client(local(port)) { $0.timeout = .seconds(1) }
            await #expect(throws: Fault(code: "http.timeout", reason: "")) {
                try await slow.send(HTTPClient.Request("GET", "/xcap/held"))
            }
            notes.release(UtResponse(status: 200))
        }
        let secure = client(HTTPOrigin(isSecure: true, host: "127.0.0.1", port: 1))
        await #expect(throws: Fault(code: "http.no-tls", reason: "")) {
            try await secure.send(HTTPClient.Request("GET", "/"))
        }
    }

    @Test("sends a request once more where a connection that rested is gone")
    func reconnecting() async throws {
        // The server closes after each answer without having said so.
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
        let server = CannedServer(["a", "b", "c"].map { answer + $0 })
        let client = client(server.origin)
        for expected in ["a", "b", "c"] {
            let answer = try await client.send(HTTPClient.Request("PUT", "/a", body: [1]))
            #expect(answer.body == Array(expected.utf8))
        }
        await client.close()
    }

    @Test("reads addresses, and refuses what is none", .spec("RFC 9110 §4.2.1"))
    func addresses() throws {
        let address = try HTTPAddress("http://127.0.0.1:8070/xcap/a%20b?c#d")
        #expect(address.origin == HTTPOrigin(host: "127.0.0.1", port: 8070) && address.target == "/xcap/a%20b?c")
        let short = try HTTPAddress("HTTPS://[::1]?q")
        #expect(short.origin == HTTPOrigin(isSecure: true, host: "::1", port: 443) && short.target == "/?q")
        #expect(short.description == "https://[::1]/?q")
        #expect(try HTTPAddress("http://xcap.home.test").description == "http://xcap.home.test/")
        for bad in [
            "", "127.0.0.1:80", "ftp://a/", "http://", "http:///a", "http://a:0/", "http://a:65536/", "http://a:b/",
            "http://u:p@a/", "http://::1/", "http://[1::2/", "http://a/ b", "http://a/\u{e9}", "http://[a]:1/",
        ] {
            #expect(throws: Fault(code: "http.address-invalid", reason: ""), "\(bad)") { try HTTPAddress(bad) }
        }
    }

    @Test("sends no target that would be another request")
    func injection() async throws {
        let client = client(HTTPOrigin(host: "127.0.0.1", port: 1))
        for target in ["a", "", "/a b", "/a\r\nHost: evil", "/\u{e9}", "/a#b"] {
            await #expect(throws: Fault(code: "http.address-invalid", reason: ""), "\(target)") {
                try await client.send(HTTPClient.Request("GET", target))
            }
        }
    }
}
