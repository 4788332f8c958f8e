import Foundation
import MusterTesting
import Testing

extension Interop {
    /// baresip, a SIP telephone that shares no code with us: it registers, publishes its presence, watches others and
    /// shows what it is told.
    @Suite("baresip", .serialized)
    struct Baresip {
        enum Carrier: String, CaseIterable, CustomTestStringConvertible {
            case udp, tcp, tls
            var testDescription: String { self.rawValue.uppercased() }
        }

        @Test(
            "two telephones register, publish and see each other come and go",
            .spec(
                "RFC 3261 §10.3", "RFC 3261 §22.2", "RFC 7616 §3.4", "RFC 3903 §4", "RFC 3856 §6", "RFC 6665 §4.2",
                "RFC 3261 §18", "RFC 3261 §26.2.1", "RFC 5923 §4", "TS 24.141 §5.3.2", "TS 24.141 §5.3.3"),
            arguments: Carrier.allCases)
        func telephones(_ carrier: Carrier) throws {
            let authority = try Authority()
            try authority.issue("server", for: ["DNS:bench.test", "IP:127.0.0.1"])
            let folder = try Folder()
            let capture = folder.path("baresip.pcap")
            let server = try RunningServer(
                RunningServer.Wishes(
                    transports: ["udp", "tcp", "tls"], isLaboratory: false, authority: authority),
                folder: folder, arguments: ["--trace", capture, "--trace-ladder"],
                prepare: { try RunningServer.addSubscribers(["alice", "bob"], in: $0) })

            let alice = try Self.telephone("alice", watching: "bob", server, carrier, authority)
            try alice.awaitText("registered successfully")
            let bob = try Self.telephone("bob", watching: "alice", server, carrier, authority)
            try bob.awaitText("registered successfully")
            // baresip shows changes only, and no change from the "unknown" that it begins with.
            try server.tool.awaitText("NOTIFY sip:bob")
            alice.say("/presence_offline\n")
            try Self.expect(bob, sees: "alice", become: "Offline")
            alice.say("/presence_online\n")
            try Self.expect(bob, sees: "alice", become: "Online")
            bob.say("/contacts\n")
            try bob.awaitText("Contacts (1)")
            let line = try bob.awaitText("<sip:alice@bench.test>")
            #expect(line.contains("Online"), "\(line)")
            // The end of a telephone ends its publication, its subscription and its registration.
            alice.say("/quit\n")
            try server.tool.awaitText("Subscription-State: terminated;reason=timeout")
            alice.awaitEnd()
            bob.say("/quit\n")
            bob.awaitEnd()
            server.stop()
            let refused = bob.output + alice.output
            #expect(!refused.contains("REGISTER_FAIL") && !refused.contains("subscriber closed"), "\(refused)")
            try Capture(capture, port: server.port).expectSound(
                containing: ["REGISTER", "PUBLISH", "SUBSCRIBE", "NOTIFY"])
        }

        private static func expect(_ telephone: RunningTool, sees user: String, become status: String) throws {
            let line = try telephone.awaitLine("\(user) is seen \(status)") {
                $0.contains("sip:\(user)@bench.test") && $0.contains("changed status") && Self.lastWord($0) == status
            }
            #expect(line.contains(user))
        }

        /// The word behind "to", without the colours of a terminal.
        private static func lastWord(_ line: Substring) -> String {
            guard let range = line.range(of: " to ", options: .backwards) else { return "" }
            return ["Online", "Offline", "Unknown", "Busy"].first { line[range.upperBound...].contains($0) } ?? ""
        }

        private static func telephone(
            _ user: String, watching other: String, _ server: RunningServer, _ carrier: Carrier,
            _ authority: Authority
        ) throws -> RunningTool {
            let port = carrier == .tls ? server.port + 1 : server.port
            let folder = server.folder
            try folder.write(
                """
                poll_method epoll
                sip_listen 127.0.0.1:0
                sip_cafile \(authority.root)
                module_path /usr/lib/baresip/modules
                module stdio.so
                module account.so
                module contact.so
                module_app menu.so
                module_app presence.so

                """, as: "\(user)/config")
            let proxy = "sip:127.0.0.1:\(port);transport=\(carrier.rawValue)"
            try folder.write(
                "<sip:\(user)@bench.test>;outbound=\"\(proxy)\";pubint=60;regint=60;auth_user=\(user)"
                    + ";auth_pass=password-of-\(user)\n", as: "\(user)/accounts")
            try folder.write("\"\(other)\" <sip:\(other)@bench.test>;presence=p2p\n", as: "\(user)/contacts")
            return try RunningTool("baresip", ["-4", "-f", folder.path(user), "-v"], timeout: 90)
        }
    }
}
