import Ground
import PresenceServer
import SIPWire
import Testing

/// A part of a multipart body as a test writes it.
struct PartText {
    var headers: String
    var body: String

    /// A picture, which is named so.
    static func picture(_ identifier: String, _ body: String = "picture") -> PartText {
        PartText(headers: "Content-Type: image/png\r\nContent-ID: <\(identifier)>\r\n", body: body)
    }

    static func document(
        _ body: String, identifier: String? = nil, type: String = "application/pidf+xml"
    ) -> PartText {
        let named = identifier.map { "Content-ID: <\($0)>\r\n" } ?? ""
        return PartText(headers: "Content-Type: \(type)\r\n\(named)", body: body)
    }

    /// Headers, empty line, body.
    var text: String { "\(self.headers)\r\n\(self.body)" }
}

/// What a NOTIFY of `multipart/related` carries.
struct Compound {
    let type: MediaType
    let parts: [MultipartBody.Part]

    init(_ notification: Notification) throws {
        self.type = try #require(try notification.message.contentType())
        self.parts = try #require(try notification.message.multipart()).parts
    }

    /// The document.
    var root: String { self.parts.first?.body.text ?? "" }
    /// The Content-IDs of all parts but the root.
    var identifiers: [String] { self.parts.dropFirst().map { $0.contentID?.text ?? "" } }
    /// The bodies of all parts but the root.
    var bodies: [String] { self.parts.dropFirst().map(\.body.text) }
}

extension Bench {
    static let takesParts = "Accept: multipart/related, application/pidf+xml\r\n"
    static let related = "multipart/related;type=\"application/pidf+xml\";boundary=\"cut\""

    /// A multipart body.
    static func multipart(_ parts: [PartText], boundary: String = "cut") -> String {
        parts.map { "--\(boundary)\r\n\($0.text)\r\n" }.joined() + "--\(boundary)--\r\n"
    }

    /// A document whose person has pictures, and whose tuple has icons.
    static func referring(_ user: String, pictures: [String] = [], icons: [String] = [], note: String = "n") -> String {
        let pictures = pictures.map { "<x:picture xmlns:x=\"urn:example:x\" href=\"\($0)\"/>" }.joined()
        let icons = icons.map { "<x:icon xmlns:x=\"urn:example:x\"> \($0)\r\n</x:icon>" }.joined()
        return "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
            + "entity=\"sip:\(user)@bench.test\"><tuple id=\"t1\"><status><basic>open</basic></status>\(icons)"
            + "<contact>sip:\(user)@bench.test</contact><note>\(note)</note></tuple>"
            + "<dm:person id=\"m1\">\(pictures)</dm:person></presence>"
    }

    /// Publishes a document with parts.
    @discardableResult
    mutating func publish(
        _ user: String, document: String, _ parts: PartText..., tag: String? = nil, expires: String? = "600"
    ) throws -> SIPMessage {
        try self.publish(
            user, body: Self.multipart([.document(document)] + parts), tag: tag, contentType: Self.related,
            expires: expires)
    }
}
