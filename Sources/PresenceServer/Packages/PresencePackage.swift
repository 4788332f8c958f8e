package import EventNotification

extension EventPackage {
    /// The presence event package (RFC 3856 §6), with partial notification (RFC 5263), partial publication
    /// (RFC 5264), filters (RFC 4660) and documents with the MIME objects that they refer to (RFC 2387, TS 24.141).
    package static let presence = EventPackage(
        name: "presence",
        subscribeBodies: ["application/simple-filter+xml"],
        defaultExpires: 3600,
        notifyBodies: ["application/pidf+xml", "application/pidf-diff+xml", "multipart/related"],
        advisedInterval: 5,
        forking: .oneDialog,
        publishBodies: ["application/pidf+xml", "application/pidf-diff+xml", "multipart/related"])
}

extension EventPackageRegistry {
    /// The packages of the presence server.
    package static let presenceServer = EventPackageRegistry([.presence, .presenceWatcherInformation])
}
