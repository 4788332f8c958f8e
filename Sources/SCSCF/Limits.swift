import Ground

/// The bounds of everything that a peer can make grow in this room. Each has an ``Observation`` that is counted when it is
/// hit.
package struct RegistrarLimits: Sendable {
    /// Contacts that one user may have registered at one time. Beyond it: 403.
    package var contactsPerUser = 10
    /// Contacts in one REGISTER. Beyond it: 403.
    package var contactsPerRequest = 10
    /// Bytes of a contact URI with its parameters. Beyond it: 400.
    package var contactBytes = 1024
    /// Bytes of all Path values together. Beyond it: 400.
    package var pathBytes = 4096
    /// Bytes that are kept of a User-Agent.
    package var userAgentBytes = 128
    /// Bytes of a Call-ID. Beyond it: 400.
    package var callIDBytes = 512
    /// Bindings of all users together. Beyond it: 503.
    package var bindings = 1_000_000
    /// Requests that wait for an answer of the subscriber database. Beyond it: 503.
    package var pendingAnswers = 10_000
    /// How long a request waits for the subscriber database. After that: 500.
    package var answerPatience: Duration = .seconds(10)

    package init() {}

    /// Good for one machine as they stand.
    package static let standard = RegistrarLimits()
}
