import Ground
import PresenceServer
import Storage
import XDMServer

/// The XDM server of the process: rules as documents, stored over XCAP and handed to the Presence Server in the turn
/// that took them.
extension ServerNode {
    static func documents(_ presence: PresenceServer.Configuration, _ seed: UInt64) -> XDMServer {
        var configuration = XDMServer.Configuration(rootURI: "http://10.0.0.1/xcap", servedDomains: [])
        configuration.servedDomains = presence.servedDomains
        return XDMServer(configuration: configuration, entropy: .seeded(seed))
    }

    /// Stores or removes the rules of a presentity, as its owner does over XCAP.
    package func store(_ document: RulesDocument?, of presentity: String, at now: Instant) {
        let bytes = document?.bytes ?? []
        if let document { self.meanings[bytes] = document }
        let target = "pres-rules/users/\(presentity)/index"
        let request = UtRequest(
            method: Array((document == nil ? "DELETE" : "PUT").utf8), target: Array(target.utf8),
            requestTarget: Array("/xcap/\(target)".utf8), assertedIdentity: Array("\"\(presentity)\"".utf8),
            isTrustedPeer: true, contentType: Array("application/auth-policy+xml".utf8), body: bytes,
            remote: self.endpoint)
        self.turn(at: now) {
            var effects: [XDMServer.Effect] = []
            self.documents.handle(.utRequestReceived(self.tickets.next(), request), at: now, into: &effects)
            self.perform(effects, isRemoval: document == nil, at: now)
        }
    }

    private func perform(_ effects: [XDMServer.Effect], isRemoval: Bool, at now: Instant) {
        for effect in effects {
            switch effect {
            case .answer(_, let response):
                let isExpected = (200..<300).contains(response.status) || isRemoval && response.status == 404
                if !isExpected {
                    self.broken.append("storing rules is answered \(response.status) \(response.body[...].text)")
                }
            case .store(let operation): self.records.append(.documents(operation))
            case .documentChanged(let change):
                self.rules.documents[change.owner] = change.current.flatMap { self.meanings[$0.body] }
                self.tellPresence(
                    .documentsChanged([
                        SubscriberDocument(
                            kind: .rules, owner: change.owner, selector: change.selector, body: change.current?.body)
                    ]), at: now)
            case .load, .respond, .send, .observed: break
            }
        }
    }

    /// What storage kept is what counts: the rules of a change that was lost with a crash never were.
    func restoreDocuments(_ stored: StoredDocuments, at now: Instant) {
        self.rules.documents = [:]
        for record in stored.documents {
            guard let document = self.meanings[record.body] else {
                self.broken.append("storage has rules that nobody wrote: \(record.selector[...].text)")
                continue
            }
            self.rules.documents[record.owner] = document
        }
        var effects: [XDMServer.Effect] = []
        self.documents.handle(.restored(stored), at: now, into: &effects)
        self.perform(effects, isRemoval: false, at: now)
        self.tellPresence(
            .documentsChanged(
                stored.documents.map {
                    SubscriberDocument(kind: .rules, owner: $0.owner, selector: $0.selector, body: $0.body)
                }), at: now)
    }
}
