import Ground

/// What a seed makes of a world: how bad the network is, what else may happen, and how the server is set up.
struct Temper {
    var conditions: NetworkConditions
    /// Whether the network loses nothing: then nobody may lag behind, not even for a while.
    var isLossless: Bool
    var crashes: Bool
    var jumps: Bool
    var garbage: Bool
    var usesDigest: Bool
    var hasRegistrar: Bool
    var minimumInterval: Duration
    var minimumExpires: UInt32
    var presentities: Int
    var devicesEach: Int
    var watchers: Int
    var steps: Int

    init(_ chance: inout Entropy) {
        func pick(_ chance: inout Entropy, _ bound: UInt64) -> UInt64 { chance.next(below: bound) }
        self.isLossless = pick(&chance, 3) == 0
        let loss = self.isLossless ? 0 : pick(&chance, 4) * 100 + 20
        self.conditions = NetworkConditions(
            loss: loss, duplication: pick(&chance, 3) * 100, stragglers: pick(&chance, 3) * 80,
            shortestDelay: .milliseconds(1), usualDelay: .milliseconds(Int64(pick(&chance, 200)) + 2),
            longestDelay: .seconds(2))
        self.crashes = pick(&chance, 3) > 0
        self.jumps = !self.isLossless && pick(&chance, 4) == 0
        self.garbage = pick(&chance, 3) == 0
        self.usesDigest = pick(&chance, 4) == 0
        self.hasRegistrar = pick(&chance, 4) == 0
        self.minimumInterval = .seconds([0, 0, 1, 5][Int(pick(&chance, 4))])
        self.minimumExpires = [30, 30, 60, 200][Int(pick(&chance, 4))]
        self.presentities = Int(pick(&chance, 3)) + 1
        self.devicesEach = Int(pick(&chance, 2)) + 1
        self.watchers = Int(pick(&chance, 5)) + 1
        self.steps = Int(pick(&chance, 90)) + 30
    }
}
