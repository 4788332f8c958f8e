import Ground
import MusterTesting
import Testing
import XMLTree

@Suite("XML scanner")
struct ScannerTests {
    /// Places where a piece may stand, each with room before it so that it falls on every byte of a word.
    private static func documents(with piece: [UInt8], after padding: Int) -> [[UInt8]] {
        let room = [UInt8](repeating: UInt8(ascii: "x"), count: padding)
        let frames = [
            ("<a>", "</a>"), ("<a b=\"", "\"/>"), ("<a b='", "'/>"), ("<a><!--", "--></a>"), ("<a><?p ", "?></a>"),
            ("<a", "/>"), ("<a b", "=\"\"/>"), ("<a>&amp;", "</a>"), ("<a b=\"&lt;", "\"/>"), ("<!--", "--><a/>"),
        ]
        return frames.map { Array($0.0.utf8) + room + piece + Array($0.1.utf8) }
    }

    @Test("a byte that XML does not have is seen at every place of a word", .spec("XML 1.0 §2.2"))
    func everyPlace() throws {
        let pieces: [[UInt8]] = [
            [0x00], [0x01], [0x08], [0x0B], [0x1F], [0x80], [0xBF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xFF],
            [0xED, 0xA0, 0x80], [0xEF, 0xBF, 0xBE], [0xEF, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
        ]
        for piece in pieces {
            for padding in 0..<17 {
                for document in Self.documents(with: piece, after: padding) {
                    #expect(XMLDocument.parseByScanner(document[...]) == nil, "\(document)")
                }
            }
        }
    }

    @Test("what the scanner reads is what libxml2 reads, wherever a piece stands", .spec("XML 1.0 §2.4"))
    func agreement() throws {
        let pieces = [
            "", "é", "€", "😀", "é€😀é", "\t", "\n", "\r", "\r\n", "]", "]]", "]]>", "-", "--", "?", "?>", "<", ">", "&",
            "&lt;", "&#233;", "\"", "'", ":", "n:", " c=\"\"", "_.-9",
        ]
        var accepted = 0
        for piece in pieces {
            for padding in 0..<17 {
                for document in Self.documents(with: Array(piece.utf8), after: padding) {
                    guard let scanned = XMLDocument.parseByScanner(document[...]) else { continue }
                    accepted += 1
                    let read = try? XMLDocument.parseByLibrary(document[...])
                    #expect(read == scanned, "\(String(decoding: document, as: UTF8.self))")
                }
            }
        }
        #expect(accepted > 2000)
    }

    @Test("what must be escaped is escaped at every place of a word", .spec("XML 1.0 §2.4"))
    func escapes() throws {
        for special in ["&", "<", ">", "\"", "\r", "\n", "\t", "é"] {
            for padding in 0..<17 {
                let text = String(repeating: "x", count: padding) + special + "yyyyyyyyy"
                var written = Array("<a b=\"".utf8)
                XMLWriter.escape(Array(text.utf8)[...], inAttribute: true, into: &written)
                written += Array("\">".utf8)
                XMLWriter.escape(Array(text.utf8)[...], inAttribute: false, into: &written)
                written += Array("</a>".utf8)
                let root = try #require(try XMLDocument.parse(written[...]).rootElement)
                #expect(root.attribute("b")?.text == text)
                #expect(root.text.text == text)
                #expect(try XMLDocument.parse(root.document.serialised()[...]) == root.document)
            }
        }
    }
}
