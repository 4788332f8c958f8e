package import XMLTree

/// Why a document that a peer sent is refused, in the terms of SIP.
package struct DocumentFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, for the counters.
    package enum Kind: String, CaseIterable, Sendable {
        /// Not well-formed XML, or XML that is refused for safety (DTD, foreign encoding).
        case notWellFormed
        /// Over one of the bounds of ``XMLTree/XMLLimits``.
        case overLimit
        /// Well-formed, but not as the schema of the format asks.
        case notValid
        /// A mandatory extension that is not understood (RFC 3863 §4.2.3).
        case mustUnderstand
        /// A filter that breaks RFC 4660 or RFC 4661.
        case badFilter
        /// A patch that cannot be applied (RFC 5261 §5).
        case badPatch
    }

    /// The family the fault belongs to.
    package let kind: Kind
    /// The status a SIP request with the document is answered with: 400, 413, 415 or 488.
    package let status: Int
    /// What is wrong, short enough for a reason phrase: "Bad PIDF: tuple without status".
    package let reason: String

    package init(kind: Kind, status: Int, reason: String) {
        self.kind = kind
        self.status = status
        self.reason = reason
    }

    package var description: String { "\(self.status) \(self.reason)" }

    /// A document that breaks the schema of PIDF or of an extension that Muster knows.
    package static func invalid(_ reason: String) -> DocumentFault {
        DocumentFault(kind: .notValid, status: 400, reason: "Bad PIDF: " + reason)
    }

    /// A filter that cannot be accepted (RFC 4660 §5).
    package static func filter(_ reason: String) -> DocumentFault {
        DocumentFault(kind: .badFilter, status: 488, reason: "Bad filter: " + reason)
    }

    /// The fault of a document whose XML is refused.
    package init(_ fault: XMLFault, status: Int = 400) {
        self.init(
            kind: fault.kind == .overLimit ? .overLimit : .notWellFormed, status: status,
            reason: "Bad XML: " + fault.reason)
    }
}
