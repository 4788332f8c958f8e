import Ground
import SIPWire

/// What must hold for every input whatsoever. The fuzz targets and the replay of their findings share these checks;
/// each returns what was violated, or nil.
enum FuzzCheck {
    /// Parses, validates, reads everything there is to read, and answers.
    static func sipMessage(_ input: [UInt8]) -> String? {
        for framing in [Framing.datagram, .stream] {
            guard let message = try? SIPMessage.parse(input, framing: framing) else { continue }
            for field in message.headers {
                guard field.nameRange.upperBound <= field.valueRange.lowerBound || field.valueRange.isEmpty else {
                    return "a value begins before its name ends"
                }
                guard field.valueRange.upperBound <= message.storage.count else { return "a value ends behind the end" }
            }
            self.readAll(message)
            if let violation = self.answer(message) { return violation }
        }
        return nil
    }

    /// Calls every accessor; they may throw, they may not trap.
    private static func readAll(_ message: SIPMessage) {
        _ = (message.method.token, message.requestURI, message.status, message.reason, message.body.count)
        _ = (message.callID, message.fromTag(), message.toTag(), message.privacy(), message.retryAfter())
        _ = (message.assertedIdentities(), message.preferredIdentities())
        _ = (message.contains("eventlist", in: .supported), message.contains("x", in: .require))
        if let via = try? message.topVia() {
            _ = (via.branch, via.rport, via.receivedAddress, via.hostAddress, via.ttl, via.maddr, via.hasMagicCookie)
        }
        if let from = try? message.from() {
            _ = (from.displayText, from.tag, from.uri.canonicalIdentity, Array(from.parameters).count)
        }
        _ = (try? message.vias(), try? message.to(), try? message.cseq(), try? message.contacts())
        _ = (try? message.routes(), try? message.recordRoutes(), try? message.paths(), try? message.maxForwards())
        _ = (try? message.expires(), try? message.minExpires(), try? message.contentType()?.essence)
        if let event = try? message.event() { _ = (event.id, event.matches(event)) }
        if let state = try? message.subscriptionState() { _ = (state.expires, state.reason, state.retryAfter) }
        if let entries = try? message.accept() { _ = entries.map { $0.accepts("application/pidf+xml") } }
        _ = (try? message.multipart())?.parts.map { $0.contentID?.count }
        for field in message.headers.prefix(32) {
            _ = (message.first(field.name), message.list(field.name).count, message.count(field.name))
        }
    }

    /// What was found while the message was judged is what a reader finds who begins anew.
    static func difference(_ message: SIPMessage) -> String? {
        guard (try? message.validate()) != nil else { return nil }
        if (try? message.from()) != (message.first(.from).flatMap { try? NameAddress.parse($0) }) {
            return "From differs"
        }
        if (try? message.to()) != (message.first(.to).flatMap { try? NameAddress.parse($0) }) { return "To differs" }
        if (try? message.fromURI()) != (try? message.from())?.uri { return "the URI of From differs" }
        for (tag, address) in [(message.fromTag(), try? message.from()), (message.toTag(), try? message.to())]
        where tag != address?.tag { return "a tag differs" }
        if (try? message.cseq()) != (message.first(.cseq).flatMap { try? CSeq.parse($0) }) { return "CSeq differs" }
        if (try? message.event()) != (message.first(.event).flatMap { try? EventHeader.parse($0) }) {
            return "Event differs"
        }
        if message.isRequest, (try? message.readRequestURI()) != (try? SIPURI.parse(message.requestURI)) {
            return "the Request-URI differs"
        }
        let contacts = message.list(.contact).compactMap { try? NameAddress.parse($0) }
        if case .addresses(let found)? = try? message.contacts(), found != contacts { return "Contact differs" }
        guard let via = try? message.topVia(), let outline = message.topViaOutline else { return "no Via was found" }
        let isSame =
            outline.octets[outline.host] == via.host && outline.octets[outline.transport] == via.transport
            && outline.port == via.port && outline.branch.map { outline.octets[$0] } == via.branch
            && outline.hasRPort == via.hasRPort
        return isSame ? nil : "Via differs"
    }

