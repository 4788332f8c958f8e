import Ground
import SIPWire

/// Tells messages as lines of a ladder: `00.000 bob ▸ server    SUBSCRIBE sip:alice@home.test  Event: presence`.
package struct Ladder: Sendable {
    private var names: [Endpoint: String] = [:]
    private var start: Instant?

    /// The most names that are kept.
    package static let maximumNames = 100_000
    /// The most characters of a header's value that are shown.
    private static let maximumValue = 60

    /// Headers that tell what a presence message is about, in the order in which they are shown.
    private static let shown: [HeaderName] = [
        .event, .expires, .minExpires, .subscriptionState, .sipIfMatch, .sipETag, .retryAfter, .contentType,
    ]

    package init() {}

    /// Gives an address a name.
    package mutating func name(_ endpoint: Endpoint, _ name: String) {
        if self.names.count < Self.maximumNames || self.names[endpoint] != nil { self.names[endpoint] = name }
    }

    /// The line for a message; times count from the first one.
    package mutating func line(for message: TracedMessage) -> String {
        let start = self.start ?? message.at
        self.start = start
        let milliseconds = max((message.at - start).wholeNanoseconds / 1_000_000, 0)
        let seconds = milliseconds / 1000
        let fraction = String(milliseconds % 1000)
        var line = seconds < 10 ? "0\(seconds)." : "\(seconds)."
        line += String(repeating: "0", count: 3 - fraction.count) + fraction
        let parties = "\(self.party(message.source)) ▸ \(self.party(message.destination))"
        line += " " + parties + String(repeating: " ", count: max(16 - parties.count, 0)) + "  "
        return line + Self.summary(message.bytes)
    }

    private func party(_ endpoint: Endpoint) -> String { self.names[endpoint] ?? endpoint.description }

    private static func summary(_ bytes: [UInt8]) -> String {
        let framing: Framing = .datagram
        guard let message = try? SIPMessage.parse(bytes, framing: framing) else {
            let firstLine = bytes.prefix { $0 != 0x0D && $0 != 0x0A }
            return firstLine.isEmpty ? "(\(bytes.count) bytes)" : Self.clean(firstLine)
        }
        var text: String
        if message.isRequest {
            text = "\(message.method.token[...].text) \(Self.clean(message.requestURI))"
        } else {
            text = "\(message.status) \(Self.clean(message.reason))"
            text += "  (\(message.method.token[...].text))"
        }
        for name in Self.shown {
            guard let value = message.first(name) else { continue }
            text += "  \(name.canonical): \(Self.clean(value))"
        }
        return text
    }

    /// A text without characters that could forge a line, and not too long.
    private static func clean(_ bytes: Octets) -> String {
        let text = bytes.prefix(Self.maximumValue).text
        let safe = String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "·" : $0 }))
        return bytes.count > Self.maximumValue ? safe + "…" : safe
    }
}
