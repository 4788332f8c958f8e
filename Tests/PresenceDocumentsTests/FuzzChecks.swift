import Ground
import PresenceDocuments
import XMLTree

/// What must hold for every input whatever: the fuzz targets call it, and so does the test that replays findings.
/// Each check returns what is broken, or nil.
enum FuzzCheck {
    private static let entity = Array("sip:ana@home1.net".utf8)[...]

    private static let sample: PresenceDocument? = try? PresenceDocument.parse(
        Array(
            """
            <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:ana@home1.net">
            <tuple id="t1"><status><basic>open</basic></status><x xmlns="urn:x" k="1">y<z/></x><contact priority="0.5">sip:a@b</contact><note>n</note></tuple>
            <tuple id="t2"><status/></tuple><note>all</note><dm:person id="p"><r:activities><r:away/></r:activities></dm:person>
            <dm:device id="d"><dm:deviceID>urn:d</dm:deviceID></dm:device></presence>
            """.utf8)[...])

    /// Presence documents.
    static func pidf(_ input: [UInt8]) -> String? {
        let vocabulary = PresenceNames.vocabulary
        if let scanned = XMLDocument.parseByScanner(input[...], vocabulary: vocabulary) {
            guard let read = try? XMLDocument.parseByLibrary(input[...], vocabulary: vocabulary) else {
                return "the scanner accepts what libxml2 refuses"
            }
            if scanned != read { return "the scanner and libxml2 read different documents" }
        }
        if let tree = try? XMLDocument.parse(input[...], vocabulary: vocabulary) {
            guard let again = try? XMLDocument.parse(tree.serialised()[...], vocabulary: vocabulary) else {
                return "what is written cannot be read"
            }
            if again != tree { return "what is written reads differently" }
        }
        guard let document = try? PresenceDocument.parse(input[...]) else { return nil }
        _ = document.summary
        let bytes = document.serialised()
        guard let again = try? PresenceDocument.parse(bytes[...]) else { return "the canonical form is not valid" }
        if again.serialised() != bytes { return "the canonical form is not canonical" }
        let now = Instant(seconds: 1_735_689_603)
        let only = Composer.Source(id: 1, publishedAt: .zero, document: document)
        let short = Composer.compose(entity: document.entityOctets, sources: [only], at: now)
        let long = Composer.merge(entity: document.entityOctets, sources: [only], at: now)
        if short != long { return "the short way and the long way of composition differ" }
        guard let sample = Self.sample else { return "the sample is not valid" }
        let other = Composer.Source(id: 2, publishedAt: Instant(seconds: 1), document: sample)
        let both = Composer.compose(entity: Self.entity, sources: [only, other], at: now).document.serialised()
        if (try? PresenceDocument.parse(both[...]))?.serialised() != both { return "a composed document is not valid" }
        return nil
    }

    /// Filter sets.
    static func filter(_ input: [UInt8]) -> String? {
        let package = Array("presence".utf8)[...]
        guard let sample = Self.sample,
            let set = try? WatcherFilterSet.parse(input[...], package: package, resource: Self.entity)
        else { return nil }
        guard let again = try? WatcherFilterSet.parse(set.serialised()[...], package: package, resource: Self.entity)
        else { return "what is written of a filter set cannot be read" }
        if again != set { return "what is written of a filter set reads differently" }
        if let filtered = set.apply(to: sample) {
            let bytes = filtered.serialised()
            if (try? PresenceDocument.parse(bytes[...]))?.serialised() != bytes { return "a view is not valid" }
            _ = set.isTriggered(previous: filtered, current: sample)
        }
        var merged = set
        do { try merged.merge(again) } catch { return "a filter set cannot be refreshed by itself" }
        return nil
    }

    /// Watcher information.
    static func watcherInformation(_ input: [UInt8]) -> String? {
        guard let information = try? WatcherInformation.parse(input[...]) else { return nil }
        let bytes = information.serialised()
        guard let again = try? WatcherInformation.parse(bytes[...]) else { return "what is written cannot be read" }
        if again.serialised() != bytes { return "what is written is written differently" }
        var table = WatcherInformationTable()
        _ = table.merge(information)
        if table.watchers.contains(where: { $0.status == .terminated }) { return "a watcher that is gone is kept" }
        if table.merge(information) != .discarded { return "a document counts twice" }
        return nil
    }

    /// Partial documents.
    static func pidfDiff(_ input: [UInt8]) -> String? {
        guard let sample = Self.sample else { return "the sample is not valid" }
        if case .full(let document, _)? = try? PartialPresence.parse(input[...]) {
            let bytes = PartialPresence.full(document, version: 1)
            if (try? PartialPresence.parseFull(bytes[...])) != document { return "a full document does not come back" }
        }
        guard let patched = try? PartialPresence.applying(input[...], to: sample) else { return nil }
        let bytes = patched.serialised()
        if (try? PresenceDocument.parse(bytes[...]))?.serialised() != bytes { return "a patched document is not valid" }
        if let back = PartialPresence.difference(from: patched, to: sample, version: 2) {
            guard let canonical = try? PresenceDocument.parse(bytes[...]) else { return "no canonical form" }
            if (try? PartialPresence.applying(back[...], to: canonical)) != sample {
                return "a difference leads astray"
            }
        }
        return nil
    }
}
