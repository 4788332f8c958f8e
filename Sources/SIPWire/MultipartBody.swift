package import Ground

/// A body of several parts (RFC 2046 §5.1, RFC 5621).
package struct MultipartBody: Sendable, Equatable {
    /// One part: headers and bytes.
    package struct Part: Sendable, Equatable {
        let storage: [UInt8]
        package let headers: [HeaderField]
        let bodyRange: Range<Int>

        /// The whole part as it stands between its delimiters: headers, empty line, body.
        package var octets: [UInt8] { self.storage }

        /// The bytes of the part, without the line break before the next delimiter.
        package var body: Octets { self.storage[self.bodyRange] }

        /// The value of the first header line of that name.
        package func first(_ name: HeaderName) -> Octets? {
            for field in self.headers where field.name == name { return self.storage[field.valueRange] }
            return nil
        }

        /// The type; nil if none is given, which means `text/plain` (RFC 2046 §5.1).
        package func contentType() throws(ParseFault) -> MediaType? {
            guard let value = self.first(.contentType) else { return nil }
            return try MediaType.parse(value)
        }

        /// The Content-ID without its angle brackets (RFC 2392 §2).
        package var contentID: Octets? {
            guard let value = self.first(.contentID) else { return nil }
            guard value.first == UInt8(ascii: "<"), value.last == UInt8(ascii: ">") else { return value }
            return value.dropFirst().dropLast()
        }

        /// How many header lines have that name.
        package func count(_ name: HeaderName) -> Int { self.headers.count { $0.name == name } }

        /// The message whose headers are the body of this part, as those of `message/external-body` are (RFC 2046
        /// §5.2.3): the empty line behind them may be missing.
        package func encapsulated(limits: Limits = .standard) throws(ParseFault) -> Part {
            var storage = Array(self.body)
            storage.append(literal: "\r\n\r\n")
            return try MultipartScanner.part(storage, limits)
        }
    }

    package let parts: [Part]

    /// Splits a body at its delimiters.
    ///
    /// - Parameter boundary: the parameter of the Content-Type, without quotes; 1 to 70 characters.
    package static func parse(
        _ body: Octets, boundary: Octets, limits: Limits = .standard
    ) throws(ParseFault) -> MultipartBody {
        try MultipartScanner(body: body, boundary: boundary, limits: limits).parts()
    }

    /// - Parameter parts: what was cut out of a body.
    init(parts: [Part]) { self.parts = parts }
}

extension SIPMessage {
    /// The parts of the body, if its type is multipart (RFC 5621 §4.1); nil if it is not.
    package func multipart(limits: Limits = .standard) throws(ParseFault) -> MultipartBody? {
        guard let type = try self.contentType(), type.type.equalsIgnoringCase("multipart") else { return nil }
        guard let boundary = type.boundary else { throw ParseFault(.badMultipart) }
        return try MultipartBody.parse(self.body, boundary: boundary[...], limits: limits)
    }
}

/// Writes a multipart body (RFC 2046 §5.1.1).
package struct MultipartWriter: Sendable {
    private let boundary: [UInt8]
    private var bytes: [UInt8] = []

    /// - Parameter boundary: 1 to 70 characters that occur in no part; a token of the core's entropy does.
    package init(boundary: [UInt8]) { self.boundary = boundary }

    /// Adds a part.
    ///
    /// - Parameters:
    ///   - contentID: without angle brackets.
    ///   - disposition: the value of Content-Disposition (RFC 5621 §8).
    package mutating func part(
        contentType: Octets, contentID: Octets? = nil, disposition: Octets? = nil, body: Octets
    ) {
        var writer = MessageWriter(reserving: body.count + 160)
        writer.raw(literal: "--")
        writer.raw(self.boundary[...])
        writer.endHeader()
        writer.header(.contentType, contentType)
        if let contentID {
            writer.begin(.contentID)
            writer.raw(literal: "<")
            writer.raw(contentID)
            writer.raw(literal: ">")
            writer.endHeader()
        }
        if let disposition { writer.header(.contentDisposition, disposition) }
        writer.endHeader()
        writer.raw(body)
        writer.endHeader()
        self.bytes += writer.bytes
    }

    /// Adds a part that has its headers already, as ``MultipartBody/Part/octets`` gives it.
    package mutating func part(octets: [UInt8]) {
        self.bytes.append(literal: "--")
        self.bytes += self.boundary
        self.bytes.append(literal: "\r\n")
        self.bytes += octets
        self.bytes.append(literal: "\r\n")
    }

    /// The whole body.
    package consuming func finish() -> [UInt8] {
        self.bytes.append(literal: "--")
        self.bytes += self.boundary
        self.bytes.append(literal: "--\r\n")
        return self.bytes
    }
}

