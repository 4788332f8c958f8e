import Ground

// MARK: xcap, audit

extension SettingsCatalogue {
    static let xcapListen = Setting(
        "xcap.listen", .optionalRoot, standard: "http://127.0.0.1:8070/xcap",
        "Where documents are served, and the path of the XCAP root there. Only loopback, until this listener has TLS. "
            + "Empty: no listener.")
    static let xcapRootURI = Setting(
        "xcap.root-uri", .optionalURL, standard: "",
        "The XCAP root as clients write it, where a proxy stands before the listener. Empty: the same as xcap.listen.")
    static let trustedProxies = Setting(
        "xcap.trusted-proxies", .list(of: .network), standard: "",
        "Proxies that authenticate users and say who is asking (X-3GPP-Asserted-Identity, X-XCAP-Asserted-Identity), by "
            + "source address. From others these headers count for nothing: they have to prove with digest "
            + "authentication who they are.")
    static let trustedReaders = Setting(
        "xcap.trusted-readers", .list(of: .identity), standard: "",
        "Identities of servers that may read the documents of every user and the index of all lists (RFC 4825 section "
            + "5.7).")
    static let aliases = Setting(
        "xcap.aliases", .list(of: .alias), standard: "",
        "Other names of users, each with the identity whose home directory it means: who asks for the documents of the "
            + "name, or proves to be it, has those of the identity.")
    static let xcapRealm = Setting(
        "xcap.realm", .optionalDomain, standard: "",
        "The realm of the digest challenge. Empty: the same as registrar.realm, so that one password serves both.")
    static let xcapDocumentBytes = Setting(
        "xcap.document-bytes", .count(1024...16_777_216), standard: "524288",
        "The largest document, in bytes. A request with a larger body is answered with 413.")
    static let documentsPerUser = Setting(
        "xcap.documents-per-user", .count(1...100_000), standard: "64",
        "How many documents one user can have.")
    static let bytesPerUser = Setting(
        "xcap.bytes-per-user", .count(1024...1_073_741_824), standard: "2097152",
        "How many bytes they can have together.")
    static let xcapConnections = Setting(
        "xcap.connections", .count(1...100_000), standard: "1000",
        "How many HTTP connections are open at a time. Where there are more, the one that has been idle longest is "
            + "closed; where none is idle, a new one is answered with 503.")
    static let xcapIdleTimeout = Setting(
        "xcap.idle-timeout", .duration(.seconds(1)...(.seconds(3600))), standard: "60s",
        "How long a connection may be idle between two requests.")
    static let differenceExpires = ExpirySettings(
        "xcap.diff.subscribe-expires", of: "a subscription to changes of documents", minimum: "60s", maximum: "1d",
        standard: "1h")
    static let differenceInterval = Setting(
        "xcap.diff.notification-interval", .duration(.zero ... .seconds(3600)), standard: "5s",
        "The shortest time between two notifications of such a subscription that report a change (RFC 5875 section "
            + "4.10). 0s: no bound.")
    static let differenceResynchronisation = Setting(
        "xcap.diff.resynchronisation", .duration(.zero ... .seconds(3600)), standard: "1s",
        "After a restart every subscriber is told what there is once more within this time, because the notification "
            + "that was under way when the process ended may be lost. 0s: only changes are told.")
    static let xuiStandsInForIdentity = Setting(
        "xcap.xui-stands-in-for-identity", .flag, standard: "false",
        "For benchmarks only: believe that a request which says nothing about its sender comes from the owner of the "
            + "document.")

    static let auditKeep = Setting(
        "audit.keep", .duration(.zero ... .seconds(3650 * 86400)), standard: "30d",
        "How long decisions are kept, with their reasons. 0s: they are not kept.")
    static let auditEntries = Setting(
        "audit.entries", .count(0...100_000_000), standard: "100000",
        "How many of them are kept; the oldest go first.")
}
