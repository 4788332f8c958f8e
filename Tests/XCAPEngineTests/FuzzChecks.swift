import Ground
import XCAPEngine
import XMLTree

/// What must hold for every input whatever: the fuzz targets call it, and so does the test that replays findings.
/// Each check returns what is broken, or nil.
enum FuzzCheck {
    private static let sample = Array(
        """
        <?xml version="1.0"?>
        <root xmlns="urn:t" xmlns:p="urn:p" a="1"><!-- <x/> --><list name="a"><e u="1">t</e><e u="2"/><p:e u='"'/></list>
        <list name="b/c" p:x="&lt;&amp;"/><![CDATA[<e/>]]><p:only xmlns="" xmlns:q="urn:q"><in/></p:only><list/></root>
        """.utf8)

    private static let lists = Array(
        """
        <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="a"><entry uri="sip:a@b"/>
        <entry uri="sip:c@d"><display-name>C</display-name></entry></list><list name="b"/></resource-lists>
        """.utf8)

    private static let engine = XCAPEngine(
        registry: ApplicationUsageRegistry(
            ApplicationUsageRegistry.standard.all + [
                ApplicationUsage(auid: "t", defaultNamespace: "urn:t", mediaType: "a/b", root: nil, schema: nil)
            ]))

    /// Request targets.
    static func selector(_ input: [UInt8]) -> String? {
        guard let selector = try? XCAPSelector.parse(input[...]) else { return nil }
        let key = selector.documentSelector
        if key.contains(0) { return "a zero byte in the key of a document" }
        let segments = key.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if segments.contains(where: { $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) {
            return "the key of a document goes another way"
        }
        var target: [UInt8] = []
        PercentEncoding.appendEncoded(key[...], to: &target)
        guard let again = try? XCAPSelector.parse(target[...], limits: XCAPLimits(targetBytes: 1 << 20)),
            again.documentSelector == key
        else { return "a document selector does not survive its encoding" }
        guard let node = selector.node else { return nil }
        target += Array("/~~/".utf8) + node.encoded(steps: node.steps.count)
        guard let other = try? XCAPSelector.parse(target[...], limits: XCAPLimits(targetBytes: 1 << 20)).node,
            other.steps == node.steps
        else { return "a node selector does not survive its encoding" }
        guard let tree = try? XMLDocument.parse(Self.sample[...]) else { return "the sample cannot be read" }
        let namespace = Array("urn:t".utf8)
        if node.evaluate(in: tree, defaultNamespace: namespace) != other.evaluate(in: tree, defaultNamespace: namespace)
        {
            return "one selector finds two things"
        }
        return nil
    }

    /// Edits: a letter that says what is done, a node selector up to the end of the line, the body.
    ///
    /// `p` puts an element, `a` an attribute, `d` removes; capital letters do it where there is a schema. `0` to `5` put
    /// a document of a usage.
    static func edit(_ input: [UInt8]) -> String? {
        guard let letter = input.first else { return nil }
        let line = input.dropFirst().prefix { $0 != 0x0A }
        let body = input.dropFirst(1 + line.count).dropFirst()
        let usages = [
            "resource-lists", "rls-services", "pres-rules", "org.openmobilealliance.pres-rules", "pidf-manipulation",
            "org.openmobilealliance.user-profile",
        ]
        if letter >= 0x30, letter < 0x30 + UInt8(usages.count) { return Self.put(body, usages[Int(letter - 0x30)]) }
        let hasSchema = letter < 0x60
        let target = Array((hasSchema ? "resource-lists" : "t").utf8) + Array("/users/u/index/~~/".utf8) + line
        guard let selector = try? XCAPSelector.parse(target[...]) else { return nil }
        let before = XCAPDocument(bytes: hasSchema ? Self.lists : Self.sample, entityTag: [0x31])
        switch letter | 0x20 {
        case UInt8(ascii: "p"):
            let text = Array(body.drop(while: Self.isSpace).reversed().drop(while: Self.isSpace).reversed())
            return Self.putting(text, "application/xcap-el+xml", selector, before)
        case UInt8(ascii: "a"): return Self.putting(Array(body), "application/xcap-att+xml", selector, before)
        case UInt8(ascii: "d"): return Self.removing(selector, before)
        default: return nil
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func perform(
        _ method: XCAPMethod, _ selector: XCAPSelector, on document: XCAPDocument?, body: Octets = [], type: String = ""
    ) -> (reply: XCAPReply, change: XCAPChange?) {
        Self.engine.perform(
            XCAPRequest(method: method, selector: selector, contentType: Array(type.utf8), body: body), on: document,
            context: UsageContext(selector: selector, rootURI: Array("http://h/x".utf8)), newEntityTag: [0x32])
    }

    /// What was put is what is found, a second time changes nothing, and what was refused changed nothing.
    private static func putting(
        _ body: [UInt8], _ type: String, _ selector: XCAPSelector, _ before: XCAPDocument
    ) -> String? {
        let (reply, change) = Self.perform(.put, selector, on: before, body: body[...], type: type)
        guard reply.status < 300 else {
            if change != nil { return "a refused request changes something" }
            return Self.refusal(reply)
        }
        var after = before
        if case .replaced(let document) = change { after = document }
        guard (try? XMLDocument.parseUTF8(after.bytes[...])) != nil else { return "the result cannot be read" }
        if Self.perform(.get, selector, on: after).reply.body != body { return "what was put is not what is found" }
        let again = Self.perform(.put, selector, on: after, body: body[...], type: type)
        if again.reply.status != 200 || again.change != nil { return "what is put twice changes something" }
        // An insertion is taken back but for a declaration, or the two tags that were one.
        let declared = selector.node?.bindings.all.map { $0.namespace.count * 6 }.max() ?? 0
        if reply.status == 201, case .replaced(let document)? = Self.perform(.delete, selector, on: after).change,
            document.bytes.count > before.bytes.count + 64 + declared
        {
            return "what was inserted is not what is removed"
        }
        return nil
    }

    private static func removing(_ selector: XCAPSelector, _ before: XCAPDocument) -> String? {
        let found = Self.perform(.get, selector, on: before).reply
        let (reply, change) = Self.perform(.delete, selector, on: before)
        guard reply.status == 200, case .replaced(let after) = change else {
            return change == nil ? Self.refusal(reply) : "a refused request changes something"
        }
        if found.status != 200 { return "what is not found is removed" }
        if Self.perform(.get, selector, on: after).reply.status != 404 { return "what was removed is found" }
        let isElement = selector.node?.terminal == nil
        if isElement, after.bytes.count + found.body.count != before.bytes.count {
            return "more is removed than is found"
        }
        return nil
    }

    private static func put(_ body: Octets, _ usage: String) -> String? {
        guard let selector = try? XCAPSelector.parse(Array("\(usage)/users/u/index".utf8)[...]),
            let type = Self.engine.registry[auid: selector.auid]?.mediaType
        else { return "no such usage" }
        let (reply, change) = Self.perform(
            .put, selector, on: nil, body: body, type: String(decoding: type, as: UTF8.self))
        guard case .created(let document) = change else { return Self.refusal(reply) }
        return document.bytes.elementsEqual(body) ? nil : "a document is not kept as it was put"
    }

    /// A refusal says which, and its body can be read.
    private static func refusal(_ reply: XCAPReply) -> String? {
        if reply.status == 500 || reply.status < 400 { return "the status \(reply.status)" }
        if (reply.status == 409) == reply.body.isEmpty { return "a conflict has a body, and nothing else has" }
        guard reply.status == 409 else { return nil }
        guard let text = try? XMLDocument.parse(reply.body[...]) else { return "an error document cannot be read" }
        return text.rootElement?.children.count == 1 ? nil : "an error document without its element"
    }
}
