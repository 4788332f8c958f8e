package import Testing

/// Says which requirement a test proves: `.spec("RFC 6665 §4.2.1.4")`, `.spec("REQ-24141-20")`.
///
/// `./conformance` reads the citations from the sources and joins them with the results of a run.
package struct SpecTrait: TestTrait, SuiteTrait {
    /// The requirements as the lists in docs/conformance name them.
    package let citations: [String]
    package var isRecursive: Bool { true }
}

extension Trait where Self == SpecTrait {
    /// - Parameter citations: one or more requirements.
    package static func spec(_ citations: String...) -> Self { SpecTrait(citations: citations) }
}
