internal import XMLTree

extension ApplicationUsage {
    /// RFC 4825 §12: what the server can do, made by the server and readable by everyone.
    package static let capabilities = ApplicationUsage(
        auid: "xcap-caps", defaultNamespace: "urn:ietf:params:xml:ns:xcap-caps",
        mediaType: "application/xcap-caps+xml",
        root: Root("xcap-caps", namespace: "urn:ietf:params:xml:ns:xcap-caps"), schema: .capabilities,
        scope: .global, isWritable: { _ in false },
        permitsDocument: { $0.path.elementsEqual("index".utf8) },
        namespaces: ["urn:ietf:params:xml:ns:xcap-caps"])
}
