internal import Ground
internal import XMLTree

/// The `from` and `until` of RPID elements (RFC 4480 §3.2) and timed statuses (RFC 4481 §2) at an instant.
struct ValidityRanges {
    /// RPID elements whose time is over.
    var expired: Set<XMLDocument.NodeID> = []
    /// When the next one is over.
    var nextChange: Instant?

    init(in document: PresenceDocument, at now: Instant) {
        // Documents that name no `until` at all are the rule.
        let tree = document.tree
        for node in tree.nodes where node.isAttribute && node.name == Term.until {
            guard node.namespace == XMLVocabulary.noNamespace, node.parent >= 0 else { continue }
            let element = tree[node.parent]
            guard element.namespace == Space.rpid || element.namespace == Space.timedStatus else { continue }
            let attribute = tree.attribute(Term.until, of: node.parent)
            guard attribute >= 0, let end = LexicalForms.dateTime(tree.value(attribute)) else { continue }
            if end <= now {
                // A past timed status is history that its publisher wants known.
                if element.namespace == Space.rpid { self.expired.insert(node.parent) }
            } else if element.namespace == Space.rpid {
                self.nextChange = Swift.min(self.nextChange ?? end, end)
            }
        }
    }
}
