package import Ground

/// Writes a message into one array of bytes: start line, headers in the order of the calls, body.
///
/// It never checks and never forgets: what is appended is what goes out. Line breaks inside a value given as text
/// are made blanks, so that no text from outside can add a header.
package struct MessageWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8]

    /// - Parameter reserving: how many bytes are expected, so that the array is allocated once.
    package init(reserving: Int = 1024) {
        self.bytes = []
        self.bytes.reserveCapacity(reserving)
    }

    /// Goes on behind bytes that are a start line and headers already.
    package init(continuing bytes: [UInt8]) { self.bytes = bytes }

    /// `METHOD uri SIP/2.0`
    package mutating func requestLine(_ method: Method, _ uri: Octets) {
        if case .other(let token) = method { self.bytes += token } else { self.put(method.literal) }
        self.bytes.append(0x20)
        self.raw(uri)
        self.put(" SIP/2.0\r\n")
    }

    /// `SIP/2.0 status reason`; without a reason the phrase of the standard.
    package mutating func statusLine(_ status: Int, _ reason: String? = nil) {
        if status == 200, reason == nil {
            // Nearly every answer, in one piece.
            self.put("SIP/2.0 200 OK\r\n")
            return
        }
        self.put("SIP/2.0 ")
        self.bytes.append(decimal: UInt64(clamping: status))
        self.bytes.append(0x20)
        if let reason {
            self.append(line: reason.utf8)
        } else {
            self.put(StatusPhrase.of(status))
        }
        self.endHeader()
    }

    /// A header whose value is bytes of a message that was parsed, or made here.
    package mutating func header(_ name: HeaderName, _ value: Octets) {
        self.begin(name)
        self.raw(value)
        self.endHeader()
    }

    package mutating func header(_ name: HeaderName, _ value: [UInt8]) { self.header(name, value[...]) }

    package mutating func header(_ name: HeaderName, _ value: StaticString) {
        self.begin(name)
        self.put(value)
        self.endHeader()
    }

    /// A header whose value is text from a setting or a person.
    @_disfavoredOverload
    package mutating func header(_ name: HeaderName, _ value: String) {
        self.begin(name)
        self.append(line: value.utf8)
        self.endHeader()
    }

    package mutating func header(_ name: HeaderName, number: UInt64) {
        self.begin(name)
        self.bytes.append(decimal: number)
        self.endHeader()
    }

    /// `CSeq: number METHOD`
    package mutating func cseq(_ number: UInt32, _ method: Method) {
        self.begin(.cseq)
        self.bytes.append(decimal: UInt64(number))
        self.bytes.append(0x20)
        if case .other(let token) = method { self.bytes += token } else { self.put(method.literal) }
        self.endHeader()
    }

    /// A header whose name ``HeaderName`` does not know.
    package mutating func header(named name: StaticString, _ value: Octets) {
        self.put(name)
        self.put(": ")
        self.raw(value)
        self.endHeader()
    }

    @_disfavoredOverload
    package mutating func header(named name: StaticString, _ value: String) {
        self.put(name)
        self.put(": ")
        self.append(line: value.utf8)
        self.endHeader()
    }

    /// Begins a header line: `Name: `. The caller appends the value with ``raw(_:)-(Octets)`` and ends it with
    /// ``endHeader()``.
    package mutating func begin(_ name: HeaderName) {
        self.put(name.canonical)
        self.put(": ")
    }

    /// A literal as it is; here because calls into another room are not inlined.
    @inline(__always)
    private mutating func put(_ literal: StaticString) {
        self.bytes.append(
            contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Ends a header line.
    @inline(__always)
    package mutating func endHeader() {
        self.bytes.append(0x0D)
        self.bytes.append(0x0A)
    }

    /// Bytes as they are: a part of a value, or whole lines with their CRLF.
    @inline(__always)
    package mutating func raw(_ octets: Octets) {
        octets.withUnsafeBufferPointer { self.bytes.append(contentsOf: $0) }
    }

    /// A piece of the bytes of a message as it is.
    @inline(__always)
    mutating func raw(_ storage: [UInt8], _ range: Range<Int>) {
        storage.withUnsafeBufferPointer { self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// An address without brackets, as `received` wants it.
    mutating func raw(address: IPAddress) {
        guard !address.isIPv6 else {
            self.bytes.append(text: address.description)
            return
        }
        var shift: UInt64 = 24
        while true {
            let octet = UInt8(truncatingIfNeeded: address.low &>> shift)
            if octet >= 100 { self.bytes.append(0x30 &+ octet / 100) }
            if octet >= 10 { self.bytes.append(0x30 &+ octet / 10 % 10) }
            self.bytes.append(0x30 &+ octet % 10)
            if shift == 0 { return }
            self.bytes.append(UInt8(ascii: "."))
            shift &-= 8
        }
    }

    @inline(__always)
    package mutating func raw(literal: StaticString) { self.put(literal) }

    @inline(__always)
    package mutating func raw(decimal number: UInt64) { self.bytes.append(decimal: number) }

    /// Ends the message with a body: Content-Type, Content-Length, empty line, body.
    package mutating func finish(contentType: Octets?, body: Octets) -> [UInt8] {
        if let contentType { self.header(.contentType, contentType) }
        self.begin(.contentLength)
        self.bytes.append(decimal: UInt64(body.count))
        self.put("\r\n\r\n")
        self.raw(body)
        return self.bytes
    }

    package mutating func finish(contentType: Octets?, body: [UInt8]) -> [UInt8] {
        self.finish(contentType: contentType, body: body[...])
    }

    package mutating func finish(contentType: StaticString, body: [UInt8]) -> [UInt8] {
        self.header(.contentType, contentType)
        return self.finish(contentType: Octets?.none, body: body[...])
    }

    @_disfavoredOverload
    package mutating func finish(contentType: String, body: [UInt8]) -> [UInt8] {
        self.header(.contentType, contentType)
        return self.finish(contentType: Octets?.none, body: body[...])
    }

    /// Ends the message without a body.
    package mutating func finish() -> [UInt8] {
        self.put("Content-Length: 0\r\n\r\n")
        return self.bytes
    }

    private mutating func append(line: String.UTF8View) {
        for byte in line { self.bytes.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
    }
}
