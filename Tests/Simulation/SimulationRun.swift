import Ground

/// What came of one seed.
package struct SimulationOutcome: Sendable {
    package let seed: UInt64
    /// Broken invariants; empty for a good run.
    package let violations: [String]
    /// The last messages before the first of them.
    package let story: [String]
    /// How many datagrams were sent.
    package let datagrams: UInt64
    /// How many notifications carried presence.
    package let notificationsWithState: Int
    /// How many times what watchers hold was compared with what a fetch gives.
    package let comparisons: Int
    package let crashes: Int
    /// Equal for equal histories.
    package let fingerprint: UInt64
    /// How long the world lived, in its own time.
    package let lifetime: Duration
}

/// One seed: a world is made, lives, rests, ends, and is judged.
package enum SimulationRun {
    /// Runs a seed.
    ///
    /// - Parameter storyLength: how many messages are kept for the story of a failure.
    package static func run(seed: UInt64, storyLength: Int = 40) -> SimulationOutcome {
        let life = RandomLife(seed: seed, storyLength: storyLength)
        life.live()
        return life.outcome
    }
}
