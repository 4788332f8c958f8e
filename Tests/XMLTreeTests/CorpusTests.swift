import Foundation
import MusterTesting
import Testing

@testable import XMLTree

/// The folder a text lies in is its verdict.
@Suite("XML corpora")
struct CorpusTests {
    private static func files(_ verdict: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Corpus/\(verdict)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        return try names.map { ($0, Array(try Data(contentsOf: folder.appendingPathComponent($0)))) }
    }

    @Test("well-formed texts are read, and what is written of them reads the same", .spec("RFC 3863 §4"))
    func accepted() throws {
        let files = try Self.files("accept")
        #expect(files.count >= 15)
        for file in files {
            let document = try XMLDocument.parse(file.bytes[...])
            let again = try XMLDocument.parse(document.serialised()[...])
            #expect(document == again, "\(file.name)")
        }
    }

    @Test("attacks and mistakes are refused, by the reader and by libxml2 alone", .spec("RFC 3863 §6"))
    func refused() throws {
        let files = try Self.files("refuse")
        #expect(files.count >= 50)
        for file in files {
            #expect(throws: XMLFault.self, "\(file.name)") { try XMLDocument.parse(file.bytes[...]) }
            #expect(throws: XMLFault.self, "\(file.name)") { try XMLDocument.parseByLibrary(file.bytes[...]) }
            #expect(XMLDocument.parseByScanner(file.bytes[...]) == nil, "\(file.name)")
        }
    }

    @Test("a document type declaration is named as the reason", .spec("RFC 3863 §6"))
    func documentType() throws {
        for file in try Self.files("refuse") where file.name.contains("doctype") || file.name.contains("laughs") {
            let fault = #expect(throws: XMLFault.self) { try XMLDocument.parse(file.bytes[...]) }
            #expect(fault?.kind == .documentType, "\(file.name)")
        }
    }

    @Test("what the scanner takes on itself is what libxml2 reads", .spec("RFC 3863 §4"))
    func scannerAgreesOnCorpus() throws {
        for file in try Self.files("accept") {
            guard let scanned = XMLDocument.parseByScanner(file.bytes[...]) else { continue }
            let read = try XMLDocument.parseByLibrary(file.bytes[...])
            #expect(scanned == read, "\(file.name)")
        }
    }

    @Test("mutated documents never split the two readers", .spec("RFC 3863 §4"))
    func scannerAgreesOnMutations() throws {
        var random = SeededRandom(7)
        let seeds = try Self.files("accept").filter { $0.bytes.count < 2000 }.map(\.bytes) + [SampleXML.pidf]
        let scraps: [[UInt8]] = [
            "<", ">", "/>", "</a>", "&", "&amp;", "&#10;", "]]>", "\"", "'", "=", " xmlns:q=\"urn:q\"", "q:", "<!--",
            "-->", "<?x?>", "\r", "\t", "\u{FFFE}", "<![CDATA[", "xmlns=\"\"", ":", " ", "xml:lang=\"en\"",
        ].map { Array($0.utf8) }
        var accepted = 0
        for _ in 0..<6000 {
            var text = seeds[random.below(seeds.count)]
            for _ in 0..<(1 + random.below(3)) {
                let place = random.below(text.count + 1)
                switch random.below(4) {
                case 0: text.insert(contentsOf: scraps[random.below(scraps.count)], at: place)
                case 1: if place < text.count { text.remove(at: place) }
                case 2: if place < text.count { text[place] = UInt8(random.below(256)) }
                default:
                    let end = min(text.count, place + random.below(20))
                    text.insert(contentsOf: text[place..<end], at: place)
                }
            }
            guard let scanned = XMLDocument.parseByScanner(text[...]) else { continue }
            accepted += 1
            let read = try? XMLDocument.parseByLibrary(text[...])
            #expect(read == scanned, "\(String(decoding: text, as: UTF8.self))")
            let again = try XMLDocument.parse(scanned.serialised()[...])
            #expect(again == scanned, "\(String(decoding: text, as: UTF8.self))")
        }
        #expect(accepted > 300)
    }
}

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
}

enum SampleXML {
    static let pidf = Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" entity="sip:a@b">
         <tuple id="t1"><status><basic>open</basic></status><x:y xmlns:x="urn:x" x:z="1">t</x:y><contact>sip:a@c</contact></tuple>
         <dm:person id="p1"><!-- c --><dm:note xml:lang="en">hi &amp; bye</dm:note></dm:person>
        </presence>
        """.utf8)
}
