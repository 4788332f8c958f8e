package import Ground

extension SIPMessage {
    /// The topmost Via.
    package func topVia() throws(ParseFault) -> Via {
        guard let value = self.first(.via) else { throw ParseFault(.missingVia) }
        let pieces = try value.withCursor { (cursor) throws(ParseFault) -> ViaPieces in
            try ViaGrammar.scan(&cursor)
        }
        return Via(octets: value[Piece(0..<Int(pieces.end))], pieces: pieces)
    }

    /// All Via entries, the topmost first.
    package func vias() throws(ParseFault) -> [Via] {
        var vias: [Via] = []
        for element in self.list(.via) { vias.append(try Via.parse(element)) }
        return vias
    }

    /// The From header.
    package func from() throws(ParseFault) -> NameAddress {
        if let party = self.landmarks.from, let field = self.field(.from) { return self.address(party, field) }
        guard let value = self.first(.from) else { throw ParseFault(.missingFrom) }
        do { return try NameAddress.parse(value) } catch { throw ParseFault(.badFrom) }
    }

    /// The URI of the From header.
    package func fromURI() throws(ParseFault) -> SIPURI {
        guard let party = self.landmarks.from else { return try self.from().uri }
        return self.uri(party)
    }

    /// The To header.
    package func to() throws(ParseFault) -> NameAddress {
        if let party = self.landmarks.to, let field = self.field(.to) { return self.address(party, field) }
        guard let value = self.first(.to) else { throw ParseFault(.missingTo) }
        do { return try NameAddress.parse(value) } catch { throw ParseFault(.badTo) }
    }

    /// An address whose parts are known.
    private func address(_ party: Landmarks.Party, _ field: HeaderField) -> NameAddress {
        NameAddress(
            octets: self.storage[field.valueRange], pieces: party.address.counted(from: field.valueStart),
            uri: self.uri(party))
    }

    private func uri(_ party: Landmarks.Party) -> SIPURI {
        SIPURI(
            octets: self.storage[party.address.uri.range], pieces: party.uri.counted(from: party.address.uri.start))
    }

    /// The Request-URI, read. Of a response there is none.
    package func readRequestURI() throws(ParseFault) -> SIPURI {
        guard case .request(_, let range) = self.startLine, let pieces = self.landmarks.requestURI else {
            return try SIPURI.parse(self.requestURI)
        }
        return SIPURI(
            octets: self.storage[range], pieces: pieces.counted(from: UInt32(truncatingIfNeeded: range.lowerBound)))
    }

    /// The Call-ID; empty if there is none. Compared byte by byte (RFC 3261 §20.8).
    package var callID: Octets { self.first(.callID) ?? [] }

    /// The tag of the From header, without reading more than is needed.
    package func fromTag() -> Octets? {
        if let party = self.landmarks.from { return party.tag.map { self.storage[$0.range] } }
        return self.tag(.from)
    }
    /// The tag of the To header, without reading more than is needed.
    package func toTag() -> Octets? {
        if let party = self.landmarks.to { return party.tag.map { self.storage[$0.range] } }
        return self.tag(.to)
    }

    private func tag(_ name: HeaderName) -> Octets? {
        guard let field = self.field(name) else { return nil }
        let piece = self.storage.withUnsafeBufferPointer { buffer -> Piece? in
            guard let base = buffer.baseAddress else { return nil }
            var cursor = Cursor(base, field.valueRange)
            guard let pieces = try? NameAddressGrammar.scan(&cursor) else { return nil }
            var parameters = Cursor(base, pieces.parameters.range)
            return Parameters.find(&parameters, "tag")
        }
        guard let piece, !piece.isEmpty else { return nil }
        return self.storage[piece.range]
    }

    /// The CSeq header.
    package func cseq() throws(ParseFault) -> CSeq {
        if let found = self.landmarks.cseq {
            if case .request(let method, _) = self.startLine, self.fault == nil {
                return CSeq(number: found.number, method: method)
            }
            return CSeq(number: found.number, method: Method(self.storage[found.method.range]))
        }
        guard let value = self.first(.cseq) else { throw ParseFault(.missingCSeq) }
        return try CSeq.parse(value)
    }

    /// What the Contact headers say.
    package func contacts() throws(ParseFault) -> ContactList {
        if self.fault == nil, let party = self.landmarks.contact, let field = self.field(.contact) {
            return .addresses([self.address(party, field)])
        }
        let elements = self.list(.contact)
        if elements.contains(where: { $0.equals("*") }) {
            // RFC 3261 §10.3: the wildcard stands alone.
            guard elements.count == 1 else { throw ParseFault(.badContact) }
            return .wildcard
        }
        return .addresses(try self.addresses(elements, or: .badContact))
    }

    /// The first address of the Contact header, which is the remote target in a dialog.
    package func firstContact() throws(ParseFault) -> NameAddress? { try self.contacts().addresses.first }

    /// The Route header, in its order.
    package func routes() throws(ParseFault) -> [NameAddress] {
        try self.addresses(self.list(.route), or: .badRoute)
    }

    /// The Record-Route header, in its order.
    package func recordRoutes() throws(ParseFault) -> [NameAddress] {
        try self.addresses(self.list(.recordRoute), or: .badRecordRoute)
    }

