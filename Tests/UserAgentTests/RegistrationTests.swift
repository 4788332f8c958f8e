import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Registration")
struct RegistrationTests {
    private let contact = "Contact: <sip:bob@192.0.2.7:5062>"

    @Test(
        "a REGISTER names the domain, the address of record and the contact",
        .spec("RFC 3261 §10.2", "REQ-24141-1", "RFC 3261 §10.2/1"))
    func request() throws {
        var stage = Stage { $0.instance = "urn:uuid:00000000-0000-1000-8000-0123456789ab" }
        stage.order(.register)
        let message = try stage.next(.register).message
        #expect(message.requestURI.text == "sip:home.test")
        #expect(message.first(.to)?.text == "<sip:bob@home.test>")
        let contact = try #require(try message.firstContact())
        #expect(contact.uriOctets.text == "sip:bob@192.0.2.7:5062")
        #expect(contact.parameters["expires"]?.text == "3600")
        #expect(
            contact.parameters.unquotedValue(of: "+sip.instance")
                == Array("<urn:uuid:00000000-0000-1000-8000-0123456789ab>".utf8))
        #expect(message.contains("gruu", in: .supported))
    }

    @Test(
        "the time of the own contact counts, and the registration is refreshed",
        .spec("RFC 3261 §10.2.4", "RFC 3261 §10.2.4/1"))
    func refresh() throws {
        var stage = Stage()
        stage.order(.register)
        let one = try stage.next(.register)
        try stage.answer(
            one, 200, "Contact: <sip:other@192.0.2.9>;expires=77", self.contact + ";expires=1800", "Expires: 5")
        #expect(stage.events == [.registered(expires: 1800, publicGRUU: nil)])
        stage.wait(.seconds(1199))
        #expect(stage.sent.isEmpty)
        stage.wait(.seconds(1))
        let two = try stage.next(.register)
        #expect(two.message.callID.text == one.message.callID.text)
        #expect(try two.message.cseq().number == one.message.cseq().number + 1)
    }

    @Test("a 423 raises the time", .spec("RFC 3261 §10.2.8", "RFC 3261 §10.2.8/1"))
    func tooBrief() throws {
        var stage = Stage { $0.registrationExpires = 10 }
        stage.order(.register)
        try stage.answer(try stage.next(.register), 423, "Min-Expires: 600")
        #expect(try stage.next(.register).message.first(.expires)?.text == "600")
    }

    @Test(
        "the GRUU of the registrar becomes the Contact of subscriptions",
        .spec("RFC 5627 §4.2", "RFC 6665 §4.5.1", "RFC 6665 §4.1.2.1/3", "RFC 6665 §4.5.1/2"))
    func gruu() throws {
        var stage = Stage { $0.instance = "urn:uuid:1" }
        stage.order(.register)
        try stage.answer(
            try stage.next(.register), 200,
            self.contact + ";+sip.instance=\"<urn:uuid:1>\";pub-gruu=\"sip:bob@home.test;gr=urn:uuid:1\";expires=600")
        #expect(stage.events == [.registered(expires: 600, publicGRUU: "sip:bob@home.test;gr=urn:uuid:1")])
        stage.order(.watch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        let contact = try #require(try stage.next(.subscribe).message.firstContact())
        #expect(contact.uriOctets.text == "sip:bob@home.test;gr=urn:uuid:1")
    }

    @Test("the Service-Route of the registrar precedes later requests", .spec("RFC 3608 §6.1"))
    func serviceRoute() throws {
        var stage = Stage(server: "sip:192.0.2.1;lr")
        stage.order(.register)
        let register = try stage.next(.register)
        #expect(register.message.all(.route).map(\.text) == ["<sip:192.0.2.1;lr>"])
        try stage.answer(register, 200, self.contact, "Service-Route: <sip:orig@scscf.home.test;lr>", "Expires: 600")
        stage.order(.publish(try Sample.document()))
        #expect(
            try stage.next(.publish).message.all(.route).map(\.text) == [
                "<sip:192.0.2.1;lr>", "<sip:orig@scscf.home.test;lr>",
            ])
    }

    @Test("a first hop without outbound is asked without it", .spec("RFC 5626 §4.2.1"))
    func outbound() throws {
        var stage = Stage {
            $0.instance = "urn:uuid:1"
            $0.usesOutbound = true
        }
        stage.order(.register)
        let one = try stage.next(.register)
        #expect(try one.message.firstContact()?.parameters["reg-id"]?.text == "1")
        try stage.answer(one, 439)
        #expect(try stage.next(.register).message.firstContact()?.parameters["reg-id"] == nil)
    }

    @Test("the end is ordered after the publication is gone", .spec("REQ-24141-10"))
    func close() throws {
        var stage = Stage()
        stage.order(.register)
        try stage.answer(try stage.next(.register), 200, self.contact, "Expires: 600")
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), 200, "SIP-ETag: a", "Expires: 600")
        stage.order(.close)
        let removal = try stage.next(.publish)
        #expect(stage.sent.isEmpty)
        try stage.answer(removal, 200, "SIP-ETag: b")
        let deregister = try stage.next(.register)
        #expect(deregister.message.first(.expires)?.text == "0")
        try stage.answer(deregister, 200)
        #expect(stage.events.last == .closed)
        #expect(stage.agent.nextDeadline == nil)
        #expect(stage.agent.openTransactionCount == 0)
    }

    @Test("a registrar that does not answer is asked again", .spec("RFC 5626 §4.5"))
    func unanswered() throws {
        var stage = Stage()
        stage.order(.register)
        stage.fail(try stage.next(.register), .timeout)
        guard case .registrationFailed(.unanswered, .some) = stage.events.last else {
            Issue.record("the failure names the next try")
            return
        }
        stage.wait(.seconds(10))
        #expect(stage.sent.count == 1)
    }

    @Test("a refusal is final", .spec("RFC 3261 §10.2"))
    func refused() throws {
        var stage = Stage()
        stage.order(.register)
        try stage.answer(try stage.next(.register), 403)
        #expect(stage.events == [.registrationFailed(.refused(status: 403, reason: "Forbidden"), retryAt: nil)])
        #expect(stage.agent.nextDeadline == nil)
    }
}
