import Foundation
import MusterTesting
import Testing

extension Interop {
    /// openssl s_client, a TLS client that knows nothing of SIP, speaks to a listener of a node.
    @Suite("openssl", .serialized)
    struct TLS {
        private let authority: Authority

        init() throws {
            self.authority = try Authority()
            try self.authority.issue("server", for: ["DNS:bench.test", "URI:sip:bench.test", "IP:127.0.0.1"])
            try self.authority.issue("peer", for: ["URI:sip:peer.test", "DNS:peer.test"])
        }

        private func server(clientCertificate: String) throws -> RunningServer {
            try RunningServer(
                RunningServer.Wishes(
                    transports: ["udp", "tls"], clientCertificate: clientCertificate, authority: self.authority))
        }

        private func client(_ server: RunningServer, _ more: [String] = []) throws -> RunningTool {
            try RunningTool(
                "openssl",
                [
                    "s_client", "-connect", "127.0.0.1:\(server.port + 1)", "-CAfile", self.authority.root,
                    "-verify_return_error", "-verify_hostname", "bench.test", "-quiet", "-no_ign_eof",
                ] + more, timeout: 60)
        }

        private static let options = String(
            decoding: PlainMessage.request("OPTIONS", from: "asker", at: "client.invalid", transport: "TLS"),
            as: UTF8.self)

        @Test(
            "OPTIONS over TLS is answered, with TLS 1.2 and 1.3",
            .spec("RFC 3261 §26.2.1", "RFC 3261 §26.3.1", "RFC 5922 §7.1", "RFC 3261 §18.2.2", "RFC 3581 §4"),
            arguments: ["-tls1_2", "-tls1_3"])
        func answers(version: String) throws {
            let server = try self.server(clientCertificate: "request")
            let client = try self.client(server, [version])
            client.say(Self.options)
            try client.awaitText("SIP/2.0 200")
            let via = try client.awaitText("Via: SIP/2.0/TLS client.invalid")
            #expect(via.contains("received=127.0.0.1"), "\(via)")
            // The connection serves more than one request, and ends when the client closes it.
            client.say(Self.options)
            try client.awaitText("SIP/2.0 200")
            client.closeInput()
            client.awaitEnd()
            try server.expectServing()
        }

        @Test(
            "versions that are broken are refused", .spec("RFC 8996 §4", "RFC 8996 §5"),
            arguments: ["-tls1", "-tls1_1"])
        func oldVersions(version: String) throws {
            let server = try self.server(clientCertificate: "request")
            let client = try self.client(server, [version, "-cipher", "ALL:@SECLEVEL=0"])
            client.say(Self.options)
            #expect(client.awaitEnd() != 0, "\(client.output)")
            #expect(!client.output.contains("SIP/2.0"), "\(client.output)")
            #expect(client.output.contains("alert protocol version"), "\(client.output)")
            try server.expectServing("after a refused handshake")
        }

        @Test(
            "where certificates are required, a client with one is served and one without is turned away",
            .spec("RFC 3261 §26.3.1", "RFC 5922 §7.4"))
        func mutual() throws {
            let server = try self.server(clientCertificate: "require")
            let friend = try self.client(
                server, ["-cert", self.authority.certificate("peer"), "-key", self.authority.key("peer")])
            friend.say(Self.options)
            try friend.awaitText("SIP/2.0 200")
            friend.closeInput()

            let nobody = try self.client(server)
            nobody.say(Self.options)
            #expect(nobody.awaitEnd() != 0, "\(nobody.output)")
            #expect(!nobody.output.contains("SIP/2.0"), "\(nobody.output)")
            #expect(nobody.output.contains("certificate required"), "\(nobody.output)")
        }

        @Test("a certificate of an authority that nobody here knows opens nothing", .spec("RFC 5922 §7.4"))
        func foreignAuthority() throws {
            let server = try self.server(clientCertificate: "require")
            let foreign = try Authority()
            try foreign.issue("forger", for: ["DNS:peer.test"])
            let forger = try self.client(
                server, ["-cert", foreign.certificate("forger"), "-key", foreign.key("forger")])
            forger.say(Self.options)
            #expect(forger.awaitEnd() != 0, "\(forger.output)")
            #expect(!forger.output.contains("SIP/2.0"), "\(forger.output)")
            try server.expectServing("after a forged certificate")
        }

        @Test("what is no TLS is no reason to stop", .spec("RFC 3261 §26.3.1"))
        func clearText() throws {
            let server = try self.server(clientCertificate: "request")
            let clear = try PlainSocket.stream(to: server.secureEndpoint)
            clear.send(Array(Self.options.utf8))
            #expect(clear.awaitClose(within: 20), "clear text on a TLS port leaves the connection open")
            let client = try self.client(server)
            client.say(Self.options)
            try client.awaitText("SIP/2.0 200")
        }
    }
}
