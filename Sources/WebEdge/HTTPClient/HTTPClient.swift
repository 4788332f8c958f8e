import DigestAuth
import Ground
import NIOCore
import NIOHTTP1
import NIOPosix

/// A client for one HTTP/1.1 server: it keeps a connection open between requests, answers digest challenges, unpacks
/// gzip, and follows no redirects.
package actor HTTPClient {
    /// What a client may want to differ from the usual.
    package struct Configuration: Sendable {
        /// For digest challenges (RFC 7616). Nil: a challenge ends in the fault `http.password-needed`.
        package var credentials: Credentials?
        /// For making the connection, and for each answer.
        package var timeout = Duration.seconds(10)
        package var limits = HTTPClientLimits()
        /// Puts TLS before everything else into the channel of a connection to an `https` origin. Nil: such an origin
        /// cannot be reached.
        package var secure: (@Sendable (any Channel, HTTPOrigin) throws -> Void)?

        package init(credentials: Credentials? = nil) { self.credentials = credentials }
    }

    /// A user's name and password.
    package struct Credentials: Sendable {
        package let user: String
        package let password: Redacted<String>

        package init(user: String, password: Redacted<String>) {
            self.user = user
            self.password = password
        }
    }

    package nonisolated let origin: HTTPOrigin
    private let configuration: Configuration
    private let group: any EventLoopGroup
    private var entropy: Entropy
    private var digestClient: DigestClient?
    /// A connection that waits for the next request.
    private var resting: (any Channel)?
    private var isClosed = false

    /// How many times a request is sent again with an answer to a challenge: the first, and one for a nonce that is no
    /// longer fresh.
    private static let maximumChallenges = 2

    /// - Parameter entropy: for client nonces.
    package init(
        _ origin: HTTPOrigin, configuration: Configuration = Configuration(), entropy: Entropy,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        self.origin = origin
        self.configuration = configuration
        self.group = group
        self.entropy = entropy
        self.digestClient = configuration.credentials.map { DigestClient(user: $0.user, password: $0.password) }
    }

    /// Sends a request and waits for the answer, whatever its status; but a 401 that cannot be answered is a fault.
    ///
    /// - Throws: ``Fault``: `http.address-invalid`, `http.unreachable`, `http.timeout`, `http.answer-invalid`,
    ///   `http.no-tls`, `http.password-needed`, `http.password-wrong`.
    package func send(_ request: Request) async throws(Fault) -> Answer {
        guard request.target.utf8.first == UInt8(ascii: "/"),
            request.target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
        else {
            throw Fault(
                code: "http.address-invalid",
                reason: "\"\(request.target)\" is no path of an HTTP server: some characters need escapes.")
        }
        var authorization = self.authorization(for: request)
        var challenges = 0
        while true {
            let answer = try await self.exchange(request, authorization: authorization)
            guard answer.status == 401 else {
                self.digestClient?.accepted(
                    authenticationInfo: answer["Authentication-Info"].map { Octets(Array($0.utf8)) })
                return answer
            }
            authorization = try self.answer(to: answer, for: request)
            challenges += 1
            guard challenges <= Self.maximumChallenges else { throw self.wrongPassword }
        }
    }

    /// Closes the connection. Requests after this make a new one and close it.
    package func close() async {
        self.isClosed = true
        let resting = self.resting
        self.resting = nil
        try? await resting?.close()
    }

    // MARK: digest

    private func authorization(for request: Request) -> String? {
        self.digestClient?.authorization(
            method: Octets(Array(request.method.utf8)), uri: Octets(Array(request.target.utf8)),
            body: Octets(request.body), entropy: &self.entropy
        ).first.map { $0[...].text }
    }

    private func answer(to challenge: Answer, for request: Request) throws(Fault) -> String {
        guard self.digestClient != nil else {
            throw Fault(
                code: "http.password-needed", reason: "\(self.origin) asks for a user name and a password.")
        }
        let answers = self.digestClient?.answer(
            challenges: challenge.values("WWW-Authenticate").map { Octets(Array($0.utf8)) },
            method: Octets(Array(request.method.utf8)), uri: Octets(Array(request.target.utf8)),
            body: Octets(request.body), entropy: &self.entropy)
        guard let answer = answers?.first else { throw self.wrongPassword }
        return answer[...].text
    }

    private var wrongPassword: Fault {
        let user = self.configuration.credentials?.user ?? ""
        return Fault(
            code: "http.password-wrong",
            reason: "\(self.origin) does not accept the password of \(user), or asks in a way that is not known here.")
    }

    // MARK: connections

    private func exchange(_ request: Request, authorization: String?) async throws(Fault) -> Answer {
        let resting = self.resting
        self.resting = nil
        do {
            if let resting {
                do {
                    return try await self.exchange(request, authorization: authorization, on: resting)
                } catch is HTTPExchange.Ended where request.method != "POST" {
                    // The server ended a connection that had rested. All other methods of use here are idempotent
                    // (RFC 9110 §9.2.2), so the request goes out once more on a new one.
                }
            }
            return try await self.exchange(request, authorization: authorization, on: try await self.connect())
        } catch let fault as Fault {
            throw fault
        } catch is HTTPExchange.Ended {
            throw Fault(
                code: "http.answer-invalid", reason: "\(self.origin) ended the connection without an answer.")
        } catch {
            throw Fault(code: "http.unreachable", reason: "\(self.origin) cannot be reached: \(error).")
        }
    }

    private func exchange(
        _ request: Request, authorization: String?, on channel: any Channel
    ) async throws -> Answer {
        var headers = HTTPHeaders([("Host", self.origin.authority), ("Accept-Encoding", "gzip")])
        for field in request.fields { headers.add(name: field.name, value: field.value) }
        if let authorization { headers.add(name: "Authorization", value: authorization) }
        if !request.body.isEmpty || request.method == "PUT" || request.method == "POST" {
            headers.replaceOrAdd(name: "Content-Length", value: String(request.body.count))
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.target, headers: headers)
        let timeout = TimeAmount.nanoseconds(self.configuration.timeout.wholeNanoseconds)
        let body = request.body
        let outcome = try await channel.eventLoop.flatSubmit { () -> EventLoopFuture<HTTPExchange.Outcome> in
            let promise = channel.eventLoop.makePromise(of: HTTPExchange.Outcome.self)
            do {
                try channel.pipeline.syncOperations.handler(type: HTTPExchange.self)
                    .send(head, body: body, timeout: timeout, promise: promise)
            } catch {
                // A closed channel has no handlers any more.
                promise.fail(HTTPExchange.Ended())
            }
            return promise.futureResult
        }.get()
        if outcome.isReusable, self.resting == nil, !self.isClosed {
            self.resting = channel
        } else {
            channel.close(promise: nil)
        }
        return outcome.answer
    }

    private func connect() async throws -> any Channel {
        let (origin, configuration) = (self.origin, self.configuration)
        guard !origin.isSecure || configuration.secure != nil else {
            throw Fault(code: "http.no-tls", reason: "\(origin) wants TLS, which this client does not have yet.")
        }
        var bounds = NIOHTTPDecoderLimitConfiguration()
        bounds.maxHeaderListSize = configuration.limits.headBytes
        bounds.maxHeaderFieldSize = configuration.limits.headBytes
        bounds.maxHeaderFieldCount = configuration.limits.fields
        let limits = bounds
        let bootstrap = ClientBootstrap(group: self.group)
            .connectTimeout(.nanoseconds(configuration.timeout.wholeNanoseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if origin.isSecure { try configuration.secure?(channel, origin) }
                    let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
                    try channel.pipeline.syncOperations.addHandlers([
                        HTTPRequestEncoder(), ByteToMessageHandler(decoder), NIOHTTPRequestHeadersValidator(),
                        HTTPExchange(limits: configuration.limits),
                    ])
                }
            }
        return try await bootstrap.connect(host: origin.host, port: Int(origin.port)).get()
    }
}
