/// A secret. Printing it, in whatever way, shows nothing of it; reading it needs ``reveal()``.
package struct Redacted<Secret: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let secret: Secret

    package init(_ secret: Secret) { self.secret = secret }

    /// The secret itself. Easy to find in a review.
    package func reveal() -> Secret { self.secret }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Redacted: Equatable where Secret: Equatable {}
extension Redacted: Hashable where Secret: Hashable {}
