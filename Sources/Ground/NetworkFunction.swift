/// The one shape of every core: facts in, orders out, time and chance from outside.
///
/// A network function never asks the clock, draws no random number of its own, opens nothing and sends nothing.
/// What it wants done it appends to `effects`; the shell does it, storage first, then the network.
package protocol NetworkFunction {
    /// Facts, in the past tense: `requestReceived`, `recordLoaded`.
    associatedtype Input: Sendable
    /// Orders, in the imperative: `respond`, `send`, `store`, `load`.
    associatedtype Effect: Sendable

    /// When ``deadlineReached(at:into:)`` wants to be called next; nil while nothing is waited for.
    var nextDeadline: Instant? { get }

    /// Takes one fact.
    mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect])

    /// Does what has become due. May be called early or late; does nothing that is not due.
    mutating func deadlineReached(at now: Instant, into effects: inout [Effect])
}
