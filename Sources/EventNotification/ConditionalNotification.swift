package import Ground

/// What a watcher already knows and does not want to be told again: the value of Suppress-If-Match (RFC 5839 §5.3).
package enum SuppressIfMatch: Hashable, Sendable {
    /// `*`: whatever the state is. The subscription sleeps until a SUBSCRIBE without the condition wakes it.
    case always
    /// State with this tag.
    case tag(ContentTag)
    /// A tag that is none of ours: it matches nothing.
    case unknown

    /// - Parameter value: the header's value, trimmed. Nil if it is no token at all.
    package init?(_ value: Octets) {
        guard !value.isEmpty, value.count <= Limits.entityTagBytes else { return nil }
        if value.equals("*") {
            self = .always
        } else if let tag = ContentTag(value) {
            self = .tag(tag)
        } else {
            guard value.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }) else { return nil }
            self = .unknown
        }
    }

    /// Whether state with this tag is suppressed. Tags are compared byte by byte (RFC 5839 §7.2).
    package func matches(_ tag: ContentTag) -> Bool {
        switch self {
        case .always: true
        case .tag(let known): known == tag
        case .unknown: false
        }
    }
}
