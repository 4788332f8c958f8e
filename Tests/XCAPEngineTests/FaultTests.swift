import MusterTesting
import Testing
import XCAPEngine
import XMLTree

@Suite("XCAP error documents")
struct FaultTests {
    @Test(
        "every error element is valid by the schema of errors and says what it knows",
        .spec("RFC 4825 §11.1/1", "RFC 4825 §11.1/2", "RFC 4825 §11.1/3"),
        arguments: [
            (XCAPFault.Condition.notWellFormed, "not-well-formed"), (.notXMLFragment, "not-xml-frag"),
            (.notXMLAttributeValue, "not-xml-att-value"), (.notUTF8, "not-utf-8"),
            (.noParent(ancestor: nil), "no-parent"), (.noParent(ancestor: Array("http://h/x".utf8)), "no-parent"),
            (.cannotInsert, "cannot-insert"), (.cannotDelete, "cannot-delete"),
            (.schemaValidationError, "schema-validation-error"), (.constraintFailure, "constraint-failure"),
            (.uniquenessFailure([.init(field: Array("a/@b".utf8))]), "uniqueness-failure"),
            (
                .uniquenessFailure([
                    .init(field: Array("a/b%5B2%5D/@c".utf8), alternatives: [Array("x&<\"1".utf8), Array("x2".utf8)])
                ]), "uniqueness-failure"
            ),
            (.extended(Array("<q xmlns=\"urn:q\"/>".utf8)), "extension"),
        ])
    func documents(condition: XCAPFault.Condition, name: String) throws {
        let schema = try XMLSchema(.errors)
        for phrase in [nil, "what & <why> \"it\" is\n"] {
            let fault = XCAPFault(condition, phrase)
            #expect(fault.status == 409)
            let text = fault.document()
            #expect(schema.violation(in: text[...]) == nil)
            let reply = XCAPReply(fault)
            #expect(reply.type == "application/xcap-error+xml")
            #expect(reply.condition == name)
            let isExtension = name == "extension"
            #expect(
                reply.error?.attribute("phrase")?.text
                    == (isExtension ? nil : phrase.map { _ in "what & <why> \"it\" is " }))
        }
    }

    @Test("other statuses have no body", .spec("RFC 4825 §11.1/1"))
    func bare() {
        for status in [400, 404, 405, 412, 413, 414, 415, 500] {
            #expect(XCAPReply(XCAPFault(status: status)) == XCAPReply(status: status))
        }
        #expect(XCAPReply(XCAPFault(status: 405, allow: [.get])).allow == [.get])
    }

    @Test("what is in a duplicate arrives", .spec("RFC 4825 §11.1/2"))
    func duplicates() throws {
        let fault = XCAPFault(
            .uniquenessFailure([
                .init(field: Array("a/@b".utf8), alternatives: [Array("x&<1".utf8), Array("x2".utf8)]),
                .init(field: Array("a/@c?xmlns(p=q)".utf8)),
            ]))
        let error = try #require(XCAPReply(fault).error)
        #expect(error.children("exists").map { $0.attribute("field")?.text } == ["a/@b", "a/@c?xmlns(p=q)"])
        #expect(error.children("exists")[0].children("alt-value").map(\.text.text) == ["x&<1", "x2"])
    }
}
