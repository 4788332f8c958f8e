package import Ground
internal import XMLTree

extension WatcherInformation {
    private static let namespace = "urn:ietf:params:xml:ns:watcherinfo"

    /// Reads a document. Elements and attributes of other namespaces are passed over, as the schema lets them stand
    /// anywhere (RFC 3858 §5).
    /// - Throws: what the text breaks: XML, a bound, or the schema.
    package static func parse(_ body: Octets) throws(DocumentFault) -> WatcherInformation {
        let tree: XMLDocument
        do { tree = try XMLDocument.parse(body) } catch { throw DocumentFault(error) }
        guard let root = tree.rootElement, root.name.equals("watcherinfo"),
            root.namespace.elementsEqual(Self.namespace.utf8)
        else { throw Self.invalid("root is not watcherinfo") }
        guard let version = Self.number(root.attribute("version")) else { throw Self.invalid("version is no number") }
        let isFull: Bool
        switch root.attribute("state")?.trimmingBlanks {
        case .some(let state) where state.equals("full"): isFull = true
        case .some(let state) where state.equals("partial"): isFull = false
        default: throw Self.invalid("state is neither full nor partial")
        }
        var lists: [List] = []
        for element in root.children("watcher-list", namespace: Self.namespace) {
            lists.append(try Self.list(element))
        }
        return WatcherInformation(version: version, isFull: isFull, lists: lists)
    }

    private static func list(_ element: XMLElement) throws(DocumentFault) -> List {
        guard let resource = element.attribute("resource"), LexicalForms.isURI(resource) else {
            throw Self.invalid("watcher-list without resource")
        }
        guard let package = element.attribute("package"), !package.isEmpty else {
            throw Self.invalid("watcher-list without package")
        }
        var watchers: [Watcher] = []
        for child in element.children("watcher", namespace: Self.namespace) { watchers.append(try Self.watcher(child)) }
        return List(
            resource: Array(resource.trimmingBlanks), package: Array(package.trimmingBlanks), watchers: watchers)
    }

    private static func watcher(_ element: XMLElement) throws(DocumentFault) -> Watcher {
        guard let id = element.attribute("id"), !id.isEmpty else { throw Self.invalid("watcher without id") }
        guard let status = element.attribute("status").flatMap({ Status(rawValue: $0.trimmingBlanks.text) }) else {
            throw Self.invalid("watcher without a status that is known")
        }
        guard let event = element.attribute("event").flatMap({ Event(rawValue: $0.trimmingBlanks.text) }) else {
            throw Self.invalid("watcher without an event that is known")
        }
        let uri = element.text.trimmingBlanks
        guard !uri.isEmpty, LexicalForms.isURI(uri) else { throw Self.invalid("watcher without URI") }
        return Watcher(
            id: Array(id), uri: Array(uri), status: status, event: event,
            displayName: element.attribute("display-name").map { Array($0) },
            expiration: try Self.seconds(element.attribute("expiration")),
            durationSubscribed: try Self.seconds(element.attribute("duration-subscribed")),
            language: Self.language(of: element))
    }

    /// The value of `xml:lang`.
    private static func language(of element: XMLElement) -> [UInt8]? {
        let tree = element.document
        guard let name = tree.nameNumber(Array("lang".utf8)[...]) else { return nil }
        let id = tree.attribute(name, namespace: XMLVocabulary.xmlNamespace, of: element.id)
        return id >= 0 ? Array(tree.value(id)) : nil
    }

    /// A number of seconds that may be missing, but not wrong.
    private static func seconds(_ text: Octets?) throws(DocumentFault) -> UInt64? {
        guard let text else { return nil }
        guard let number = Self.number(text) else { throw Self.invalid("a duration is no number") }
        return number
    }

    private static func number(_ text: Octets?) -> UInt64? {
        guard let text = text?.trimmingBlanks, !text.isEmpty, text.count <= 20,
            text.allSatisfy({ ASCII.isDigit($0) })
        else { return nil }
        return UInt64(text.text)
    }

    private static func invalid(_ reason: String) -> DocumentFault {
        DocumentFault(kind: .notValid, status: 400, reason: "Bad watcherinfo: " + reason)
    }
}

extension Octets {
    /// The bytes without white space at both ends.
    fileprivate var trimmingBlanks: Octets {
        var slice = self
        while let first = slice.first, first <= 0x20 { slice = slice.dropFirst() }
        while let last = slice.last, last <= 0x20 { slice = slice.dropLast() }
        return slice
    }
}
