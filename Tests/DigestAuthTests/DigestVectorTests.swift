import DigestAuth
import Ground
import MusterTesting
import Testing

/// The examples that the standards print, and the grammar of the headers.
@Suite("Digest vectors and grammar")
struct DigestVectorTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func response(_ header: String) throws -> DigestResponse {
        guard case .response(let response) = DigestResponse.read(Array(header.utf8)[...]) else {
            throw Refused()
        }
        return response
    }

    private struct Refused: Error {}

    @Test("RFC 2617's own example", .spec("RFC 2617 §3.5", "RFC 3261 §22.4"))
    func example2617() throws {
        let response = try self.response(
            """
            Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", \
            uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", \
            response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"
            """)
        let credentials = DigestCredentials(
            identities: [], user: "Mufasa", realm: "testrealm@host.com", password: Redacted("Circle Of Life"))
        let ha1 = try #require(credentials.ha1(for: response.algorithm))
        #expect(self.text(ha1.reveal()) == "939e7578ed9e3c518a452acee763bce9")
        let digest = response.computation.response(ha1: ha1, method: Array("GET".utf8)[...], body: [])
        #expect(digest[...] == response.response)
        #expect(response.opaque?.text == "5ccc069c403ebaf9f0171e9517f40e41")
    }

    @Test("RFC 7616's example with MD5 and SHA-256", .spec("RFC 7616 §3.9.1", "RFC 7616 §3.4.1"))
    func example7616() throws {
        for (algorithm, digest) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let response = try self.response(
                """
                Digest username="Mufasa",realm="http-auth@example.org",uri="/dir/index.html",algorithm=\(algorithm),\
                nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",nc=00000001,\
                cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",qop=auth,response="\(digest)",\
                opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
                """)
            let credentials = DigestCredentials(
                identities: [], user: "Mufasa", realm: "http-auth@example.org", password: Redacted("Circle of Life"))
            let ha1 = try #require(credentials.ha1(for: response.algorithm))
            #expect(
                response.computation.response(ha1: ha1, method: Array("GET".utf8)[...], body: [])[...]
                    == response.response)
        }
    }

    @Test("RFC 7616's example with SHA-512/256, as its erratum corrects it", .spec("RFC 7616 §3.9.2"))
    func example512() throws {
        let credentials = DigestCredentials(
            identities: [], user: "J\u{E4}s\u{F8}n Doe", realm: "api@example.org", password: Redacted("Secret, or not?")
        )
        let ha1 = try #require(credentials.ha1(for: .sha512_256))
        let computation = DigestComputation(
            algorithm: .sha512_256, protection: .authentication,
            nonce: Array("5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK".utf8)[...],
            clientNonce: Array("NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v".utf8)[...],
            nonceCount: Array("00000001".utf8)[...],
            uri: Array("/doe.json".utf8)[...])
        #expect(
            self.text(computation.response(ha1: ha1, method: Array("GET".utf8)[...], body: []))
                == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")
    }

    @Test(
        "session algorithms and auth-int hash the nonces and the body",
        .spec("RFC 7616 §3.4.2", "RFC 7616 §3.4.3", "REQ-33141-46"))
    func sessionAndIntegrity() throws {
        // Computed by hand from the formulas: every part is a plain MD5.
        let ha1 = Redacted(Array("939e7578ed9e3c518a452acee763bce9".utf8))
        func digest(_ algorithm: DigestAlgorithm, _ protection: DigestProtection?, body: String) -> String {
            let computation = DigestComputation(
                algorithm: algorithm, protection: protection, nonce: Array("n".utf8)[...],
                clientNonce: Array("c".utf8)[...],
                nonceCount: Array("00000001".utf8)[...], uri: Array("sip:a".utf8)[...])
            return self.text(
                computation.response(ha1: ha1, method: Array("PUBLISH".utf8)[...], body: Array(body.utf8)[...]))
        }
        #expect(digest(.md5, .authentication, body: "x") == digest(.md5, .authentication, body: "y"))
        #expect(digest(.md5, .integrity, body: "x") != digest(.md5, .integrity, body: "y"))
        #expect(digest(.md5, .authentication, body: "") != digest(.md5Session, .authentication, body: ""))
        #expect(digest(.md5, nil, body: "") != digest(.md5, .authentication, body: ""))
    }

    @Test(
        "parameters come in any case and order, with commas and escapes in quotes, unknown ones ignored",
        .spec("RFC 7616 §3.4", "RFC 3261 §25.1", "RFC 3261 §22.4"))
    func grammar() throws {
        let response = try self.response(
            #"dIgEsT  REALM="a, \"b\" c" ,new="x,y", UserName="o\"brien",Uri="sip:x",response="00ff",NONCE="n,=" , future=tok"#
        )
        #expect(self.text(response.realm) == #"a, "b" c"#)
        #expect(self.text(response.user) == #"o"brien"#)
        #expect(response.nonce.text == "n,=")
        #expect(response.algorithm == .md5, "RFC 7616 §3.4: without algorithm it is MD5")
        #expect(response.protection == nil)
    }

    @Test(
        "broken headers are named malformed, never trapped on", .spec("RFC 7616 §3.4"),
        arguments: [
            "Digest username=\"x", "Digest username", "Digest =x", "Digest username=\"a\" realm=\"b\"",
            "Digest username=\"a\",username=\"b\"", "Digest username=\"a\\", "Digest ,,,", "Digest",
            "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"xyz\"",
            "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"00\",qop=auth",
            "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"00\",qop=auth,cnonce=\"c\",nc=1",
            "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"00\",qop=auth,cnonce=\"c\",nc=0000000g",
            "Digest " + (0..<40).map { "p\($0)=1" }.joined(separator: ","), "", "\"", "=",
        ])
    func malformed(header: String) {
        guard case .malformed = DigestResponse.read(Array(header.utf8)[...]) else {
            Issue.record("\(header) passed")
            return
        }
    }

    @Test("every beginning of a good header is judged without a crash")
    func truncation() {
        let header = Array(
            #"Digest username="a\"b", realm="r", nonce="n", uri="sip:x", response="00", qop=auth, nc=00000001, cnonce="c""#
                .utf8)
        for length in header.indices {
            _ = DigestResponse.read(header[..<length])
            _ = DigestChallenge(header[..<length])
        }
    }

    @Test("other schemes and unknown algorithms are passed over", .spec("RFC 7616 §3.7", "RFC 8760 §2.4"))
    func otherSchemes() {
        guard case .otherScheme = DigestResponse.read(Array("Basic realm=\"x\"".utf8)[...]) else {
            Issue.record("Basic was read as Digest")
            return
        }
        let unknown = #"Digest username="a",realm="r",nonce="n",uri="u",response="00",algorithm=SHA3-512"#
        guard case .unsupported = DigestResponse.read(Array(unknown.utf8)[...]) else {
            Issue.record("an unknown algorithm was accepted")
            return
        }
        #expect(DigestChallenge(Array(#"Digest realm="r", nonce="n", algorithm=SHA3-512"#.utf8)[...]) == nil)
        #expect(DigestChallenge(Array(#"Digest realm="r", nonce="n", qop="future""#.utf8)[...]) == nil)
        #expect(
            DigestChallenge(Array(#"Digest realm="r", nonce="n", qop="future,AUTH""#.utf8)[...])?.protections == [
                .authentication
            ])
    }

    @Test("a challenge reads back as it was written", .spec("RFC 7616 §3.3"))
    func challengeRoundTrip() throws {
        let header =
            #"Digest realm="the \"realm\", one", nonce="abc", opaque="o", stale=true, algorithm=SHA-256, qop="auth,auth-int""#
        let challenge = try #require(DigestChallenge(Array(header.utf8)[...]))
        #expect(self.text(challenge.serialised()) == header)
        #expect(challenge.isStale)
        #expect(challenge.protections == [.authentication, .integrity])
    }

    @Test(
        "the same resource in other words is the same, another one is not", .spec("RFC 3261 §22.4", "RFC 7616 §3.4.6"))
    func resources() {
        func same(_ left: String, _ right: String) -> Bool {
            DigestURI.isSameResource(Array(left.utf8)[...], Array(right.utf8)[...])
        }
        #expect(same("sip:example.com", "SIP:EXAMPLE.com:5060;transport=tcp"))
        #expect(same("sip:%61lice@example.com", "sip:alice@example.com;lr?x=y"))
        #expect(same("sip:a;x@example.com", "sip:a;x@example.com"))
        #expect(same("sip:[::1]", "sip:[::1]:5060"))
        #expect(!same("sip:alice@example.com", "sip:bob@example.com"))
        #expect(!same("sip:example.com", "sips:example.com"))
        #expect(!same("sip:example.com", "sip:example.com:5070"))
        #expect(!same("sip:alice@example.com", "sip:Alice@example.com"))
        #expect(!same("sip:", "sip:example.com"))
        #expect(!same("http://a/b", "http://a/c"))
    }
}
