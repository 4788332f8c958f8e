/// Bounds of the administration server.
package struct AdministrationLimits: Hashable, Sendable {
    /// The largest request body, in bytes. A larger one is answered with 413.
    package var bodyBytes = 1_048_576
    /// How many connections are open at a time; more wait in the system's queue.
    package var connections = 64
    /// How long a connection may be silent, in seconds.
    package var idleSeconds: Int64 = 30

    package init() {}
}
