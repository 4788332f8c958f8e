package import Ground
package import XMLTree

/// A validated presence document.
package struct PresenceDocument: Sendable, Equatable {
    /// The presentity, as its `entity` attribute names it.
    package var entity: String
    private var bytes: [UInt8]

    private init(entity: String, bytes: [UInt8]) {
        self.entity = entity
        self.bytes = bytes
    }

    /// Reads and validates the body of a PUBLISH or NOTIFY.
    package static func parse(
        _ body: Octets, limits: XMLLimits = .standard
    ) throws(DocumentFault) -> PresenceDocument {
        guard body.count <= limits.bytes, let entity = body.text.split(separator: "entity=\"").dropFirst().first else {
            throw .invalid("no entity")
        }
        return PresenceDocument(entity: String(entity.prefix { $0 != "\"" }), bytes: Array(body))
    }

    /// The document of a presentity about whom nothing is known, or nothing is told: one closed tuple.
    package static func offline(entity: Octets) -> PresenceDocument {
        let name = entity.text
        return PresenceDocument(
            entity: name,
            bytes: Array(
                ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\""
                    + name + "\"><tuple id=\"offline\"><status><basic>closed</basic></status></tuple></presence>").utf8)
        )
    }

    /// The document in its canonical form: equal state gives equal bytes.
    package func serialised() -> [UInt8] { self.bytes }

    /// The document in the order its publisher gave: what is stored of a publication, so that a later partial
    /// publication (RFC 5264) finds the nodes where its publisher thinks they are.
    package func serialisedAsPublished() -> [UInt8] { self.bytes }

    /// The entity as a key: `sip:user@host` with the host in lower case, no port and no parameters, also for `sips:`
    /// and `pres:`; `tel:+digits` without separators.
    package var canonicalEntity: [UInt8] { Array(self.entity.utf8) }
}
