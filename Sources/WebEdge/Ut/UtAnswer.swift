import Glibc
import Ground
import NIOCore
import NIOHTTP1
import XDMServer

/// Writes answers as bytes.
struct UtAnswer {
    /// What of the request decides about the answer.
    struct Manner {
        var isHead = false
        var keepsAlive = false
        var announcesKeepAlive = false
        var acceptsGzip = false
        /// Whether the answer depends on Accept-Encoding: it is one to GET or HEAD.
        var varies = false
    }

    /// Fields that the listener writes itself.
    private static let own: Set<String> = [
        "connection", "content-encoding", "content-length", "date", "transfer-encoding", "vary",
    ]

    /// The whole answer.
    ///
    /// - Parameters:
    ///   - date: the value of Date.
    ///   - packed: the body under gzip, where it goes out so.
    static func write(
        _ response: UtResponse, _ manner: Manner, date: [UInt8], packed: [UInt8]?, allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        let body = packed ?? response.body
        var buffer = allocator.buffer(capacity: 320 + response.fields.count * 64 + (manner.isHead ? 0 : body.count))
        let status = HTTPResponseStatus(statusCode: response.status)
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(response.status))
        buffer.writeStaticString(" ")
        buffer.writeString(status.reasonPhrase)
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeBytes(date)
        buffer.writeStaticString("\r\n")
        for field in response.fields where !Self.own.contains(field.name.lowercased()) {
            // A value that would begin a new line could forge an answer.
            guard field.value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else { continue }
            buffer.writeString(field.name)
            buffer.writeStaticString(": ")
            buffer.writeBytes(field.value)
            buffer.writeStaticString("\r\n")
        }
        let hasContent = response.status >= 200 && response.status != 204 && response.status != 304
        if hasContent {
            if packed != nil { buffer.writeStaticString("Content-Encoding: gzip\r\n") }
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(body.count))
            buffer.writeStaticString("\r\n")
        }
        if manner.varies, response.status == 200 || response.status == 304 {
            buffer.writeStaticString("Vary: Accept-Encoding\r\n")
        }
        if hasContent, !body.isEmpty {
            // A document is what a user wrote: a browser that shows it must not run what is in it.
            buffer.writeStaticString(
                "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n")
        }
        if !manner.keepsAlive {
            buffer.writeStaticString("Connection: close\r\n")
        } else if manner.announcesKeepAlive {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
        if hasContent, !manner.isHead { buffer.writeBytes(body) }
        return buffer
    }

    /// An answer of the listener itself, in words.
    static func text(_ status: Int, _ reason: String, fields: [UtResponse.Field] = []) -> UtResponse {
        UtResponse(
            status: status,
            fields: [UtResponse.Field("Content-Type", Array("text/plain; charset=utf-8".utf8))] + fields,
            body: Array((reason + "\n").utf8))
    }
}

/// The value of Date (RFC 9110 §5.6.7), made once a second.
struct HTTPDate {
    private var second = -1
    private(set) var text: [UInt8] = []

    /// - Parameter seconds: since 1970 UTC.
    mutating func update(seconds: Int) {
        guard seconds != self.second else { return }
        self.second = seconds
        self.text = Self.write(seconds: seconds)
    }

    private static let weekdays: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func write(seconds: Int) -> [UInt8] {
        var moment = time_t(seconds)
        var calendar = tm()
        gmtime_r(&moment, &calendar)
        var text: [UInt8] = []
        text.reserveCapacity(29)
        text.append(literal: Self.weekdays[Int(calendar.tm_wday)])
        text.append(literal: ", ")
        text.append(twoDigits: calendar.tm_mday)
        text.append(literal: " ")
        text.append(literal: Self.months[Int(calendar.tm_mon)])
        text.append(literal: " ")
        text.append(decimal: UInt64(clamping: calendar.tm_year + 1900))
        text.append(literal: " ")
        text.append(twoDigits: calendar.tm_hour)
        text.append(literal: ":")
        text.append(twoDigits: calendar.tm_min)
        text.append(literal: ":")
        text.append(twoDigits: calendar.tm_sec)
        text.append(literal: " GMT")
        return text
    }
}

extension [UInt8] {
    fileprivate mutating func append(twoDigits value: Int32) {
        self.append(0x30 &+ UInt8(truncatingIfNeeded: value / 10 % 10))
        self.append(0x30 &+ UInt8(truncatingIfNeeded: value % 10))
    }
}
