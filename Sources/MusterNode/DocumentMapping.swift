import PresenceServer
import Storage
import XDMServer

/// Which documents of the XDM server say how presence is handled.
extension SubscriberDocument {
    /// The change of a document as the Presence Server sees it; nil if it does not look at such documents.
    init?(_ change: DocumentChange) {
        self.init(selector: change.selector, auid: change.auid, owner: change.owner, body: change.current?.body)
    }

    private init?(selector: [UInt8], auid: [UInt8], owner: [UInt8], body: [UInt8]?) {
        guard let kind = Self.kind(selector: selector, auid: auid, owner: owner) else { return nil }
        self.init(kind: kind, owner: owner, selector: selector, body: body)
    }

    private static func kind(selector: [UInt8], auid: [UInt8], owner: [UInt8]) -> Kind? {
        switch String(decoding: auid, as: UTF8.self) {
        // RFC 5025 §9.7: all documents of the user count together; OMA's has another name.
        case "pres-rules", "org.openmobilealliance.pres-rules": owner.isEmpty ? nil : .rules
        // RFC 4827 §9: one document, with this name.
        case "pidf-manipulation":
            selector == auid + Array("/users/".utf8) + owner + Array("/index".utf8) ? .hardState : nil
        case "resource-lists": .resourceLists
        default: nil
        }
    }

    /// What storage kept.
    ///
    /// A document that cannot be read comes as one without content: rules that cannot be read let nobody in. Its owner
    /// is known from its selector alone, where a user name may contain slashes; so every reading of it counts, because
    /// to keep a watcher of somebody who does not exist out does no harm.
    static func all(of state: StoredState) -> [SubscriberDocument] {
        var documents = state.documents.documents.compactMap { record in
            SubscriberDocument(selector: record.selector, auid: record.auid, owner: record.owner, body: record.body)
        }
        for selector in state.unreadableDocuments {
            let slash = UInt8(ascii: "/")
            let users = Array("/users/".utf8)
            guard let end = selector.firstIndex(of: slash), selector[end...].starts(with: users) else { continue }
            let start = end + users.count
            for place in selector.indices where place > start && selector[place] == slash {
                let owner = Array(selector[start..<place])
                let document = SubscriberDocument(
                    selector: selector, auid: Array(selector[..<end]), owner: owner, body: [])
                if let document { documents.append(document) }
            }
        }
        return documents
    }
}