    /// Whatever is answered can be read by whom it is sent to, and says nothing that we did not write.
    private static func answer(_ message: SIPMessage) -> String? {
        guard message.isRequest else { return nil }
        let isValid = (try? message.validate()) != nil
        let source = Endpoint(IPAddress(ipv4: 0xC000_0201), 5062)
        let tag = Array("t0".utf8)[...]
        var writer = message.response(isValid ? 200 : 400, "Verdict", toTag: tag, receivedFrom: source)
        writer.header(.server, "Fuzz")
        let bytes = writer.finish()
        guard let answer = try? SIPMessage.parse(bytes, framing: .stream) else {
            return message.storage.count > 30_000 ? nil : "the answer cannot be parsed"
        }
        guard answer.status == (isValid ? 200 : 400), answer.reason.equals("Verdict") else {
            return "the answer has another status"
        }
        guard answer.count(.via) == message.count(.via), answer.first(.server)?.equals("Fuzz") == true else {
            return "the answer has other headers"
        }
        if let difference = self.difference(message) { return difference }
        guard isValid else { return nil }
        if (try? answer.validate()) == nil { return "the answer to a valid request is not valid" }
        guard let asked = try? message.topVia(), let answered = try? answer.topVia() else { return "Via is lost" }
        guard asked.branch == answered.branch, asked.host == answered.host, asked.port == answered.port else {
            return "the answer goes to another transaction"
        }
        if asked.hasRPort, answered.rport != source.port || answered.receivedAddress != source.address {
            return "the answer does not tell where the request came from"
        }
        if answer.toTag() == nil { return "the answer has no To tag" }
        return nil
    }

    /// URIs and name-addrs: what was read can be written and read again, and comparison is an equivalence.
    static func sipURI(_ input: [UInt8]) -> String? {
        if let address = try? NameAddress.parse(input[...]) {
            _ = (address.displayText, address.tag, Array(address.parameters).count)
        }
        _ = (CommaList.split(input[...]).count, QuotedString.unquoted(input[...]), IPAddress(octets: input[...]))
        if QuotedString.unquoted(QuotedString.quoted(input[...])[...])
            != input.map({ $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        {
            return "quoting changes a text"
        }
        guard let uri = try? SIPURI.parse(input[...]) else { return nil }
        _ = (uri.user, uri.password, uri.port, uri.transport, uri.isLooseRouter, uri.headers, uri.hostAddress)
        guard let again = try? SIPURI.parse(uri.serialised()[...]), again == uri else { return "a URI changes" }
        guard uri.isEquivalent(to: again) else { return "a URI is not equivalent to itself" }
        let identity = uri.canonicalIdentity
        guard let canonical = try? SIPURI.parse(identity[...]) else { return "an identity is no URI" }
        guard canonical.canonicalIdentity == identity else { return "an identity has another identity" }
        return nil
    }

    /// Multipart bodies: what was cut out can be put together again.
    static func multipartBody(_ input: [UInt8]) -> String? {
        let boundary: Octets = Array("b".utf8)[...]
        guard let body = try? MultipartBody.parse(input[...], boundary: boundary) else { return nil }
        // No input is long enough to hold this boundary by chance.
        let own = Array("0123456789abcdef-0123456789abcdef-0123456789abcdef".utf8)
        var writer = MultipartWriter(boundary: own)
        for part in body.parts {
            _ = (part.contentID, (try? part.contentType())?.essence)
            writer.part(contentType: Array("text/plain".utf8)[...], body: part.body)
        }
        let written = writer.finish()
        guard let again = try? MultipartBody.parse(written[...], boundary: own[...]) else {
            return "a body that was written cannot be read"
        }
        guard again.parts.map({ Array($0.body) }) == body.parts.map({ Array($0.body) }) else { return "a part changes" }
        return nil
    }

    /// Streams: what comes out does not depend on the portions in which it went in.
    static func streamFramer(_ input: [UInt8]) -> String? {
        for side in [StreamFramer.Side.accepting, .connecting] {
            let whole = self.items(input, side, portion: max(input.count, 1))
            for portion in [1, 3, 64] where self.items(input, side, portion: portion) != whole {
                return "portions of \(portion) give other items"
            }
        }
        return nil
    }

    private enum Outcome: Equatable {
        case item(StreamFramer.Item)
        case fault(ParseFault)
    }

    private static func items(_ input: [UInt8], _ side: StreamFramer.Side, portion: Int) -> [Outcome] {
        var framer = StreamFramer(side: side)
        var outcomes: [Outcome] = []
        var start = 0
        while start < input.count {
            framer.append(input[start..<min(start + portion, input.count)])
            start += portion
            do {
                while let item = try framer.next() { outcomes.append(.item(item)) }
            } catch {
                outcomes.append(.fault(error))
                return outcomes
            }
        }
        return outcomes
    }
}
