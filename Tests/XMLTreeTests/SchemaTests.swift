import MusterTesting
import Testing

@testable import XMLTree

private let shapes = XMLSchema.Source(
    name: "shapes.xsd",
    """
    <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:c="urn:colours" targetNamespace="urn:shapes"
        elementFormDefault="qualified">
      <xs:import namespace="urn:colours" schemaLocation="colours.xsd"/>
      <xs:element name="shapes">
        <xs:complexType>
          <xs:sequence>
            <xs:element name="shape" minOccurs="0" maxOccurs="unbounded">
              <xs:complexType>
                <xs:attribute name="id" type="xs:ID" use="required"/>
                <xs:attribute name="colour" type="c:colour"/>
              </xs:complexType>
            </xs:element>
            <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
          </xs:sequence>
        </xs:complexType>
      </xs:element>
    </xs:schema>
    """)

private let colours = XMLSchema.Source(
    name: "colours.xsd",
    """
    <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:colours">
      <xs:simpleType name="colour">
        <xs:restriction base="xs:token"><xs:enumeration value="red"/><xs:enumeration value="blue"/></xs:restriction>
      </xs:simpleType>
      <xs:element name="count" type="xs:integer"/>
    </xs:schema>
    """)

private func violation(_ schema: XMLSchema, _ content: String) -> String? {
    schema.violation(in: Array("<shapes xmlns='urn:shapes' xmlns:c='urn:colours'>\(content)</shapes>".utf8)[...])
}

@Suite("XML schemas")
struct SchemaTests {
    @Test("a document is judged by a schema and by what it imports")
    func validating() throws {
        let schema = try XMLSchema(shapes, imports: [colours])
        #expect(violation(schema, "") == nil)
        #expect(violation(schema, "<shape id='a' colour='red'/><shape id='b'/>") == nil)
        #expect(violation(schema, "<x:y xmlns:x='urn:x'/><c:count>3</c:count><c:other/>") == nil)
        #expect(violation(schema, "<shape/>") != nil)
        #expect(violation(schema, "<shape id='a'/><shape id='a'/>") != nil)
        #expect(violation(schema, "<shape id='1'/>") != nil)
        #expect(violation(schema, "<c:count>three</c:count>") != nil)
        #expect(violation(schema, "text") != nil)
    }

