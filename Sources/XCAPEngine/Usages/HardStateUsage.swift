internal import PresenceDocuments
internal import XMLTree

extension ApplicationUsage {
    private static let presence = "urn:ietf:params:xml:ns:pidf"

    /// RFC 4827: presence that stays until it is changed: one document `index` for a user, about that user.
    package static let hardState = hardState(constraints: [
        PresenceConstraint.checkFormat, PresenceConstraint.checkEntity,
    ])

    /// The same without the rule whom it is about, for operators who let users speak for others.
    package static let hardStateOfAnybody = hardState(constraints: [PresenceConstraint.checkFormat])

    private static func hardState(constraints: [Constraint]) -> ApplicationUsage {
        ApplicationUsage(
            auid: "pidf-manipulation", defaultNamespace: self.presence, mediaType: "application/pidf+xml",
            root: Root("presence", namespace: self.presence), schema: nil, vocabulary: PresenceNames.vocabulary,
            constraints: constraints, permitsDocument: { $0.path.elementsEqual("index".utf8) },
            namespaces: [
                self.presence, "urn:ietf:params:xml:ns:pidf:data-model", "urn:ietf:params:xml:ns:pidf:rpid",
                "urn:ietf:params:xml:ns:pidf:cipid", "urn:ietf:params:xml:ns:pidf:caps",
                "urn:oma:xml:prs:pidf:oma-pres",
            ])
    }
}

/// The rules of presence documents, which know more than a schema could say.
private enum PresenceConstraint {
    /// The same judge as for PUBLISH, so that what is accepted can be composed.
    /// - Returns: schema-validation-error.
    @Sendable
    static func checkFormat(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        do throws(DocumentFault) {
            _ = try PresenceDocument(validating: tree)
            return nil
        } catch {
            return XCAPFault(.schemaValidationError, error.reason)
        }
    }

    /// RFC 4827 §7: hard state is about the user whose document it is.
    /// - Returns: constraint-failure.
    @Sendable
    static func checkEntity(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        guard case .user(let owner) = context.selector.tree, let entity = tree.rootElement?.attribute("entity") else {
            return nil
        }
        let canonical = EntityURI.canonical(entity)
        if canonical == EntityURI.canonical(owner[...]) || context.ownerIdentities.contains(canonical) { return nil }
        return XCAPFault(.constraintFailure, "the entity is not the user whose document it is")
    }
}
