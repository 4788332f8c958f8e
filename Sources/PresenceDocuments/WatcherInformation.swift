package import Ground
internal import XMLTree

/// Who watches a resource, and how these subscriptions stand: a document of `application/watcherinfo+xml` (RFC 3858).
package struct WatcherInformation: Hashable, Sendable {
    /// The media type of the documents.
    package static let mediaType: StaticString = "application/watcherinfo+xml"

    /// How the subscription of a watcher stands (RFC 3857 §4.7.1).
    package enum Status: String, Hashable, Sendable, CaseIterable {
        /// Nobody decided about it yet.
        case pending
        /// It was accepted.
        case active
        /// It ended before anybody decided, and a decision is still asked for.
        case waiting
        /// It ended. The watcher is told of once, and then no more.
        case terminated
    }

    /// What brought a subscription to its status (RFC 3857 §4.7.1).
    package enum Event: String, Hashable, Sendable, CaseIterable {
        case subscribe, approved, deactivated, probation, rejected, timeout, giveup, noresource
    }

    /// One subscription of one watcher (RFC 3858 §3.3).
    package struct Watcher: Hashable, Sendable {
        /// Names the subscription among all of the list; means nothing beyond that.
        package var id: [UInt8]
        /// The URI of the watcher.
        package var uri: [UInt8]
        package var status: Status
        package var event: Event
        /// A name for people, in UTF-8.
        package var displayName: [UInt8]?
        /// Seconds that the subscription has left.
        package var expiration: UInt64?
        /// Seconds since the subscription was made.
        package var durationSubscribed: UInt64?
        /// The language of ``displayName`` (`xml:lang`).
        package var language: [UInt8]?

        package init(
            id: [UInt8], uri: [UInt8], status: Status, event: Event, displayName: [UInt8]? = nil,
            expiration: UInt64? = nil, durationSubscribed: UInt64? = nil, language: [UInt8]? = nil
        ) {
            self.id = id
            self.uri = uri
            self.status = status
            self.event = event
            self.displayName = displayName
            self.expiration = expiration
            self.durationSubscribed = durationSubscribed
            self.language = language
        }
    }

    /// The watchers of one resource in one event package (RFC 3858 §3.2).
    package struct List: Hashable, Sendable {
        /// The URI of what is watched.
        package var resource: [UInt8]
        /// The event package, such as `presence`.
        package var package: [UInt8]
        package var watchers: [Watcher]

        package init(resource: [UInt8], package: [UInt8], watchers: [Watcher]) {
            self.resource = resource
            self.package = package
            self.watchers = watchers
        }
    }

    /// Counts the documents of one subscription from 0 on (RFC 3858 §3.1).
    package var version: UInt64
    /// Whether the document tells of all watchers, or of those only that changed.
    package var isFull: Bool
    package var lists: [List]

    package init(version: UInt64, isFull: Bool, lists: [List]) {
        self.version = version
        self.isFull = isFull
        self.lists = lists
    }

    // MARK: Writing

    /// The document as text.
    package func serialised() -> [UInt8] {
        var output = Self.opening
        output.append(decimal: self.version)
        Self.appendState(isFull: self.isFull, to: &output)
        for list in self.lists {
            Self.appendListStart(resource: list.resource[...], package: list.package[...], to: &output)
            for watcher in list.watchers { watcher.append(to: &output) }
            output.append(literal: Self.listEnd)
        }
        output.append(literal: Self.ending)
        return output
    }

    /// The text before the version: what every document begins with.
    package static let opening = Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="
        """.utf8)

    /// The text behind the version.
    package static func appendState(isFull: Bool, to output: inout [UInt8]) {
        output.append(literal: isFull ? "\" state=\"full\">" : "\" state=\"partial\">")
    }

    /// The start tag of a list.
    package static func appendListStart(resource: Octets, package name: Octets, to output: inout [UInt8]) {
        output.append(literal: "\n<watcher-list resource=\"")
        XMLWriter.escape(Self.clean(resource), inAttribute: true, into: &output)
        output.append(literal: "\" package=\"")
        XMLWriter.escape(Self.clean(name), inAttribute: true, into: &output)
        output.append(literal: "\">")
    }

    /// The end tag of a list.
    package static let listEnd: StaticString = "\n</watcher-list>"
    /// The end tag of the document.
    package static let ending: StaticString = "\n</watcherinfo>\n"

    /// A text as XML can carry it: UTF-8 without control characters. What cannot be carried becomes U+FFFD.
    static func clean(_ text: Octets) -> Octets {
        if text.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            let isAllowed =
                scalar.value >= 0x20 && scalar.value != 0x7F && scalar.value != 0xFFFE && scalar.value != 0xFFFF
            output.append(contentsOf: UTF8.encode(isAllowed ? scalar : "\u{FFFD}") ?? UTF8.encodedReplacementCharacter)
        }
        return output[...]
    }
}

extension WatcherInformation.Watcher {
    /// Appends the element (RFC 3858 §3.3).
    package func append(to output: inout [UInt8]) {
        output.append(literal: "\n<watcher id=\"")
        XMLWriter.escape(WatcherInformation.clean(self.id[...]), inAttribute: true, into: &output)
        output.append(literal: "\" status=\"")
        output.append(contentsOf: self.status.rawValue.utf8)
        output.append(literal: "\" event=\"")
        output.append(contentsOf: self.event.rawValue.utf8)
        if let displayName = self.displayName {
            output.append(literal: "\" display-name=\"")
            XMLWriter.escape(WatcherInformation.clean(displayName[...]), inAttribute: true, into: &output)
        }
        if let expiration = self.expiration {
            output.append(literal: "\" expiration=\"")
            output.append(decimal: expiration)
        }
        if let duration = self.durationSubscribed {
            output.append(literal: "\" duration-subscribed=\"")
            output.append(decimal: duration)
        }
        if let language = self.language {
            output.append(literal: "\" xml:lang=\"")
            XMLWriter.escape(WatcherInformation.clean(language[...]), inAttribute: true, into: &output)
        }
        output.append(literal: "\">")
        XMLWriter.escape(WatcherInformation.clean(self.uri[...]), inAttribute: false, into: &output)
        output.append(literal: "</watcher>")
    }
}
