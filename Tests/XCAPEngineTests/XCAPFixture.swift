import Ground
import MusterTesting
import Testing
import XCAPEngine
import XMLTree

/// A document of a user, and what happens to it: requests in, replies out, as a client would see them.
struct XCAPFixture {
    static let root = "http://xcap.home1.net/xcap"

    var engine: XCAPEngine
    var document: XCAPDocument?
    let path: String
    var isServiceURITaken: @Sendable ([UInt8]) -> Bool = { _ in false }
    private var tag = 0

    /// - Parameter path: the document, as it stands in a URI.
    init(
        _ path: String = "test/users/sip:ana@home1.net/index", _ text: String? = nil, engine: XCAPEngine = .test
    ) {
        self.engine = engine
        self.path = path
        self.document = text.map { XCAPDocument(bytes: Array($0.utf8), entityTag: Array("t0".utf8)) }
    }

    /// The document as text; empty if there is none.
    var text: String { self.document.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "" }

    /// Does a request on the document, or on a node of it, and keeps what comes of it.
    @discardableResult
    mutating func perform(
        _ method: XCAPMethod, _ node: String = "", body: [UInt8] = [], type: String? = nil, ifMatch: String? = nil,
        ifNoneMatch: String? = nil
    ) -> XCAPReply {
        let target = self.path + (node.isEmpty ? "" : "/~~/" + node)
        let selector: XCAPSelector
        do {
            selector = try XCAPSelector.parse(Array(target.utf8)[...], limits: self.engine.limits)
        } catch {
            return XCAPReply(error)
        }
        let request = XCAPRequest(
            method: method, selector: selector,
            preconditions: Preconditions(
                ifMatch: ifMatch.map { Array($0.utf8) }, ifNoneMatch: ifNoneMatch.map { Array($0.utf8) }),
            contentType: type.map { Array($0.utf8) }, body: body[...])
        let context = UsageContext(
            selector: selector, rootURI: Array(Self.root.utf8), ownerIdentities: [Array("sip:ana@home1.net".utf8)],
            isServiceURITaken: self.isServiceURITaken)
        self.tag += 1
        let (reply, change) = self.engine.perform(
            request, on: self.document, context: context, newEntityTag: Array("t\(self.tag)".utf8))
        switch change {
        case .created(let document), .replaced(let document): self.document = document
        case .removed: self.document = nil
        case nil: break
        }
        return reply
    }

    @discardableResult
    mutating func get(_ node: String = "") -> XCAPReply { self.perform(.get, node) }

    /// Puts an element.
    @discardableResult
    mutating func put(_ node: String, _ body: String, type: String = "application/xcap-el+xml") -> XCAPReply {
        self.perform(.put, node, body: Array(body.utf8), type: type)
    }

    /// Puts an attribute.
    @discardableResult
    mutating func putAttribute(_ node: String, _ body: String) -> XCAPReply {
        self.put(node, body, type: "application/xcap-att+xml")
    }

    /// Puts the document.
    @discardableResult
    mutating func put(document: String, type: String = "application/test+xml") -> XCAPReply {
        self.perform(.put, body: Array(document.utf8), type: type)
    }

    @discardableResult
    mutating func delete(_ node: String = "") -> XCAPReply { self.perform(.delete, node) }
}

extension XCAPReply {
    var text: String { String(decoding: self.body, as: UTF8.self) }
    var type: String? { self.contentType.map { String(decoding: $0, as: UTF8.self) } }
    var tag: String? { self.entityTag.map { String(decoding: $0, as: UTF8.self) } }

    /// The name of the error element in a body of application/xcap-error+xml; nil for other bodies.
    var condition: String? {
        guard let tree = try? XMLDocument.parse(self.body[...]), let root = tree.rootElement,
            root.namespace.elementsEqual("urn:ietf:params:xml:ns:xcap-error".utf8)
        else { return nil }
        return root.children.first?.name.text
    }

    /// The error element.
    var error: XMLElement? { (try? XMLDocument.parse(self.body[...]))?.rootElement?.children.first }
}

extension ApplicationUsage {
    /// Documents with a root `root` in the namespace `urn:test` and no further rules.
    static let test = ApplicationUsage(
        auid: "test", defaultNamespace: "urn:test", mediaType: "application/test+xml",
        root: Root("root", namespace: "urn:test"), schema: nil)
}

extension XCAPEngine {
    /// The usages of Muster and the one of the tests.
    static let test = XCAPEngine(registry: ApplicationUsageRegistry(ApplicationUsageRegistry.standard.all + [.test]))
}

/// The document of the worked example of RFC 4825 §8.2.3.
let workedExample = """
    <?xml version="1.0" encoding="UTF-8"?>
    <root xmlns="urn:test">
     <el1 att="first"/>
     <el1 att="second"/>
     <!-- comment -->
     <el2 att="first"/>
    </root>
    """
