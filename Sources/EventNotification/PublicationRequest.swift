package import Ground

/// What a PUBLISH asks of the event state compositor (RFC 3903 §4.1, table 1).
package enum PublicationRequest: Equatable, Sendable {
    /// A body without SIP-If-Match: new state.
    case initial
    /// SIP-If-Match without a body: the state lives on.
    case refresh(EntityTag?)
    /// SIP-If-Match with a body: other state in the place of the old.
    case modify(EntityTag?)
    /// SIP-If-Match and Expires 0: the state goes. A body that comes along is not stored.
    case remove(EntityTag?)

    /// Why a PUBLISH asks nothing that can be done.
    package enum Fault: String, Error, Equatable, Sendable {
        /// More than one entity tag, or `*` (RFC 3903 §6 step 3).
        case badEntityTag = "Bad SIP-If-Match"
        /// Neither a body nor an entity tag (RFC 3903 §6 step 5).
        case missingBody = "Missing Body"
    }

    /// Sorts a PUBLISH. A tag of nil inside a case is one that this compositor never gave: it answers 412.
    /// - Parameters:
    ///   - conditions: the values of all SIP-If-Match headers, comma lists split.
    ///   - hasBody: whether the request carries a body.
    ///   - expires: the duration that was granted, in seconds.
    package static func sort(
        conditions: [Octets], hasBody: Bool, expires: UInt32
    ) throws(Fault) -> PublicationRequest {
        guard let condition = conditions.first else {
            guard hasBody else { throw .missingBody }
            return .initial
        }
        let tag = EntityTag(condition)
        guard conditions.count == 1, tag != nil || Self.isToken(condition) else { throw .badEntityTag }
        if expires == 0 { return .remove(tag) }
        return hasBody ? .modify(tag) : .refresh(tag)
    }

    /// Whether a tag is one at all, if none of ours; `*` is none.
    private static func isToken(_ tag: Octets) -> Bool {
        !tag.equals("*") && !tag.isEmpty && tag.allSatisfy { Self.isTokenByte($0) }
    }

    /// RFC 3261 §25.1 `token`.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "*"),
            UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"), UInt8(ascii: "~"):
            return true
        default: return false
        }
    }
}
