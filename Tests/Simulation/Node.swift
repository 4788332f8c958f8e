import Ground

/// A process on the simulated network.
package protocol Node: AnyObject {
    /// What it is called in ladders.
    var name: String { get }
    /// Its one address.
    var endpoint: Endpoint { get }
    /// Whether it runs. What arrives at a node that does not is lost.
    var isUp: Bool { get }
    /// When it wants to be woken up.
    var nextDeadline: Instant? { get }
    /// Takes a datagram.
    ///
    /// - Parameter identities: who the network has proven the sender to be.
    func receive(_ datagram: Datagram, identities: [String], at now: Instant)
    /// Does what has become due.
    func wake(at now: Instant)
    /// Gives away what is to be sent.
    func takeDepartures() -> [Datagram]
    /// Gives away what was found broken.
    func takeViolations() -> [String]
}
