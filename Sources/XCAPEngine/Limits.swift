package import XMLTree

/// The bounds of what XCAP reads and keeps.
package struct XCAPLimits: Sendable, Hashable {
    /// The size of a request target below the XCAP root in bytes, as it came; more is answered with 414.
    package var targetBytes: Int
    /// How many steps a node selector may have; more select nothing, since no document is that deep.
    package var steps: Int
    /// The size of a document in bytes, and of what is put; more is answered with 413.
    package var documentBytes: Int {
        didSet { self.xml.bytes = self.documentBytes }
    }
    /// What a document may be made of; the size in it follows ``documentBytes``.
    package var xml: XMLLimits

    package init(
        targetBytes: Int = 4096, steps: Int = 64, documentBytes: Int = 256 * 1024, xml: XMLLimits = .standard
    ) {
        self.targetBytes = targetBytes
        self.steps = steps
        self.documentBytes = documentBytes
        self.xml = xml
        self.xml.bytes = documentBytes
    }

    /// What suits the documents of a user.
    package static let standard = XCAPLimits()
}

/// Bounds of what an answer says about a document.
enum ReportLimits {
    /// How many duplicates one answer names.
    static let duplicates = 8
    /// How many free values are offered for one that is taken.
    static let alternatives = 3
    /// How many candidates are tried to find them.
    static let candidates = 64
}
