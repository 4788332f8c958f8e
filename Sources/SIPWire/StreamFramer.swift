package import Ground

/// Cuts a stream of bytes into messages (RFC 3261 §18.3) and keep-alives (RFC 5626 §4.4.1).
///
/// The bytes may come in any portions; what comes out does not depend on them.
package struct StreamFramer: Sendable {
    /// Which end of the connection this is.
    package enum Side: Sendable, Hashable {
        /// Accepted the connection: a double CRLF is a ping and wants a single one as its answer.
        case accepting
        /// Opened it: a single CRLF is the answer to a ping.
        case connecting
    }

    /// What the stream brought.
    package enum Item: Sendable, Equatable {
        /// One whole message, for ``SIPMessage/parse(_:framing:limits:)``.
        case message([UInt8])
        /// A keep-alive that is to be answered with CRLF.
        case ping
        /// The answer to our keep-alive.
        case pong
    }

    /// The header section that could not be framed, after ``next()`` has thrown: a response can be made from it
    /// before the connection is closed.
    package private(set) var faultyHead: [UInt8]?

    private let limits: Limits
    private let side: Side
    private var buffer: [UInt8] = []
    /// Where the unread bytes begin.
    private var start = 0
    /// How far the end of the header section has been looked for.
    private var scanned = 0
    private var emptyLines = 0
    private var wanted: Int?

    package init(side: Side = .accepting, limits: Limits = .standard) {
        self.side = side
        self.limits = limits
    }

    /// How many bytes wait for the rest of their message.
    package var bufferedBytes: Int { self.buffer.count - self.start }

    /// Takes bytes from the connection.
    package mutating func append(_ bytes: Octets) {
        self.dropConsumed()
        bytes.withUnsafeBufferPointer { self.buffer.append(contentsOf: $0) }
    }

    /// Takes bytes from the connection.
    package mutating func append(_ bytes: [UInt8]) { self.append(bytes[...]) }

    /// Takes bytes from the connection.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        self.dropConsumed()
        self.buffer.append(contentsOf: bytes)
    }

    /// Takes bytes from the connection.
    @_disfavoredOverload
    package mutating func append(_ bytes: some Collection<UInt8>) {
        self.dropConsumed()
        self.buffer.append(contentsOf: bytes)
    }

    private mutating func dropConsumed() {
        guard self.start > 0, self.start == self.buffer.count || self.start > 65_536 else { return }
        self.buffer.removeFirst(self.start)
        self.scanned -= self.start
        self.start = 0
    }

    /// The next thing that is whole; nil if more bytes are needed. After a fault nothing can be read any more: the
    /// connection is to be closed (RFC 3261 §18.3).
    package mutating func next() throws(ParseFault) -> Item? {
        if self.faultyHead != nil { return nil }
        if self.wanted == nil {
            if let item = try self.takeEmptyLines() { return item }
            guard try self.findHead() else { return nil }
        }
        guard let wanted = self.wanted, self.bufferedBytes >= wanted else { return nil }
        let message = Array(self.buffer[self.start..<(self.start + wanted)])
        self.start += wanted
        self.scanned = self.start
        self.wanted = nil
        self.emptyLines = 0
        return .message(message)
    }

    private mutating func fail(_ kind: ParseFault.Kind, head: Range<Int>) -> ParseFault {
        self.faultyHead = Array(self.buffer[head])
        self.buffer = []
        self.start = 0
        self.scanned = 0
        return ParseFault(kind)
    }

    /// RFC 5626 §4.4.1, RFC 3261 §7.5: line breaks before a start line are keep-alives or nothing.
    private mutating func takeEmptyLines() throws(ParseFault) -> Item? {
        while self.bufferedBytes >= 2, self.buffer[self.start] == 0x0D, self.buffer[self.start + 1] == 0x0A {
            if self.side == .accepting {
                // Whether a single CRLF is half of a ping shows only with the bytes behind it.
                guard self.bufferedBytes >= 3 else { return nil }
                if self.buffer[self.start + 2] == 0x0D {
                    guard self.bufferedBytes >= 4 else { return nil }
                    if self.buffer[self.start + 3] == 0x0A {
                        try self.skipLine(4)
                        return .ping
                    }
                }
                try self.skipLine(2)
            } else {
                try self.skipLine(2)
                return .pong
            }
        }
        return nil
    }

    private mutating func skipLine(_ count: Int) throws(ParseFault) {
        self.start += count
        self.scanned = self.start
        self.emptyLines += 1
        if self.emptyLines > self.limits.maximumEmptyLines {
            throw self.fail(.tooManyEmptyLines, head: self.start..<self.start)
        }
    }

    /// Looks for the empty line behind the headers; sets how long the message is when it is there.
    private mutating func findHead() throws(ParseFault) -> Bool {
        var position = max(self.scanned, self.start)
        let count = self.buffer.count
        while position + 3 < count {
            if self.buffer[position] == 0x0D, self.buffer[position + 1] == 0x0A, self.buffer[position + 2] == 0x0D,
                self.buffer[position + 3] == 0x0A
            {
                try self.measure(head: self.start..<(position + 4))
                return true
            }
            position += 1
        }
        self.scanned = position
        if position - self.start > self.limits.maximumHeadBytes {
            throw self.fail(.headTooLarge, head: self.start..<position)
        }
        return false
    }

    private mutating func measure(head: Range<Int>) throws(ParseFault) {
        if head.count > self.limits.maximumHeadBytes { throw self.fail(.headTooLarge, head: head) }
        let limits = self.limits
        let declared: DeclaredLength
        do {
            declared = try self.buffer[head].withCursor { (cursor) throws(ParseFault) -> DeclaredLength in
                try Head(cursor.base, end: cursor.end, limits: limits).declaredLength
            }
        } catch { throw self.fail(error.kind, head: head) }
        switch declared {
        case .absent: throw self.fail(.missingContentLength, head: head)
        case .malformed: throw self.fail(.badContentLength, head: head)
        case .conflicting: throw self.fail(.duplicateHeader, head: head)
        case .bytes(let length):
            guard length <= UInt64(self.limits.maximumMessageBytes - min(head.count, self.limits.maximumMessageBytes))
            else { throw self.fail(.messageTooLarge, head: head) }
            self.wanted = head.count + Int(length)
        }
    }
}
