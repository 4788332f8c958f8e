package import Ground

/// An event package: the points that RFC 6665 §5.4 asks every package to settle, in that order.
///
/// A new package is a new value in an ``EventPackageRegistry``; nothing else learns of it.
package struct EventPackage: Sendable {
    /// What a watcher does when its SUBSCRIBE was forked (RFC 6665 §5.4.9).
    package enum Forking: Sendable {
        /// The first NOTIFY wins; dialogs of other notifiers are refused.
        case oneDialog
        /// Every notifier gets a dialog, and the watcher merges.
        case manyDialogs
    }

    /// RFC 6665 §5.4.1: the token of the Event header.
    package var name: StaticString
    /// RFC 6665 §5.4.2: parameters of the Event header that the package knows, besides `id` and those of RFC 6446.
    package var parameters: [StaticString]
    /// RFC 6665 §5.4.3: media types that a SUBSCRIBE may carry.
    package var subscribeBodies: [StaticString]
    /// RFC 6665 §5.4.4: the duration of a subscription whose SUBSCRIBE names none, in seconds.
    package var defaultExpires: UInt32
    /// RFC 6665 §5.4.5: media types of NOTIFY bodies; the first is what a watcher without Accept gets.
    package var notifyBodies: [StaticString]
    /// RFC 6665 §5.4.10: the least distance between two notifications that the package advises, in seconds.
    package var advisedInterval: UInt32
    /// RFC 6665 §5.4.9: what becomes of a forked SUBSCRIBE.
    package var forking: Forking
    /// RFC 3903 §4.5: media types that a PUBLISH may carry; empty if state of the package is not published.
    package var publishBodies: [StaticString]
    /// Whether the package is a template applied to another one (RFC 6665 §5.3); such are not listed in Allow-Events.
    package var isTemplate: Bool

    package init(
        name: StaticString, parameters: [StaticString] = [], subscribeBodies: [StaticString] = [],
        defaultExpires: UInt32, notifyBodies: [StaticString], advisedInterval: UInt32, forking: Forking,
        publishBodies: [StaticString] = [], isTemplate: Bool = false
    ) {
        self.name = name
        self.parameters = parameters
        self.subscribeBodies = subscribeBodies
        self.defaultExpires = defaultExpires
        self.notifyBodies = notifyBodies
        self.advisedInterval = advisedInterval
        self.forking = forking
        self.publishBodies = publishBodies
        self.isTemplate = isTemplate
    }
}

/// The event packages that a notifier serves.
package struct EventPackageRegistry: Sendable {
    private let packages: [EventPackage]
    /// The value of Allow-Events: every package but the templates (RFC 6665 §8.2.2, RFC 3857 §4).
    package let allowEvents: [UInt8]

    package init(_ packages: [EventPackage]) {
        self.packages = packages
        var list: [UInt8] = []
        for package in packages where !package.isTemplate {
            if !list.isEmpty { list.append(literal: ", ") }
            list.append(literal: package.name)
        }
        self.allowEvents = list
    }

    /// The number of the package whose token this is. Tokens are compared as RFC 6665 §8.2.1 asks: byte by byte,
    /// so that `presence` is not `presence.winfo`.
    package func index(of token: Octets) -> Int? {
        for index in self.packages.indices where token.equals(self.packages[index].name) { return index }
        return nil
    }

    /// Whether state of a package is published.
    package func isPublished(_ index: Int) -> Bool { !self.packages[index].publishBodies.isEmpty }

    package subscript(index: Int) -> EventPackage { self.packages[index] }
}
