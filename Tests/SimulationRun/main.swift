import Foundation
import Ground
import Simulation

/// `muster-simulate`: runs seeds of the simulation, and tells the story of those that break an invariant.
struct Arguments {
    var seeds: UInt64 = 100
    var first: UInt64 = 1
    var verbose = false
    var story = 60

    static let usage = """
        usage: ./simulate [--seeds N] [--first M] [--seed N] [--verbose] [--story LINES]

          --seeds N      how many seeds to run (100)
          --first M      the first of them (1)
          --seed N       one seed only, with its last messages
          --verbose      a line for every seed
          --story LINES  how many messages are told of a seed that fails (60)
        """

    /// Nil: they cannot be understood, or help is wanted.
    init?(_ words: [String]) {
        var words = words[...]
        while let word = words.popFirst() {
            if word == "--verbose" {
                self.verbose = true
                continue
            }
            guard let value = words.popFirst().flatMap({ UInt64($0) }) else { return nil }
            switch word {
            case "--seeds": self.seeds = value
            case "--first": self.first = value
            case "--seed":
                self.first = value
                self.seeds = 1
                self.verbose = true
            case "--story": self.story = Int(min(value, 100_000))
            default: return nil
            }
        }
    }
}

/// Writes a line at once, also into a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Runs the seeds and returns the exit status.
func simulate(_ arguments: Arguments) -> Int32 {
    let began = Date()
    var lastWord = began
    var failed: [UInt64] = []
    var datagrams: UInt64 = 0
    var comparisons = 0
    var crashes = 0
    for seed in arguments.first..<(arguments.first &+ arguments.seeds) {
        let outcome = SimulationRun.run(seed: seed, storyLength: arguments.story)
        datagrams += outcome.datagrams
        comparisons += outcome.comparisons
        crashes += outcome.crashes
        if arguments.verbose || !outcome.violations.isEmpty {
            say(
                "seed \(seed): \(outcome.datagrams) datagrams, \(outcome.comparisons) comparisons, "
                    + "\(outcome.crashes) crashes, \(outcome.lifetime.wholeSeconds) s of its time, "
                    + "fingerprint \(String(outcome.fingerprint, radix: 16))")
        }
        if !outcome.violations.isEmpty {
            failed.append(seed)
            for violation in outcome.violations { say("  broken: \(violation)") }
            for line in outcome.story { say("    \(line)") }
            say("  again: ./simulate --seed \(seed)")
        }
        let now = Date()
        if now.timeIntervalSince(lastWord) > 5 {
            lastWord = now
            let done = seed - arguments.first + 1
            say("\(done) of \(arguments.seeds) seeds, \(failed.count) failed, \(datagrams) datagrams")
        }
        if failed.count >= 20 { break }
    }
    let seconds = Int(Date().timeIntervalSince(began))
    say(
        "\(arguments.seeds) seeds from \(arguments.first): \(failed.isEmpty ? "no broken invariant" : "failed: \(failed)"), "
            + "\(datagrams) datagrams, \(comparisons) comparisons, \(crashes) crashes, \(seconds) s")
    return failed.isEmpty ? 0 : 1
}

if let arguments = Arguments(Array(CommandLine.arguments.dropFirst())) {
    exit(simulate(arguments))
} else {
    say(Arguments.usage)
    exit(2)
}