/// Finds the delimiters of a multipart body.
struct MultipartScanner {
    private let bytes: [UInt8]
    private let delimiter: [UInt8]
    private let limits: Limits

    init(body: Octets, boundary: Octets, limits: Limits) throws(ParseFault) {
        guard (1...70).contains(boundary.count), boundary.last != 0x20 else { throw ParseFault(.badMultipart) }
        self.bytes = Array(body)
        self.delimiter = [0x2D, 0x2D] + boundary
        self.limits = limits
    }

    /// A delimiter line: where it begins (with the line break before it), where the next part begins, and whether
    /// it is the last.
    private struct Line {
        var start: Int
        var end: Int
        var isLast: Bool
    }

    func parts() throws(ParseFault) -> MultipartBody {
        guard var line = self.line(from: 0), !line.isLast else { throw ParseFault(.badMultipart) }
        var parts: [MultipartBody.Part] = []
        while !line.isLast {
            guard let next = self.line(from: line.end) else { throw ParseFault(.badMultipart) }
            guard parts.count < self.limits.maximumParts else { throw ParseFault(.tooManyParts) }
            parts.append(try Self.part(Array(self.bytes[line.end..<max(line.end, next.start)]), self.limits))
            line = next
        }
        return MultipartBody(parts: parts)
    }

    /// Reads the headers of a part.
    static func part(_ octets: [UInt8], _ limits: Limits) throws(ParseFault) -> MultipartBody.Part {
        var storage = octets
        var fields: [HeaderField] = []
        let bodyStart = try Self.head(&storage, limits, &fields)
        return MultipartBody.Part(
            storage: storage, headers: fields, bodyRange: bodyStart..<storage.count)
    }

    private static func head(
        _ storage: inout [UInt8], _ limits: Limits, _ fields: inout [HeaderField]
    ) throws(ParseFault) -> Int {
        let head = try storage.withUnsafeBufferPointer {
            (buffer) throws(ParseFault) -> (fields: [HeaderField], hasFold: Bool, start: Int) in
            guard let base = buffer.baseAddress else { return ([], false, 0) }
            var scanner = HeadScanner(base, end: buffer.count, limits: limits)
            let start = try scanner.scan(from: 0)
            if scanner.fault != nil { throw ParseFault(.badMultipart) }
            return (scanner.fields, scanner.hasFold, start)
        }
        if head.hasFold { SIPMessage.blankFolds(&storage, head.fields) }
        fields = head.fields
        return head.start
    }

    /// The next delimiter line at or after a position (RFC 2046 §5.1.1): at the beginning of a line, `--boundary`,
    /// `--` if it is the last, blanks, line break.
    private func line(from start: Int) -> Line? {
        self.bytes.withUnsafeBufferPointer { bytes in
            var position = start
            while position + self.delimiter.count <= bytes.count {
                let isLineStart = position == 0 || (bytes[position - 1] == 0x0A)
                if isLineStart, bytes[position...].starts(with: self.delimiter) {
                    var end = position + self.delimiter.count
                    var isLast = false
                    if end + 1 < bytes.count, bytes[end] == 0x2D, bytes[end + 1] == 0x2D {
                        isLast = true
                        end += 2
                    }
                    while end < bytes.count, bytes[end] == 0x20 || bytes[end] == 0x09 { end += 1 }
                    let endsLine = end + 1 < bytes.count && bytes[end] == 0x0D && bytes[end + 1] == 0x0A
                    if endsLine || (isLast && end == bytes.count) {
                        let before = position >= 2 && bytes[position - 2] == 0x0D ? position - 2 : position
                        return Line(start: before, end: endsLine ? end + 2 : end, isLast: isLast)
                    }
                }
                position += 1
                while position < bytes.count, bytes[position - 1] != 0x0A { position += 1 }
            }
            return nil
        }
    }
}
