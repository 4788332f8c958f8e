internal import Ground

/// The conditions of a request (RFC 9110 §13.1), as they came.
package struct Preconditions: Equatable, Sendable {
    /// The value of If-Match.
    package var ifMatch: [UInt8]?
    /// The value of If-None-Match.
    package var ifNoneMatch: [UInt8]?
    /// The value of If-Modified-Since.
    package var ifModifiedSince: [UInt8]?
    /// The value of If-Unmodified-Since.
    package var ifUnmodifiedSince: [UInt8]?

    package init(
        ifMatch: [UInt8]? = nil, ifNoneMatch: [UInt8]? = nil, ifModifiedSince: [UInt8]? = nil,
        ifUnmodifiedSince: [UInt8]? = nil
    ) {
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
        self.ifModifiedSince = ifModifiedSince
        self.ifUnmodifiedSince = ifUnmodifiedSince
    }

    /// Whether If-Match holds, or If-Unmodified-Since, which counts only without it (RFC 9110 §13.2.2). Otherwise 412.
    /// Nil is no document.
    func guardHolds(for document: XCAPDocument?) -> Bool {
        if self.ifMatch != nil { return self.ifMatchHolds(for: document?.entityTag) }
        return !(Self.isModified(document, since: self.ifUnmodifiedSince) ?? false)
    }

    /// Whether If-None-Match or, only without it, If-Modified-Since says that the client has the document already. Then a
    /// GET is answered with 304.
    func isKnown(_ document: XCAPDocument) -> Bool {
        if self.ifNoneMatch != nil { return !self.ifNoneMatchHolds(for: document.entityTag) }
        return !(Self.isModified(document, since: self.ifModifiedSince) ?? true)
    }

    /// Whether a document changed after a time; nil where there is no time, or where it is not known when the document
    /// changed (RFC 9110 §13.1.3, §13.1.4). Times in headers are whole seconds.
    private static func isModified(_ document: XCAPDocument?, since field: [UInt8]?) -> Bool? {
        guard let field, let time = DateField.seconds(field[...]), let modified = document?.modified else { return nil }
        return modified.seconds > time
    }

    /// Whether If-Match, if there is one, is met by a document with this tag; nil is no document.
    ///
    /// The comparison is the strong one: a weak tag matches nothing (RFC 9110 §13.1.1).
    func ifMatchHolds(for entityTag: [UInt8]?) -> Bool {
        guard let ifMatch = self.ifMatch else { return true }
        guard let entityTag else { return false }
        return Self.names(entityTag, in: ifMatch[...], weakly: false)
    }

    /// Whether If-None-Match, if there is one, is met by a document with this tag; nil is no document.
    func ifNoneMatchHolds(for entityTag: [UInt8]?) -> Bool {
        guard let ifNoneMatch = self.ifNoneMatch, let entityTag else { return true }
        return !Self.names(entityTag, in: ifNoneMatch[...], weakly: true)
    }

    /// Whether a list of entity tags, or an asterisk, names a tag. What is no list of tags names nothing.
    private static func names(_ entityTag: [UInt8], in field: Octets, weakly: Bool) -> Bool {
        var rest = Self.trimmed(field)
        if rest.count == 1, rest.first == UInt8(ascii: "*") { return true }
        // Places of a list may be empty (RFC 9110 §5.6.1.2).
        while rest.first == UInt8(ascii: ",") { rest = Self.trimmed(rest.dropFirst()) }
        while !rest.isEmpty {
            var isWeak = false
            if rest.count > 2, rest.first == UInt8(ascii: "W"), rest[rest.startIndex + 1] == UInt8(ascii: "/") {
                isWeak = true
                rest = rest.dropFirst(2)
            }
            guard rest.first == UInt8(ascii: "\"") else { return false }
            rest = rest.dropFirst()
            guard let quote = rest.firstIndex(of: UInt8(ascii: "\"")) else { return false }
            if weakly || !isWeak, rest[..<quote].elementsEqual(entityTag) { return true }
            rest = Self.trimmed(rest[(quote + 1)...])
            if rest.isEmpty { return false }
            guard rest.first == UInt8(ascii: ",") else { return false }
            while rest.first == UInt8(ascii: ",") { rest = Self.trimmed(rest.dropFirst()) }
        }
        return false
    }

    private static func trimmed(_ field: Octets) -> Octets {
        var slice = field
        while let first = slice.first, first == 0x20 || first == 0x09 { slice = slice.dropFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice = slice.dropLast() }
        return slice
    }
}
