import Ground
import PresenceDocuments
import SIPWire

/// Gives things that chance has named (entity tags, dialogs) the names that a reader can follow: `e1`, `e2`.
package struct LadderNames: Sendable {
    private var entityTags: [[UInt8]: String] = [:]
    private let replaces: Bool

    package init() { self.replaces = true }

    private init(replaces: Bool) { self.replaces = replaces }

    /// Names stay what they are.
    package static let plain = LadderNames(replaces: false)

    mutating func entityTag(_ tag: Octets) -> String {
        guard self.replaces else { return tag.text }
        if tag.equals("*") { return "*" }
        let key = Array(tag)
        if let name = self.entityTags[key] { return name }
        let name = "e\(self.entityTags.count + 1)"
        self.entityTags[key] = name
        return name
    }
}

/// One message as a line of a ladder: what a reader of a call flow wants to know of it.
package enum LadderLine {
    /// How much a line says.
    package enum Detail: Sendable {
        /// What the reader of a golden ladder wants to see.
        case golden
        /// With Call-ID and CSeq, to find one's way in many dialogs.
        case full
    }

    /// Seconds with three digits behind the point.
    package static func time(_ instant: Instant, since start: Instant) -> String {
        let milliseconds = (instant - start).wholeNanoseconds / 1_000_000
        let fraction = String(milliseconds % 1000)
        let seconds = String(milliseconds / 1000)
        return String(repeating: "0", count: max(0, 2 - seconds.count)) + seconds + "."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    package static func text(of bytes: [UInt8], names: inout LadderNames, detail: Detail = .golden) -> String {
        guard let message = try? SIPMessage.parse(bytes, framing: .datagram) else {
            return "\(bytes.count) bytes that are no message: \(bytes.prefix(60)[...].text)"
        }
        var parts: [String] = []
        if message.isRequest {
            parts.append("\(message.method.token[...].text) \(message.requestURI.text)")
        } else {
            parts.append("\(message.status) \(message.reason.text)")
        }
        if detail == .full {
            parts.append("\(message.callID.prefix(8).text) \(message.first(.cseq)?.text ?? "")")
        } else if !message.isRequest {
            parts.append("(\(message.method.token[...].text))")
        } else if message.method == .notify {
            parts.append("CSeq: \((try? message.cseq().number) ?? 0)")
        }
        for (name, header) in Self.shown(of: message) {
            guard let value = message.first(header) else { continue }
            switch header {
            case .sipETag, .sipIfMatch, .suppressIfMatch: parts.append("\(name): \(names.entityTag(value))")
            case .wwwAuthenticate, .proxyAuthenticate, .authorization:
                parts.append("\(name): \(message.all(header).map(Self.scheme).joined(separator: ", "))")
            case .contact: parts.append("\(name): \(message.all(header).map(\.text).joined(separator: ", "))")
            case .subscriptionState: parts.append(value.text)
            default: parts.append("\(name): \(value.text)")
            }
        }
        if !message.body.isEmpty { parts.append(Self.body(of: message)) }
        return parts.joined(separator: "  ")
    }

    /// The headers that matter, by kind of message.
    private static func shown(of message: SIPMessage) -> [(String, HeaderName)] {
        let method = message.method
        if message.isRequest {
            switch method {
            case .subscribe:
                return [
                    ("Event", .event), ("Expires", .expires), ("Suppress-If-Match", .suppressIfMatch),
                    ("Authorization", .authorization),
                ]
            case .publish:
                return [("Expires", .expires), ("SIP-If-Match", .sipIfMatch), ("Authorization", .authorization)]
            case .notify: return [("Subscription-State", .subscriptionState), ("SIP-ETag", .sipETag)]
            case .register: return [("Contact", .contact), ("Expires", .expires), ("Authorization", .authorization)]
            default: return [("Event", .event)]
            }
        }
        let always: [(String, HeaderName)] = [
            ("Min-Expires", .minExpires), ("Retry-After", .retryAfter), ("WWW-Authenticate", .wwwAuthenticate),
            ("Allow-Events", .allowEvents), ("Accept", .accept), ("Unsupported", .unsupported),
        ]
        guard (200..<300).contains(message.status) else { return always }
        switch method {
        case .publish: return [("SIP-ETag", .sipETag), ("Expires", .expires)]
        case .subscribe: return [("Expires", .expires)]
        case .register: return [("Contact", .contact)]
        default: return []
        }
    }

    /// Scheme and algorithm of a challenge or an answer.
    private static func scheme(_ value: Octets) -> String {
        let text = value.text
        let scheme = text.prefix { $0 != " " }
        guard let range = text.range(of: "algorithm=") else { return String(scheme) }
        let algorithm = text[range.upperBound...].prefix { $0 != "," && $0 != " " }
        return "\(scheme) \(algorithm)"
    }

    private static func body(of message: SIPMessage) -> String {
        let type = message.first(.contentType)?.text ?? "?"
        let short = type.split(separator: "/").last.map(String.init) ?? type
        if let document = try? PresenceDocument.parse(message.body) {
            return "[\(short) \(Self.summary(of: document))]"
        }
        if let information = try? WatcherInformation.parse(message.body) {
            return "[\(short) \(Self.summary(of: information))]"
        }
        switch try? PartialPresence.parse(message.body) {
        case .full(let document, let version):
            return "[\(short) full version \(version ?? 0): \(Self.summary(of: document))]"
        case .difference(_, let version): return "[\(short) difference version \(version ?? 0)]"
        case nil: return "[\(short)]"
        }
    }

    /// Watcher information in a few words: how much it tells of, and how each watcher stands, and why.
    private static func summary(of information: WatcherInformation) -> String {
        let watchers = information.lists.flatMap(\.watchers).map { watcher in
            "\(watcher.uri[...].text) \(watcher.status.rawValue) (\(watcher.event.rawValue))"
        }
        let head = "\(information.isFull ? "full" : "partial") version \(information.version): "
        return head + (watchers.isEmpty ? "nobody" : watchers.joined(separator: ", "))
    }

    /// A document in a few words: its tuples with status and notes, then what its persons do.
    package static func summary(of document: PresenceDocument) -> String {
        let summary = document.summary
        var parts = summary.services.map { service in
            let status = service.isOpen.map { $0 ? "open" : "closed" } ?? "-"
            return ([service.id, status] + service.notes.map { "\"\($0.prefix(24))\"" }).joined(separator: " ")
        }
        parts += summary.persons.map { ([$0.id] + $0.activities).joined(separator: " ") }
        return parts.isEmpty ? "empty" : parts.joined(separator: ", ")
    }
}

extension String {
    /// Where a text stands in this one.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = self.startIndex
        while start < self.endIndex {
            if self[start...].hasPrefix(text) { return start..<self.index(start, offsetBy: text.count) }
            start = self.index(after: start)
        }
        return nil
    }
}
