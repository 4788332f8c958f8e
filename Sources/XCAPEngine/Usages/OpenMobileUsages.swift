internal import XMLTree

extension ApplicationUsage {
    private static let directoryNamespace = "urn:oma:xml:xdm:xcap-directory"
    private static let profileNamespace = "urn:oma:xml:xdm:user-profile"

    /// OMA XDM: the documents that a user has, made by the server.
    package static let directory = ApplicationUsage(
        auid: "org.openmobilealliance.xcap-directory", defaultNamespace: directoryNamespace,
        mediaType: "application/vnd.oma.xcap-directory+xml",
        root: Root("xcap-directory", namespace: directoryNamespace), schema: .directory, isWritable: { _ in false },
        permitsDocument: { $0.path.elementsEqual("directory.xml".utf8) }, namespaces: [directoryNamespace])

    /// OMA XDM: what a user tells about itself.
    package static let userProfile = ApplicationUsage(
        auid: "org.openmobilealliance.user-profile", defaultNamespace: profileNamespace,
        mediaType: "application/vnd.oma.user-profile+xml",
        root: Root("user-profiles", namespace: profileNamespace), schema: .userProfile,
        namespaces: [profileNamespace])
}
