internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// The body of a PUBLISH that is `multipart/related` (RFC 2387, TS 24.141): a presence document and MIME objects that
/// it refers to by `cid:` URIs.
struct CompoundPublication {
    /// The presence document, whole or partial.
    let root: Octets
    /// The media type of ``root``.
    let rootType: StaticString
    /// All the other parts.
    let parts: [PublishedPart]

    /// Takes a body apart. Every fault of it has a reason of its own; nothing of a faulty body is used.
    ///
    /// - Parameters:
    ///   - types: the media types that a PUBLISH may have.
    ///   - most: how many parts beside the root there may be.
    init(_ message: SIPMessage, types: [StaticString], most: Int) throws(RequestRefusal) {
        let type: MediaType?
        let body: MultipartBody?
        do { type = try message.contentType() } catch { throw RequestRefusal(400, "Bad Content-Type") }
        guard let type else { throw RequestRefusal(415, remedy: .accept(anyOf: types)) }
        guard type.boundary != nil else { throw RequestRefusal(400, "Multipart Without Boundary") }
        var limits = SIPWire.Limits.standard
        limits.maximumParts = most + 1
        do { body = try message.multipart(limits: limits) } catch {
            throw error.kind == .tooManyParts
                ? RequestRefusal(413, "Too Many Parts") : RequestRefusal(400, "Bad Multipart Body")
        }
        guard let body, let first = body.parts.first else { throw RequestRefusal(400, "Bad Multipart Body") }
        let identifiers = try Self.identifiers(of: body)
        // RFC 2387 §3.2: the root is the part that `start` names, or the first one.
        var rootPlace = 0
        if let start = type.parameters.unquotedValue(of: "start") {
            let wanted = Self.bare(start[...])
            guard let place = identifiers.firstIndex(where: { $0 == wanted }) else {
                throw RequestRefusal(400, "Start Names No Part")
            }
            rootPlace = place
        }
        let root = rootPlace == 0 ? first : body.parts[rootPlace]
        self.rootType = try Self.rootType(of: root, named: type, types: types)
        self.root = root.body
        var parts: [PublishedPart] = []
        for (place, part) in body.parts.enumerated() where place != rootPlace {
            guard let identifier = identifiers[place] else { throw RequestRefusal(400, "Part Without Content-ID") }
            parts.append(PublishedPart(contentID: Array(identifier), octets: part.octets))
        }
        self.parts = parts
    }

    /// RFC 2387 §3.1: the type of the root has to be said, and to be the one that the root has.
    private static func rootType(
        of root: MultipartBody.Part, named type: MediaType, types: [StaticString]
    ) throws(RequestRefusal) -> StaticString {
        guard let named = type.parameters.unquotedValue(of: "type"), !named.isEmpty else {
            throw RequestRefusal(400, "Multipart Without Type")
        }
        let roots = [PresenceServer.pidf, PresenceServer.partialPIDF]
        let namedType = try? MediaType.parse(named[...])
        guard let namedType, let wanted = roots.first(where: { namedType.matches($0) }) else {
            throw RequestRefusal(415, remedy: .accept(anyOf: types))
        }
        let own: MediaType?
        do { own = try root.contentType() } catch { throw RequestRefusal(400, "Bad Content-Type Of The Root Part") }
        guard let own, let actual = roots.first(where: { own.matches($0) }) else {
            throw RequestRefusal(415, remedy: .accept(anyOf: types))
        }
        guard ContentTypes.equal(wanted, actual) else { throw RequestRefusal(400, "Type Is Not That Of The Root Part") }
        if let coding = root.first(.contentEncoding), !coding.equalsIgnoringCase("identity") {
            throw RequestRefusal(415, remedy: .acceptEncoding)
        }
        if let coding = root.first(.contentTransferEncoding) {
            // RFC 3261 §7.4.2: bodies are octets, and need none of the others.
            let isPlain =
                coding.equalsIgnoringCase("binary") || coding.equalsIgnoringCase("8bit")
                || coding.equalsIgnoringCase("7bit")
            guard isPlain else { throw RequestRefusal(400, "Root Part Is Encoded") }
        }
        return actual
    }

    /// The Content-IDs of all parts: each at most once, and none of them twice (RFC 2045 §7).
    private static func identifiers(of body: MultipartBody) throws(RequestRefusal) -> [Octets?] {
        var identifiers: [Octets?] = []
        var seen: Set<Octets> = []
        for part in body.parts {
            guard part.count(.contentID) <= 1 else { throw RequestRefusal(400, "Content-ID Twice") }
            let identifier = Self.identifier(of: part)
            if let identifier {
                guard Self.isContentID(identifier) else { throw RequestRefusal(400, "Bad Content-ID") }
                guard seen.insert(identifier).inserted else { throw RequestRefusal(400, "Content-ID Twice") }
            }
            identifiers.append(identifier)
        }
        return identifiers
    }

    /// What a part is called: by its own Content-ID, or, if it is content elsewhere, by that of the content (RFC 2046
    /// §5.2.3, RFC 4483 §5).
    static func identifier(of part: MultipartBody.Part) -> Octets? {
        if let own = part.contentID { return own }
        guard let type = try? part.contentType(), type.matches("message/external-body") else { return nil }
        return (try? part.encapsulated())?.contentID
    }

    private static func isContentID(_ identifier: Octets) -> Bool {
        !identifier.isEmpty
            && identifier.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
    }

    private static func bare(_ value: Octets) -> Octets {
        guard value.count >= 2, value.first == UInt8(ascii: "<"), value.last == UInt8(ascii: ">") else { return value }
        return value.dropFirst().dropLast()
    }
}

extension PresenceServer {
    /// The media type of a document with the objects that it refers to.
    static let compound: StaticString = "multipart/related"

    /// The parts that are kept of a publication: those that its document refers to, whether they came now or, where
    /// the document is changed by a difference, stayed from before. What nobody refers to is dropped: it could never
    /// be sent to anybody.
    func partsToKeep(
        of document: PresenceDocument, bytes: Int, sent: [PublishedPart], stayed: [PublishedPart]
    ) throws(RequestRefusal) -> [PublishedPart] {
        guard !sent.isEmpty || !stayed.isEmpty else { return [] }
        var kept: [PublishedPart] = []
        var total = bytes
        for identifier in document.contentReferences {
            guard
                let part = sent.first(where: { $0.contentID == identifier })
                    ?? stayed.first(where: { $0.contentID == identifier })
            else { continue }
            total += part.octets.count
            kept.append(part)
        }
        // One difference after the other must not make a publication grow beyond what one body could bring.
        guard kept.count <= self.configuration.limits.partsPerPublication else {
            throw RequestRefusal(413, "Too Many Parts")
        }
        guard kept.isEmpty || total <= self.configuration.limits.documentBytes else { throw RequestRefusal(413) }
        return kept
    }
}
