internal import XMLTree

extension ApplicationUsage {
    private static let commonPolicy = "urn:ietf:params:xml:ns:common-policy"
    private static let presenceRulesNamespace = "urn:ietf:params:xml:ns:pres-rules"
    private static let ruleNamespaces = [
        commonPolicy, presenceRulesNamespace, "urn:oma:xml:xdm:common-policy", "urn:oma:xml:prs:pres-rules",
    ]
    private static let ruleConstraints: [Constraint] = [
        KnownElements(
            commonPolicy,
            [
                "ruleset", "rule", "conditions", "identity", "one", "many", "except", "sphere", "validity", "from",
                "until", "actions", "transformations",
            ]
        ).check,
        KnownElements(
            presenceRulesNamespace,
            [
                "sub-handling", "provide-devices", "all-devices", "deviceID", "provide-persons", "all-persons",
                "provide-services", "all-services", "service-uri", "service-uri-scheme", "occurrence-id", "class",
                "provide-activities", "provide-class", "provide-deviceID", "provide-mood", "provide-place-is",
                "provide-place-type", "provide-privacy", "provide-relationship", "provide-sphere",
                "provide-status-icon", "provide-time-offset", "provide-note", "provide-user-input",
                "provide-unknown-attribute", "provide-all-attributes",
            ]
        ).check,
    ]

    /// RFC 5025 §9: who may see what of a presentity. The root element belongs to common policy although the default
    /// namespace of selectors is that of the presence rules, as RFC 5025 has it.
    package static let presenceRules = ApplicationUsage(
        auid: "pres-rules", defaultNamespace: presenceRulesNamespace, mediaType: "application/auth-policy+xml",
        root: Root("ruleset", namespace: commonPolicy), schema: .presenceRules, constraints: ruleConstraints,
        namespaces: ruleNamespaces)

    /// The same documents where OMA keeps them, with common policy as the default namespace.
    package static let openMobilePresenceRules = ApplicationUsage(
        auid: "org.openmobilealliance.pres-rules", defaultNamespace: commonPolicy,
        mediaType: "application/auth-policy+xml", root: Root("ruleset", namespace: commonPolicy),
        schema: .presenceRules, constraints: ruleConstraints, namespaces: ruleNamespaces)
}
