internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPWire

/// A MIME object that came with a published document and that the document refers to (TS 24.141; RFC 2387).
///
/// What it is does not matter here: a picture, a reference to one elsewhere (`message/external-body`, RFC 4483), or
/// something of several parts itself. It is kept and passed on byte by byte.
struct PublishedPart: Equatable, Sendable {
    /// What `cid:` URIs call it (RFC 2392).
    let contentID: [UInt8]
    /// Headers, empty line, body.
    let octets: [UInt8]
}

/// What a PUBLISH brings: a document, and what it refers to.
struct PublishedState: Sendable {
    var document: PresenceDocument
    /// The document as it was published.
    var body: [UInt8]
    /// The parts that the document refers to.
    var parts: [PublishedPart] = []
}

/// The body of a view together with the parts that it refers to, for the watchers who take such (`multipart/related`).
final class CompoundBody: Sendable {
    /// The parameters of the Content-Type: type, start and boundary.
    let parameters: [UInt8]
    let body: [UInt8]
    /// Names document and parts (RFC 5839 §4).
    let tag: ContentTag

    /// Stands for a view that refers to no part.
    static let absent = CompoundBody(parameters: [], body: [], tag: ContentTag(raw: 1))

    private init(parameters: [UInt8], body: [UInt8], tag: ContentTag) {
        self.parameters = parameters
        self.body = body
        self.tag = tag
    }

    /// - Parameter boundary: chance that nobody could have written into a part, 1 to 70 token characters.
    convenience init(document: [UInt8], parts: [PublishedPart], boundary: [UInt8]) {
        var writer = MultipartWriter(boundary: boundary)
        // The root names itself, so that `start` can; nothing else was ever called so.
        let root = boundary + Array("@muster.invalid".utf8)
        writer.part(contentType: StoredNames.pidf[...], contentID: root[...], body: document[...])
        var identity: [UInt8] = []
        for part in parts {
            writer.part(octets: part.octets)
            identity.append(hex: ContentTag(of: part.octets).raw)
        }
        var parameters: [UInt8] = []
        parameters.append(literal: ";type=\"application/pidf+xml\";start=\"<")
        parameters += root
        parameters.append(literal: ">\";boundary=\"")
        parameters += boundary
        parameters.append(literal: "\"")
        self.init(parameters: parameters, body: writer.finish(), tag: ContentTag(of: document + identity))
    }
}

/// How a publication with parts is stored: as one multipart body, the document first.
enum CompoundRecord {
    /// - Parameter boundary: the entity tag of the publication, which the publisher learns only afterwards.
    static func write(_ publication: Publication) -> (contentType: [UInt8], body: [UInt8]) {
        let boundary = publication.tag.bytes
        var writer = MultipartWriter(boundary: boundary)
        writer.part(contentType: StoredNames.pidf[...], body: publication.body[...])
        for part in publication.parts { writer.part(octets: part.octets) }
        var type: [UInt8] = []
        type.append(literal: PresenceServer.compound)
        type.append(literal: ";type=\"application/pidf+xml\";boundary=\"")
        type += boundary
        type.append(literal: "\"")
        return (type, writer.finish())
    }

    /// Reads the body of a record: of one without parts it is the document itself. Nil if it does not hold together.
    static func read(_ record: PublicationRecord) -> (body: [UInt8], parts: [PublishedPart])? {
        if record.contentType == StoredNames.pidf { return (record.body, []) }
        guard let type = try? MediaType.parse(record.contentType[...]), type.matches(PresenceServer.compound) else {
            return (record.body, [])
        }
        // What is in the store has passed the bounds, maybe other ones than those of now.
        var limits = SIPWire.Limits.standard
        limits.maximumParts = .max
        guard let boundary = type.boundary,
            let stored = try? MultipartBody.parse(record.body[...], boundary: boundary[...], limits: limits),
            let root = stored.parts.first
        else { return nil }
        var parts: [PublishedPart] = []
        for part in stored.parts.dropFirst() {
            guard let identifier = CompoundPublication.identifier(of: part) else { return nil }
            parts.append(PublishedPart(contentID: Array(identifier), octets: part.octets))
        }
        return (Array(root.body), parts)
    }
}
