import DigestAuth
import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Passwords")
struct AuthenticationTests {
    private let challenge =
        "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256"

    /// What a server computes for an answer.
    private func isRight(_ message: SIPMessage, header: HeaderName, password: String) -> Bool {
        guard let value = message.first(header), case .response(let response) = DigestResponse.read(value),
            let ha1 = DigestCredentials.ha1(
                response.algorithm.hashFunction, user: "bob", realm: "home.test", password: Redacted(password))
        else { return false }
        let expected = response.computation.response(
            ha1: ha1, method: Octets(message.method.token), body: message.body)
        return expected.elementsEqual(response.response) && response.uri == message.requestURI
    }

    @Test(
        "a 401 is answered with credentials, a higher CSeq and the same Call-ID",
        .spec("RFC 3261 §22.2", "RFC 7616 §3.4", "RFC 3261 §8.1.3.5/1", "RFC 3261 §22.2/1"))
    func challenged() throws {
        var stage = Stage(password: "secret")
        stage.order(.publish(try Sample.document()))
        let plain = try stage.next(.publish)
        #expect(plain.message.first(.authorization) == nil)
        try stage.answer(plain, 401, self.challenge)
        let again = try stage.next(.publish)
        #expect(self.isRight(again.message, header: .authorization, password: "secret"))
        #expect(again.message.callID.text == plain.message.callID.text)
        #expect(again.message.fromTag()?.text == plain.message.fromTag()?.text)
        #expect(try again.message.cseq().number == plain.message.cseq().number + 1)
        #expect(again.message.body.text == plain.message.body.text)
    }

    @Test("a 407 is answered for the proxy", .spec("RFC 3261 §22.3", "RFC 3261 §8.1.3.5/1", "RFC 3261 §22.3/1"))
    func proxy() throws {
        var stage = Stage(password: "secret")
        stage.order(.watch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        try stage.answer(
            try stage.next(.subscribe), 407,
            "Proxy-Authenticate: Digest realm=\"home.test\", nonce=\"p\", qop=\"auth\", algorithm=MD5")
        let again = try stage.next(.subscribe)
        #expect(self.isRight(again.message, header: .proxyAuthorization, password: "secret"))
    }

    @Test("requests that follow carry the next count of the nonce at once", .spec("RFC 7616 §3.4", "RFC 3261 §22.2"))
    func nonceCount() throws {
        var stage = Stage(password: "secret")
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), 401, self.challenge)
        try stage.answer(try stage.next(.publish), 200, "SIP-ETag: a", "Expires: 60")
        stage.wait(.seconds(30))
        let refresh = try stage.next(.publish)
        #expect(self.isRight(refresh.message, header: .authorization, password: "secret"))
        #expect(refresh.message.first(.authorization)?.text.contains("nc=00000002") ?? false)
    }

    @Test("a wrong password is tried once, not for ever", .spec("RFC 3261 §22.2", "RFC 3261 §22.2/1"))
    func wrong() throws {
        var stage = Stage(password: "wrong")
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), 401, self.challenge)
        try stage.answer(
            try stage.next(.publish), 401,
            "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256")
        #expect(stage.sent.isEmpty)
        #expect(stage.events == [.publicationFailed(.passwordWrong(realm: "home.test"), retryAt: nil)])
    }

    @Test("a stale nonce is answered again with the same password", .spec("RFC 7616 §3.3"))
    func stale() throws {
        var stage = Stage(password: "secret")
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), 401, self.challenge)
        try stage.answer(
            try stage.next(.publish), 401,
            "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"n2\", stale=true, qop=\"auth\", algorithm=SHA-256")
        #expect(self.isRight(try stage.next(.publish).message, header: .authorization, password: "secret"))
    }

    @Test("a server that calls every nonce stale is left after a few answers", .spec("RFC 3261 §22.2"))
    func endlessStale() throws {
        var stage = Stage(password: "secret")
        stage.order(.publish(try Sample.document()))
        var count = 0
        while !stage.sent.isEmpty, count < 50 {
            count += 1
            try stage.answer(
                try stage.next(.publish), 401,
                "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"n\(count)\", stale=true, algorithm=SHA-256")
        }
        #expect(count < 10)
    }

    @Test("of several challenges the first that is understood is answered", .spec("RFC 8760 §2.4"))
    func preference() throws {
        var stage = Stage(password: "secret")
        stage.order(.publish(try Sample.document()))
        try stage.answer(
            try stage.next(.publish), 401,
            "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"x\", algorithm=UNHEARD-OF",
            self.challenge, "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"m\", algorithm=MD5")
        let value = try #require(try stage.next(.publish).message.first(.authorization)).text
        #expect(value.contains("algorithm=SHA-256"))
    }

    @Test("without a password the user learns who asks for one", .spec("RFC 3261 §22.2"))
    func none() throws {
        var stage = Stage()
        stage.order(.watch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        try stage.answer(try stage.next(.subscribe), 401, self.challenge)
        #expect(
            stage.events == [
                .subscriptionEnded(first, .failed(.passwordNeeded(realm: "home.test")), retryAt: nil)
            ])
    }

    @Test("a publication and a subscription that are challenged at the same moment both succeed")
    func crossing() throws {
        var stage = Stage(password: "secret")
        stage.order(.publish(try Sample.document()))
        stage.order(.watch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        let publish = try stage.next(.publish)
        let subscribe = try stage.next(.subscribe)
        try stage.answer(publish, 401, self.challenge)
        try stage.answer(
            subscribe, 401, "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"other\", algorithm=SHA-256")
        #expect(try stage.next(.publish).message.first(.authorization) != nil)
        #expect(try stage.next(.subscribe).message.first(.authorization) != nil)
    }
}
