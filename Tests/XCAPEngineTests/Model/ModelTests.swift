import MusterTesting
import Testing
import XCAPEngine
import XMLTree

/// The engine and the model of RFC 4825 get the same random requests and must agree on every answer and every byte.
@Suite("XCAP engine and model")
struct ModelTests {
    /// How often a thing happened, so that a test that never meets a case fails.
    private struct Census {
        var counts: [String: Int] = [:]
        mutating func note(_ what: String) { self.counts[what, default: 0] += 1 }
    }

    @Test(
        "random requests on random documents are answered as by the book",
        .spec(
            "RFC 4825 §6.3/1", "RFC 4825 §6.3/2", "RFC 4825 §6.3/6", "RFC 4825 §8.2.3/1", "RFC 4825 §8.2.3/2",
            "RFC 4825 §8.2.3/3", "RFC 4825 §8.2.3/4", "RFC 4825 §8.2.3/5", "RFC 4825 §8.2.3/6", "RFC 4825 §8.2.3/7",
            "RFC 4825 §8.2.4/1", "RFC 4825 §8.2.4/2", "RFC 4825 §8.2.5/5", "RFC 4825 §8.3/2", "RFC 4825 §8.4/1",
            "RFC 4825 §8.4/3"))
    func agreement() throws {
        var census = Census()
        for seed in 0..<200 {
            var generator = ModelGenerator(seed: UInt64(seed))
            var model = ModelServer(document: generator.document())
            guard model.document.root.isBound([:]) else { continue }
            var fixture = XCAPFixture("test/users/u/index", model.document.text, engine: Self.engine)
            for operation in 0..<25 {
                try Self.step(&generator, &model, &fixture, &census, "seed \(seed), operation \(operation)")
                if model.document.text.utf8.count > 4000 { break }
            }
        }
        for what in [
            "get 200", "get 404", "put 200", "put 201", "put no-parent", "put not-xml-frag", "put cannot-insert",
            "attribute 200", "attribute 201", "attribute no-parent", "attribute not-xml-att-value",
            "attribute cannot-insert", "delete 200", "delete 404", "delete cannot-delete",
            "delete schema-validation-error",
        ] {
            #expect(
                census.counts[what, default: 0] >= 4, "\(what) was met only \(census.counts[what, default: 0]) times")
        }
    }

    /// Any root, no schema.
    private static let engine = XCAPEngine(
        registry: ApplicationUsageRegistry([
            ApplicationUsage(
                auid: "test", defaultNamespace: "urn:test", mediaType: "application/test+xml",
                root: nil, schema: nil)
        ]))

    private static func step(
        _ generator: inout ModelGenerator, _ model: inout ModelServer, _ fixture: inout XCAPFixture,
        _ census: inout Census, _ comment: String
    ) throws {
        let before = model.document.text
        let expected: ModelServer.Answer
        let reply: XCAPReply
        let what: String
        let selector: ModelSelector
        switch generator.number(below: 10) {
        case 0, 1:
            what = "get"
            let terminals: [ModelSelector.Terminal] = [.element, .attribute(generator.attributeName()), .namespaces]
            selector = generator.selector(for: model.document, terminal: generator.pick(terminals))
            expected = model.get(selector)
            reply = fixture.get(selector.text)
        case 2, 3, 4, 5:
            what = "put"
            selector = generator.selector(for: model.document, terminal: .element)
            let body = generator.body(for: selector)
            expected = model.put(body, selector)
            reply = fixture.put(selector.text, body?.text ?? generator.pick(["<a", "<a/><a/>", "text", "", "<u:a/>"]))
        case 6, 7:
            what = "attribute"
            let name = generator.attributeName()
            selector = generator.selector(for: model.document, terminal: .attribute(name))
            let value = generator.chance(90) ? generator.pick(ModelGenerator.values) : nil
            expected = model.put(value: value, name, selector)
            reply = fixture.putAttribute(selector.text, value ?? generator.pick(["<", "&", "'\"", "&nothing;"]))
        default:
            what = "delete"
            let terminals: [ModelSelector.Terminal] = [.element, .element, .attribute(generator.attributeName())]
            selector = generator.selector(for: model.document, terminal: generator.pick(terminals))
            expected = model.delete(selector)
            reply = fixture.delete(selector.text)
        }
        census.note("\(what) \(expected.condition ?? "\(expected.status)")")
        let place = "\(comment): \(what) \(selector.text) of \(before)"
        try #require(reply.status == expected.status, "\(place): \(reply.text)")
        try #require(reply.condition == expected.condition, "\(place): \(reply.text)")
        if what == "get", reply.status == 200 {
            try #require(Self.body(of: reply) == expected.body, "\(place)")
        }
        try #require(
            fixture.text.utf8.elementsEqual(model.document.text.utf8),
            "\(place)\n\(fixture.text)\n\(model.document.text)")
    }

    /// Bindings have no order of their own.
    private static func body(of reply: XCAPReply) -> String {
        guard reply.type == "application/xcap-ns+xml", let tree = try? XMLDocument.parse(reply.body[...]) else {
            return reply.text
        }
        var scope: [String: String] = [:]
        var node = tree[tree.root].firstAttribute
        while node >= 0 {
            scope[tree.name(tree[node].name).text] = tree.namespace(tree[node].namespace).text
            node = tree[node].next
        }
        let prefix = tree.name(tree[tree.root].prefix).text
        let name = tree.name(tree[tree.root].name).text
        return (prefix.isEmpty ? name : "\(prefix):\(name)") + ModelServer.sorted(scope)
    }
}
