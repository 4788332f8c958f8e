import Ground
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

/// A watcher's side of a dialog.
struct WatcherDialogUnderTest {
    let callID: String
    let fromTag: String
    let from: String
    let toTag: String
    let user: String
    let answer: SIPMessage
}

extension SIPMessage {
    func text(_ name: HeaderName) -> String { self.first(name)?.text ?? "" }
}

extension Bench {
    static func pidf(
        _ user: String, tuple: String = "t1", basic: String = "open", note: String = "n", extra: String = ""
    ) -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
            + "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
            + "xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:\(user)@bench.test\">"
            + "<tuple id=\"\(tuple)\"><status><basic>\(basic)</basic></status><note>\(note)</note></tuple>\(extra)"
            + "<dm:person id=\"m1\"><rpid:activities><rpid:meeting/></rpid:activities></dm:person></presence>"
    }

    /// Publishes and returns the answer.
    @discardableResult
    mutating func publish(
        _ user: String, body: String? = nil, tag: String? = nil, from: String? = nil, event: String? = "presence",
        contentType: String? = "application/pidf+xml", expires: String? = "600", extra: String = ""
    ) throws -> SIPMessage {
        let condition = tag.map { "SIP-If-Match: \($0)\r\n" } ?? ""
        let text = self.request(
            "PUBLISH", user, extra: condition + extra, body: body ?? Self.pidf(user), from: from, contact: nil,
            event: event, contentType: contentType, expires: expires)
        return try #require(try self.send(text))
    }

    /// Subscribes and returns the dialog.
    mutating func subscribe(
        _ user: String, as watcher: String = "watcher", extra: String = "", body: String = "",
        event: String? = "presence",
        contentType: String? = "application/simple-filter+xml", expires: String? = "600",
        contact: String? = "<sip:w@127.0.0.1:6060>", cseq: UInt32 = 1, uri: String? = nil
    ) throws -> WatcherDialogUnderTest {
        let callID = self.unique()
        let fromTag = self.unique()
        let from = watcher.contains(":") ? watcher : "sip:\(watcher)@bench.test"
        let text = self.request(
            "SUBSCRIBE", user, extra: extra, body: body, callID: callID, cseq: cseq, fromTag: fromTag, from: from,
            contact: contact, event: event, contentType: contentType, expires: expires, uri: uri)
        let answer = try #require(try self.send(text))
        return WatcherDialogUnderTest(
            callID: callID, fromTag: fromTag, from: from, toTag: answer.toTag()?.text ?? "", user: user, answer: answer)
    }

    /// Sends a SUBSCRIBE inside a dialog.
    mutating func resubscribe(
        _ dialog: WatcherDialogUnderTest, cseq: UInt32, extra: String = "", body: String = "",
        event: String = "presence",
        expires: String? = "600", contact: String? = "<sip:w@127.0.0.1:6060>", from: String? = nil,
        callID: String? = nil, fromTag: String? = nil, toTag: String? = nil
    ) throws -> SIPMessage {
        let text = self.request(
            "SUBSCRIBE", dialog.user, extra: extra, body: body, callID: callID ?? dialog.callID, cseq: cseq,
            fromTag: fromTag ?? dialog.fromTag, toTag: toTag ?? dialog.toTag, from: from ?? dialog.from,
            contact: contact, event: event, contentType: "application/simple-filter+xml", expires: expires,
            uri: "sip:127.0.0.1:5070")
        return try #require(try self.send(text))
    }

    /// Asserts an identity as the trust domain does.
    static func asserted(_ identity: String) -> String { "P-Asserted-Identity: <\(identity)>\r\n" }

    static func rule(
        _ presentity: String, _ watcher: String, _ handling: AuthorizationRule.Handling, id: String = "r1"
    ) -> AuthorizationRule {
        let kind: AuthorizationRule.Watcher =
            switch watcher {
            case "anonymous": .anonymous
            case "*": .everyone
            default:
                watcher.hasPrefix("@")
                    ? .domain(Array(watcher.dropFirst().utf8)) : .identity(Array("sip:\(watcher)@bench.test".utf8))
            }
        return AuthorizationRule(
            id: id, presentity: .identity(Array("sip:\(presentity)@bench.test".utf8)), watcher: kind,
            handling: handling)
    }

    mutating func setRules(_ user: String, _ rules: [AuthorizationRule]) {
        self.feed(.rulesChanged(.presentity(Array("sip:\(user)@bench.test".utf8), rules: rules)))
    }
}
