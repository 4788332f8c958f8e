package import EventNotification

extension EventPackage {
    /// The xcap-diff event package (RFC 5875 §4).
    package static let xcapDifference = EventPackage(
        name: "xcap-diff",
        parameters: ["diff-processing"],
        subscribeBodies: ["application/resource-lists+xml"],
        defaultExpires: 3600,
        notifyBodies: ["application/xcap-diff+xml"],
        advisedInterval: 5,
        forking: .oneDialog)
}
