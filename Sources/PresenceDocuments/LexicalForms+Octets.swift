internal import Ground

// The same for slices of bodies.
extension LexicalForms {
    /// xs:boolean; nil if the text is none.
    static func boolean(_ text: Octets) -> Bool? { text.withUnsafeBufferPointer { Self.boolean($0) } }

    /// xs:ID: a name without a colon.
    static func isIdentifier(_ text: Octets) -> Bool { text.withUnsafeBufferPointer { Self.isIdentifier($0) } }

    /// xs:anyURI as far as it can be wrong.
    static func isURI(_ text: Octets) -> Bool { text.withUnsafeBufferPointer { Self.isURI($0) } }

    /// xs:integer.
    static func isInteger(_ text: Octets, allowsSign: Bool = true) -> Bool {
        text.withUnsafeBufferPointer { Self.isInteger($0, allowsSign: allowsSign) }
    }
}
