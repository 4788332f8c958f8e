/// Something that went wrong in operating the system: a disk, a port, a configuration. Equal by code.
package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    /// A stable name, `area.what`, listed in docs/reference/faults.md.
    package let code: String
    /// What happened and what to do next, for a person.
    package let reason: String

    package init(code: String, reason: String) {
        self.code = code
        self.reason = reason
    }

    package var description: String { "\(self.reason) [\(self.code)]" }

    package static func == (left: Fault, right: Fault) -> Bool { left.code == right.code }
    package func hash(into hasher: inout Hasher) { hasher.combine(self.code) }

    /// The database cannot be read or written.
    package static func storageUnavailable(_ reason: String) -> Fault {
        Fault(code: "storage.unavailable", reason: reason)
    }

    /// The database was written by a newer version of Muster.
    package static func storageTooNew(_ reason: String) -> Fault { Fault(code: "storage.too-new", reason: reason) }

    /// A record in the database cannot be read.
    package static func storageDamaged(_ reason: String) -> Fault { Fault(code: "storage.damaged", reason: reason) }

    /// A listener cannot be opened.
    package static func portUnavailable(_ reason: String) -> Fault {
        Fault(code: "signalling.port-unavailable", reason: reason)
    }

    /// A certificate or key cannot be used.
    package static func tlsUnusable(_ reason: String) -> Fault {
        Fault(code: "signalling.tls-unusable", reason: reason)
    }

    /// The configuration has mistakes; the reason lists all of them.
    package static func configurationInvalid(_ reason: String) -> Fault {
        Fault(code: "settings.invalid", reason: reason)
    }

    /// A file cannot be read or written.
    package static func fileUnusable(_ reason: String) -> Fault {
        Fault(code: "settings.file-unusable", reason: reason)
    }
}
