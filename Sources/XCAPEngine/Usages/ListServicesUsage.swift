internal import XMLTree

extension ApplicationUsage {
    /// RFC 4826 §4: the URIs under which a user's lists can be subscribed to. The union of all users' in the global tree
    /// is made by the server.
    package static let listServices = ApplicationUsage(
        auid: "rls-services", defaultNamespace: ServiceConstraints.namespace,
        mediaType: "application/rls-services+xml",
        root: Root("rls-services", namespace: ServiceConstraints.namespace), schema: .listServices,
        constraints: [
            KnownElements(ServiceConstraints.namespace, ServiceConstraints.elements).check,
            KnownElements(ListConstraints.namespace, ListConstraints.elements).check,
            ServiceConstraints.checkUniqueness, ListConstraints.checkUniqueness, ServiceConstraints.checkReferences,
            ListConstraints.checkReferences,
        ],
        scope: .both, isWritable: { $0.tree != .global },
        namespaces: [ServiceConstraints.namespace, ListConstraints.namespace])
}
