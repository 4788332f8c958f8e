import DigestAuth
import Ground
import SIPWire

/// What one procedure knows of the servers that ask it for a password: one that answers 401, proxies that answer 407.
///
/// Each procedure has its own, because answers to challenges that cross each other would look like a wrong password.
struct DigestMemory: Sendable {
    private var server: DigestClient?
    private var proxy: DigestClient?
    private var serverAnswers: [[UInt8]] = []
    private var proxyAnswers: [[UInt8]] = []

    init(_ credentials: UserAgent.Credentials?) {
        guard let credentials else { return }
        self.server = DigestClient(user: credentials.user, password: credentials.password)
        self.proxy = self.server
    }

    /// Takes the challenge of a 401 or 407 in. Nil: the request can be sent again.
    mutating func challenged(by message: SIPMessage, of draft: Draft, entropy: inout Entropy) -> UserAgent.Problem? {
        let isProxy = message.status == 407
        let challenges = message.all(isProxy ? .proxyAuthenticate : .wwwAuthenticate)
        let realm = challenges.lazy.compactMap { DigestChallenge($0) }.first?.realm.text ?? ""
        guard let digest = isProxy ? self.proxy : self.server else { return .passwordNeeded(realm: realm) }
        guard !challenges.isEmpty else { return .answerUnusable("a \(message.status) without a challenge") }
        var client = digest
        let answers = client.answer(
            challenges: challenges, method: Octets(draft.method.token), uri: Octets(draft.uri),
            body: Octets(draft.body), entropy: &entropy)
        if isProxy {
            self.proxy = client
            self.proxyAnswers = answers
        } else {
            self.server = client
            self.serverAnswers = answers
        }
        return answers.isEmpty ? .passwordWrong(realm: realm) : nil
    }

    /// The header lines with credentials for a request: the answers to the challenge of the moment, else those for
    /// the realms that have challenged before.
    mutating func lines(for draft: Draft, entropy: inout Entropy) -> [UInt8] {
        let method = Octets(draft.method.token)
        let uri = Octets(draft.uri)
        let body = Octets(draft.body)
        var server = self.serverAnswers
        var proxy = self.proxyAnswers
        self.serverAnswers = []
        self.proxyAnswers = []
        if server.isEmpty {
            server = self.server?.authorization(method: method, uri: uri, body: body, entropy: &entropy) ?? []
        }
        if proxy.isEmpty {
            proxy = self.proxy?.authorization(method: method, uri: uri, body: body, entropy: &entropy) ?? []
        }
        var lines: [UInt8] = []
        for value in server {
            lines.append(literal: "Authorization: ")
            lines.append(contentsOf: value)
            lines.append(literal: "\r\n")
        }
        for value in proxy {
            lines.append(literal: "Proxy-Authorization: ")
            lines.append(contentsOf: value)
            lines.append(literal: "\r\n")
        }
        return lines
    }

    /// Notes that a request was accepted.
    mutating func accepted(_ message: SIPMessage) {
        self.server?.accepted(authenticationInfo: message.first(.authenticationInfo))
        self.proxy?.accepted()
    }
}