    @Test("a fault is one phrase of ASCII that names what is wrong and where")
    func phrases() throws {
        let schema = try XMLSchema(shapes, imports: [colours])
        let fault = try #require(
            violation(schema, "\n<shape id='a' colour='grün\n" + String(repeating: "x", count: 500) + "'/>"))
        #expect(fault.contains("shape") && fault.hasSuffix("line 3"), "\(fault)")
        #expect(fault.utf8.count < 240 && fault.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 })
        #expect(!fault.contains("urn:"))
    }

    @Test("a schema that cannot be read is refused with a reason")
    func broken() {
        #expect(throws: XMLFault.self) { try XMLSchema(.init(name: "x", "<xs:schema")) }
        #expect(throws: XMLFault.self) { try XMLSchema(.init(name: "x", "")) }
        #expect(throws: XMLFault.self) { try XMLSchema(shapes) }
    }

    @Test("an import finds nothing outside of what was given with the schema")
    func closed() {
        for place in ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/colours.xsd", "../colours.xsd"] {
            let text = shapes.text.replacing("colours.xsd", with: place)
            #expect(throws: XMLFault.self) { try XMLSchema(.init(name: "shapes.xsd", text), imports: [colours]) }
        }
    }

    @Test("several threads may use one schema")
    func threads() async throws {
        let schema = try XMLSchema(shapes, imports: [colours])
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<4 {
                group.addTask {
                    (0..<500).count { number in
                        let isValid = (number + task) % 2 == 0
                        let id = isValid ? "a\(number)" : "\(number)"
                        return (violation(schema, "<shape id='\(id)'/>") == nil) != isValid
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}

@Suite("Places of elements in a text")
struct SourceMapTests {
    @Test("every element and attribute is found where it stands")
    func places() throws {
        let text = """
            <?xml version="1.0"?><!-- <no> --><a xmlns='urn:a' x = ">" y='"/>'>t<b/><c  q="1"
             r='2' ><![CDATA[<no/>]]><?no <no/>?>é<d></d ></c></a><!-- > -->
            """
        let bytes = Array(text.utf8)
        let map = XMLSourceMap(of: bytes)
        let pieces = map.elements.map { String(decoding: bytes[$0.start..<$0.end], as: UTF8.self) }
        #expect(map.elements.count == 4)
        #expect(pieces[0].hasPrefix("<a xmlns") && pieces[0].hasSuffix("</a>"))
        #expect(pieces[1] == "<b/>" && map.elements[1].isEmptyTag)
        #expect(pieces[2].hasPrefix("<c ") && pieces[2].hasSuffix("</c>"))
        #expect(pieces[3] == "<d></d >" && !map.elements[3].isEmptyTag)
        let attributes = map.attributes(of: map.elements[0])
        #expect(attributes.map { String(decoding: bytes[$0.name], as: UTF8.self) } == ["xmlns", "x", "y"])
        #expect(attributes.map { String(decoding: bytes[$0.value], as: UTF8.self) } == ["urn:a", ">", "\"/>"])
        #expect(map.attributes(of: map.elements[2]).map { bytes[$0.start] } == [0x20, 0x0A])
    }

    @Test("elements are counted as the readers of documents number them, whichever reads")
    func numbers() throws {
        let text = Array("<a q='1' xmlns:p='u' r='2'><b>t</b><!--c--><p:c><d p:x='1' x='2'/></p:c><e/></a>".utf8)
        let map = XMLSourceMap(of: text)
        let scanned = try #require(XMLDocument.parseByScanner(text[...]))
        for tree in [scanned, try XMLDocument.parseByLibrary(text[...])] {
            for (index, node) in tree.nodes.enumerated() {
                let id = XMLDocument.NodeID(index)
                if node.kind == .element {
                    let place = try #require(map.element(id, of: tree))
                    let tag = String(decoding: text[place.start..<place.nameEnd], as: UTF8.self)
                    #expect(tag.hasSuffix(tree.name(node.name).text))
                } else if node.kind == .attribute {
                    let place = try #require(map.attribute(id, of: tree))
                    #expect(text[place.value].elementsEqual(tree.value(id)))
                }
            }
        }
    }

    @Test("a text that is no document gives no places outside of it")
    func nonsense() {
        for text in [
            "", "<", "<a", "</a>", "<a b=", "<a b='", "<!", "<!-", "<![CDATA[", "<?", "<a/", "<a></", "<a><!--",
        ] {
            let bytes = Array(text.utf8)
            for element in XMLSourceMap(of: bytes).elements {
                #expect(element.start < element.end && element.end <= bytes.count)
                #expect(
                    XMLSourceMap(of: bytes).attributes(of: element).allSatisfy { $0.value.upperBound <= bytes.count })
            }
        }
    }
}

@Suite("XML in UTF-8")
struct EncodingTests {
    @Test("a text in another encoding is refused where UTF-8 is asked for")
    func encodings() throws {
        let latin = Array("<?xml version='1.0' encoding='ISO-8859-1'?><a>".utf8) + [0xE4] + Array("</a>".utf8)
        #expect(try XMLDocument.parse(latin[...]).rootElement?.text.text == "ä")
        let sixteen: [UInt8] = [0xFE, 0xFF, 0, 0x3C, 0, 0x61, 0, 0x2F, 0, 0x3E]
        #expect(try XMLDocument.parse(sixteen[...]).root > 0)
        let declared = Array("<?xml version='1.0' encoding='iso-8859-1'?><a/>".utf8)
        for bytes in [latin, sixteen, declared, Array("<a>".utf8) + [0xC3] + Array("</a>".utf8)] {
            do {
                _ = try XMLDocument.parseUTF8(bytes[...])
                Issue.record("accepted")
            } catch {
                #expect(error.kind == .encoding)
            }
        }
        #expect(try XMLDocument.parseUTF8(Array("<?xml version='1.0' encoding='ascii'?><a/>".utf8)[...]).root > 0)
        do {
            _ = try XMLDocument.parseUTF8(Array("<a/>".utf8)[...], limits: XMLLimits(bytes: 3))
            Issue.record("accepted")
        } catch {
            #expect(error.kind == .overLimit)
        }
    }
}
