/// What happens to a subscription (RFC 5025 §3.2.1). The order of the values is the order in which permissions
/// combine: where several rules match, the greatest wins (RFC 4745 §10.2).
package enum SubHandling: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    /// Refused: 403, or terminated with the reason "rejected".
    case block = 0
    /// Pending until the presentity decides.
    case confirm = 10
    /// Seemingly accepted, and shown a presentity that is never there.
    case politeBlock = 20
    /// Accepted.
    case allow = 30

    package static func < (left: SubHandling, right: SubHandling) -> Bool { left.rawValue < right.rawValue }

    /// Reads the word of RFC 5025 (`block`, `confirm`, `polite-block`, `allow`). Nil for any other.
    package init?(word: String) {
        guard let handling = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = handling
    }

    /// The word of RFC 5025.
    package var word: String {
        switch self {
        case .block: "block"
        case .confirm: "confirm"
        case .politeBlock: "polite-block"
        case .allow: "allow"
        }
    }
}
