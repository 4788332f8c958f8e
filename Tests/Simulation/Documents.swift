import Ground
import PresenceDocuments

/// The presence documents of the simulation. What devices publish can be told from everything that servers make by
/// themselves, and every version of it from every other.
package enum Documents {
    /// What the identifier of every published tuple begins with.
    private static let mark = Array("dev-".utf8)

    /// Whether a body tells anything that a device published.
    package static func tellsState(_ body: Octets) -> Bool {
        guard body.count >= Self.mark.count else { return false }
        var position = body.startIndex
        while position + Self.mark.count <= body.endIndex {
            guard let next = body[position...].firstIndex(of: Self.mark[0]), next + Self.mark.count <= body.endIndex
            else { return false }
            if body[next..<(next + Self.mark.count)].elementsEqual(Self.mark) { return true }
            position = next + 1
        }
        return false
    }

    /// Whom a presence document is about, or whose watchers a document tells of; empty if it does not say so.
    package static func entity(of body: Octets) -> [UInt8] {
        for mark in [Array("entity=\"".utf8), Array("resource=\"".utf8)] {
            guard let found = body.firstRange(of: mark) else { continue }
            return Array(body[found.upperBound...].prefix { $0 != UInt8(ascii: "\"") })
        }
        return []
    }

    /// The version of the state of each device that a document shows: the note of its tuple, by tuple identifier.
    package static func versions(in document: PresenceDocument) -> [String: String] {
        var versions: [String: String] = [:]
        for service in document.summary.services where service.id.hasPrefix("dev-") {
            versions[service.id] = service.notes.first ?? ""
        }
        return versions
    }

    /// The class of a tuple; nil if it has none. It never changes.
    package static func classification(of tuple: String) -> String? {
        guard tuple.hasPrefix("dev-"), let last = tuple.last, last.isNumber else { return nil }
        return last == "0" ? "home" : "work"
    }

    /// A document of a device.
    ///
    /// - Parameters:
    ///   - tuple: begins with `dev-`.
    ///   - version: stands in the first note of the tuple.
    package static func make(
        entity: String, tuple: String, version: String, at now: Instant, chance: inout Entropy
    ) -> [UInt8] {
        let basic = chance.next(below: 4) == 0 ? "closed" : "open"
        var text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" \
            xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="\(entity)">
            <tuple id="\(tuple)"><status><basic>\(basic)</basic></status>
            """
        if let word = Self.classification(of: tuple) { text += "<rpid:class>\(word)</rpid:class>" }
        // A device either always has a contact or never: the service that a tuple means depends on it.
        if tuple.hasSuffix("1") { text += "<contact priority=\"0.8\">\(entity);d=\(tuple)</contact>" }
        text += "<note>\(version)</note>"
        if chance.next(below: 12) == 0 {
            text += "<note xml:lang=\"en\">\(String(repeating: "far ", count: 400))</note>"
        }
        text += "</tuple>"
        if chance.next(below: 5) == 0 {
            text += "<tuple id=\"dev-all\"><status><basic>open</basic></status><contact>\(entity)</contact></tuple>"
        }
        if chance.next(below: 3) == 0 { text += Self.person(at: now, chance: &chance) }
        return Array((text + "</presence>").utf8)
    }

    /// A person with activities, some of which begin or end by themselves.
    private static func person(at now: Instant, chance: inout Entropy) -> String {
        let words = ["meeting", "busy", "away", "meal", "travel", "working"]
        let word = words[Int(chance.next(below: UInt64(words.count)))]
        var range = ""
        if chance.next(below: 2) == 0 {
            let from = now + .seconds(Int64(chance.next(below: 200)) - 100)
            let until = from + .seconds(Int64(chance.next(below: 300)) + 1)
            range = " from=\"\(Self.time(from))\" until=\"\(Self.time(until))\""
        }
        return "<dm:person id=\"p1\"><rpid:activities\(range)><rpid:\(word)/></rpid:activities></dm:person>"
    }

    /// A time as XML Schema writes it, in UTC.
    package static func time(_ instant: Instant) -> String {
        let days = instant.seconds / 86_400
        let second = instant.seconds % 86_400
        // The civil calendar in eras of 400 years that begin on the first of March.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(year)-\(two(civilMonth))-\(two(day))T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }

    /// A filter that shows the status of tuples only.
    package static func statusFilter(of presentity: String) -> [UInt8] {
        Array(
            ("<?xml version=\"1.0\"?><filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\"><ns-bindings>"
                + "<ns-binding prefix=\"p\" urn=\"urn:ietf:params:xml:ns:pidf\"/></ns-bindings>"
                + "<filter id=\"1\" uri=\"\(presentity)\"><what>"
                + "<include type=\"xpath\">/p:presence/p:tuple/p:status/p:basic</include></what></filter></filter-set>")
                .utf8)
    }
}
