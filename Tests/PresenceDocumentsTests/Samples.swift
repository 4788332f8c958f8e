import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments
@testable import XMLTree

func octets(_ text: String) -> Octets { Array(text.utf8)[...] }
func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// SplitMix64, so that a failure can be repeated.
struct SeededRandom {
    private var state: UInt64
    init(_ seed: UInt64) { self.state = seed }
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(self.next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { self.below(100) < percent }
    mutating func pick<Element>(_ list: [Element]) -> Element { list[self.below(list.count)] }
}

enum Sample {
    static let declarations =
        "xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
        + "xmlns:rp=\"urn:ietf:params:xml:ns:pidf:rpid\" xmlns:cc=\"urn:ietf:params:xml:ns:pidf:caps\" "
        + "xmlns:ci=\"urn:ietf:params:xml:ns:pidf:cipid\" xmlns:o=\"urn:oma:xml:prs:pidf:oma-pres\" "
        + "xmlns:ts=\"urn:ietf:params:xml:ns:pidf:timed-status\" xmlns:x=\"urn:example:x\""

    static func pidf(_ content: String, entity: String = "sip:ana@home1.net") -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence \(self.declarations) entity=\"\(entity)\">\(content)</presence>"
    }

    static func tuple(
        _ id: String, _ basic: String = "open", extra: String = "", contact: String? = nil, note: String? = nil
    ) -> String {
        "<tuple id=\"\(id)\"><status><basic>\(basic)</basic></status>\(extra)"
            + (contact.map { "<contact>\($0)</contact>" } ?? "") + (note.map { "<note>\($0)</note>" } ?? "")
            + "</tuple>"
    }

    static func document(_ content: String) throws -> PresenceDocument {
        try PresenceDocument.parse(octets(Self.pidf(content)))
    }

    /// The document of data-formats, about 1,100 bytes.
    static let full = Self.pidf(
        """

         <tuple id="t1"><status><basic>open</basic></status>
          <o:willingness><o:basic>open</o:basic></o:willingness>
          <o:service-description><o:service-id>org.example.voice</o:service-id><o:version>1.0</o:version></o:service-description>
          <rp:class>work</rp:class>
          <cc:servcaps><cc:audio>true</cc:audio><cc:video>false</cc:video></cc:servcaps>
          <dm:deviceID>urn:uuid:6a3d1c1e-0000-4000-8000-00000000a001</dm:deviceID>
          <contact priority="0.8">sip:ana@home1.net</contact><timestamp>2025-03-01T08:00:00Z</timestamp></tuple>
         <note>hello</note>
         <dm:person id="p1"><rp:activities><rp:meeting/></rp:activities><x:y x:z="x:q">t<x:w/></x:y><dm:note xml:lang="en">back at 10</dm:note></dm:person>
         <dm:device id="d1"><cc:devcaps><cc:mobility><cc:supported><cc:mobile/></cc:supported></cc:mobility></cc:devcaps>
          <dm:deviceID>urn:uuid:6a3d1c1e-0000-4000-8000-00000000a001</dm:deviceID></dm:device>

        """)

    /// A random valid document.
    static func random(_ random: inout SeededRandom) -> String {
        var content = ""
        var ids = (0..<6).map { "t\($0)" }
        for _ in 0..<random.below(4) {
            let id = ids.remove(at: random.below(ids.count))
            var extra = ""
            if random.chance(30) { extra += "<rp:class>\(random.pick(["work", "home"]))</rp:class>" }
            if random.chance(20) {
                extra += "<cc:servcaps><cc:audio>\(random.pick(["true", "false"]))</cc:audio></cc:servcaps>"
            }
            if random.chance(30) { extra += "<x:e k=\"\(random.below(3))\">v\(random.below(3)) <x:f/></x:e>" }
            if random.chance(20) {
                extra += "<rp:relationship id=\"r\(random.below(3))\(id)\"><rp:friend/></rp:relationship>"
            }
            if random.chance(20) { extra += "<dm:deviceID>urn:uuid:\(random.below(2))</dm:deviceID>" }
            content += Self.tuple(
                id, random.pick(["open", "closed"]), extra: extra,
                contact: random.chance(50) ? "sip:ana@\(random.pick(["pc", "phone"]))" : nil,
                note: random.chance(40) ? "n\(random.below(3)) &amp; \(random.below(3))" : nil)
        }
        if random.chance(30) { content += "<note>all\(random.below(3))</note>" }
        if random.chance(60) {
            content += "<dm:person id=\"p\(random.below(2))\">"
            if random.chance(60) {
                let until = random.chance(30) ? " until=\"2025-01-01T00:00:0\(random.below(9))Z\"" : ""
                content += "<rp:activities\(until)><rp:\(random.pick(["meeting", "away", "busy"]))/></rp:activities>"
            }
            if random.chance(30) { content += "<rp:mood><rp:\(random.pick(["happy", "sad"]))/></rp:mood>" }
            if random.chance(30) { content += "<dm:note>pn\(random.below(4))</dm:note>" }
            content += "</dm:person>"
        }
        if random.chance(20) {
            content +=
                "<dm:device id=\"d\(random.below(2))\"><dm:deviceID>urn:uuid:\(random.below(2))</dm:deviceID></dm:device>"
        }
        if random.chance(20) { content += "<x:top><x:a>\(random.below(3))</x:a></x:top>" }
        return Self.pidf(content)
    }
}
