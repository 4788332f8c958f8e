internal import XMLTree

extension ApplicationUsage {
    /// RFC 4826 §3: the lists of a user.
    package static let resourceLists = ApplicationUsage(
        auid: "resource-lists", defaultNamespace: ListConstraints.namespace,
        mediaType: "application/resource-lists+xml",
        root: Root("resource-lists", namespace: ListConstraints.namespace), schema: .resourceLists,
        constraints: [
            KnownElements(ListConstraints.namespace, ListConstraints.elements).check, ListConstraints.checkUniqueness,
            ListConstraints.checkReferences,
        ],
        namespaces: [ListConstraints.namespace])

    /// OMA XDM: the lists of URIs that a user belongs to; the same format under a media type of its own.
    package static let groupUsageList = ApplicationUsage(
        auid: "org.openmobilealliance.group-usage-list", defaultNamespace: ListConstraints.namespace,
        mediaType: "application/vnd.oma.group-usage-list+xml",
        root: Root("resource-lists", namespace: ListConstraints.namespace), schema: .resourceLists,
        constraints: [
            KnownElements(ListConstraints.namespace, ListConstraints.elements).check, ListConstraints.checkUniqueness,
            ListConstraints.checkReferences,
        ],
        namespaces: [ListConstraints.namespace])
}
