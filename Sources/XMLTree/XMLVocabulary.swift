/// Names and namespaces that are known before a document is read. They have the same small numbers in every document
/// read with the vocabulary, so that a validator compares numbers instead of texts.
package final class XMLVocabulary: Sendable {
    /// A namespace that the vocabulary knows.
    package struct Namespace: Sendable {
        package var uri: StaticString
        /// The prefix the canonical form uses; nil for namespaces that keep the prefix of their author.
        package var prefix: StaticString?

        package init(_ uri: StaticString, prefix: StaticString?) {
            self.uri = uri
            self.prefix = prefix
        }
    }

    /// The number of "no name", which as a prefix is the default namespace.
    package static let noName: UInt16 = 0
    /// The number of the name `xml`.
    package static let xml: UInt16 = 1
    /// The number of the name `xmlns`.
    package static let xmlns: UInt16 = 2
    /// The number of the first name that a vocabulary adds.
    package static let firstName: UInt16 = 3
    /// The number of "no namespace".
    package static let noNamespace: UInt16 = 0
    /// The number of http://www.w3.org/XML/1998/namespace.
    package static let xmlNamespace: UInt16 = 1
    /// The number of http://www.w3.org/2000/xmlns/.
    package static let xmlnsNamespace: UInt16 = 2
    /// The number of the first namespace that a vocabulary adds.
    package static let firstNamespace: UInt16 = 3

    /// The names by number.
    let names: [[UInt8]]
    /// The namespaces by number.
    let namespaces: [[UInt8]]
    /// The number of the canonical prefix of each namespace; ``undefined`` where it has none.
    let prefixes: [UInt16]
    /// The numbers of the names.
    let nameTable: HashedNames
    /// The numbers of the namespaces.
    let namespaceTable: HashedNames

    static let undefined = UInt16.max

    /// - Parameters:
    ///   - names: get the numbers from ``firstName`` on, in their order.
    ///   - namespaces: get the numbers from ``firstNamespace`` on, in their order.
    package init(names: [StaticString], namespaces: [Namespace]) {
        var texts: [[UInt8]] = [[], Array("xml".utf8), Array("xmlns".utf8)]
        for name in names { texts.append(Self.bytes(name)) }
        var uris: [[UInt8]] = [
            [], Array("http://www.w3.org/XML/1998/namespace".utf8), Array("http://www.w3.org/2000/xmlns/".utf8),
        ]
        var prefixes: [UInt16] = [Self.undefined, Self.xml, Self.xmlns]
        for namespace in namespaces {
            uris.append(Self.bytes(namespace.uri))
            guard let prefix = namespace.prefix.map(Self.bytes) else {
                prefixes.append(Self.undefined)
                continue
            }
            if let known = texts.firstIndex(of: prefix) {
                prefixes.append(UInt16(known))
            } else {
                prefixes.append(UInt16(texts.count))
                texts.append(prefix)
            }
        }
        precondition(Set(texts).count == texts.count, "a vocabulary names each name once")
        self.names = texts
        self.namespaces = uris
        self.prefixes = prefixes
        self.nameTable = HashedNames(texts)
        self.namespaceTable = HashedNames(uris)
    }

    /// A vocabulary that knows nothing beyond what XML itself reserves.
    package static let empty = XMLVocabulary(names: [], namespaces: [])

    /// The number of the prefix that the canonical form uses for a namespace; that of "" where it has none.
    package func canonicalPrefix(of namespace: UInt16) -> UInt16 {
        guard Int(namespace) < self.prefixes.count, self.prefixes[Int(namespace)] != Self.undefined else {
            return Self.noName
        }
        return self.prefixes[Int(namespace)]
    }

    private static func bytes(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer { Array($0) } }
}
