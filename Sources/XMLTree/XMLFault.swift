/// Why a text is refused as XML.
package struct XMLFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The families of faults.
    package enum Kind: String, CaseIterable, Sendable {
        /// Breaks the rules of XML 1.0 or of namespaces in XML.
        case notWellFormed
        /// Has a document type declaration, which is never read (no entity, no external subset).
        case documentType
        /// Is in an encoding that is not accepted, or is not what its encoding says.
        case encoding
        /// Over one of the bounds of ``XMLLimits``.
        case overLimit
    }

    /// The family the fault belongs to.
    package let kind: Kind
    /// What is wrong, for a reason phrase: a few words of ASCII.
    package let reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    package var description: String { self.reason }
}