    /// The Path header, in its order (RFC 3327).
    package func paths() throws(ParseFault) -> [NameAddress] { try self.addresses(self.list(.path), or: .badPath) }

    private func addresses(_ elements: [Octets], or kind: ParseFault.Kind) throws(ParseFault) -> [NameAddress] {
        guard elements.count <= Limits.standard.maximumListElements else { throw ParseFault(.tooManyElements) }
        var addresses: [NameAddress] = []
        addresses.reserveCapacity(elements.count)
        for element in elements {
            do { addresses.append(try NameAddress.parse(element)) } catch { throw ParseFault(kind) }
        }
        return addresses
    }

    /// Max-Forwards, 0 to 255; nil if it is absent.
    package func maxForwards() throws(ParseFault) -> Int? {
        guard let value = self.first(.maxForwards) else { return nil }
        guard let number = value.decimal, number <= 255 else { throw ParseFault(.badMaxForwards) }
        return Int(number)
    }

    /// The Expires header in seconds; nil if it is absent. A number that does not fit means the largest that does.
    /// In a REGISTER a value that is no number means an hour (RFC 3261 §10.2.1.1, §20.10).
    package func expires() throws(ParseFault) -> UInt32? {
        guard let value = self.first(.expires) else { return nil }
        if let seconds = DeltaSeconds.parse(value) { return seconds }
        if self.method == .register { return 3600 }
        throw ParseFault(.badExpires)
    }

    /// The Min-Expires header in seconds; nil if it is absent.
    package func minExpires() throws(ParseFault) -> UInt32? {
        guard let value = self.first(.minExpires) else { return nil }
        guard let seconds = DeltaSeconds.parse(value) else { throw ParseFault(.badMinExpires) }
        return seconds
    }

    /// The seconds of Retry-After (RFC 3261 §20.33); nil if it is absent or has no number.
    package func retryAfter() -> UInt32? {
        guard let value = self.first(.retryAfter) else { return nil }
        return DeltaSeconds.parse(value.prefix { ASCII.isDigit($0) })
    }

    /// The Event header; nil if it is absent.
    package func event() throws(ParseFault) -> EventHeader? {
        if let event = self.landmarks.event {
            return EventHeader(
                package: self.storage[event.value.range], parameters: Parameters(self.storage[event.parameters.range]))
        }
        guard let value = self.first(.event) else { return nil }
        return try EventHeader.parse(value)
    }

    /// The Subscription-State header; nil if it is absent.
    package func subscriptionState() throws(ParseFault) -> SubscriptionState? {
        guard let value = self.first(.subscriptionState) else { return nil }
        return try SubscriptionState.parse(value)
    }

    /// The Accept header; nil if it is absent, which is not the same as empty (RFC 3261 §20.1).
    package func accept() throws(ParseFault) -> [AcceptEntry]? {
        guard self.count(.accept) > 0 else { return nil }
        var entries: [AcceptEntry] = []
        for element in self.list(.accept) { entries.append(try AcceptEntry.parse(element)) }
        return entries
    }

    /// The Content-Type header; nil if it is absent.
    package func contentType() throws(ParseFault) -> MediaType? {
        guard let value = self.first(.contentType) else { return nil }
        return try MediaType.parse(value)
    }

    /// P-Asserted-Identity: one or two identities (RFC 3325 §9.1). What cannot be read is left out.
    package func assertedIdentities() -> [NameAddress] {
        self.list(.pAssertedIdentity).prefix(2).compactMap { try? NameAddress.parse($0) }
    }

    /// P-Preferred-Identity (RFC 3325 §9.2). What cannot be read is left out.
    package func preferredIdentities() -> [NameAddress] {
        self.list(.pPreferredIdentity).prefix(2).compactMap { try? NameAddress.parse($0) }
    }

    /// What the Privacy header asks for (RFC 3323 §4.2, RFC 3325 §9.3).
    package func privacy() -> PrivacyOptions {
        var options: PrivacyOptions = []
        for value in self.all(.privacy) {
            for token in value.split(whereSeparator: { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: ",") }) {
                options.formUnion(PrivacyOptions(token: token.trimmed))
            }
        }
        return options
    }
}

/// The values of a Privacy header.
package struct PrivacyOptions: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let header = PrivacyOptions(rawValue: 1)
    package static let session = PrivacyOptions(rawValue: 2)
    package static let user = PrivacyOptions(rawValue: 4)
    package static let none = PrivacyOptions(rawValue: 8)
    package static let critical = PrivacyOptions(rawValue: 16)
    /// The asserted identity stays inside the trust domain (RFC 3325 §9.3).
    package static let id = PrivacyOptions(rawValue: 32)
    package static let history = PrivacyOptions(rawValue: 64)

    init(token: Octets) {
        self =
            if token.equalsIgnoringCase("header") {
                .header
            } else if token.equalsIgnoringCase("session") {
                .session
            } else if token.equalsIgnoringCase("user") {
                .user
            } else if token.equalsIgnoringCase("none") {
                .none
            } else if token.equalsIgnoringCase("critical") {
                .critical
            } else if token.equalsIgnoringCase("id") {
                .id
            } else if token.equalsIgnoringCase("history") {
                .history
            } else {
                []
            }
    }
}
