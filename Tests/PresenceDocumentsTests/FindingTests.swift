import Foundation
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Findings of the fuzzer")
struct FindingTests {
    @Test(
        "inputs that once broke something, and seeds, break nothing", .spec("RFC 3863 §6", "RFC 4660 §8", "RFC 5261 §8")
    )
    func replay() throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fuzz")
        let checks: [(String, ([UInt8]) -> String?)] = [
            ("PIDF", FuzzCheck.pidf), ("Filter", FuzzCheck.filter), ("PIDFDiff", FuzzCheck.pidfDiff),
            ("Ruleset", PolicyFuzzCheck.ruleset),
            ("WatcherInformation", FuzzCheck.watcherInformation),
        ]
        var replayed = 0
        for (target, check) in checks {
            for folder in ["Seeds", "Findings"] {
                let place = root.appendingPathComponent("\(folder)/\(target)")
                guard FileManager.default.fileExists(atPath: place.path) else { continue }
                for name in try FileManager.default.contentsOfDirectory(atPath: place.path) {
                    let input = Array(try Data(contentsOf: place.appendingPathComponent(name)))
                    #expect(check(input) == nil, "\(target)/\(name)")
                    replayed += 1
                }
            }
        }
        #expect(replayed >= 6)
        #expect(FuzzCheck.pidf(Array(Sample.full.utf8)) == nil)
    }
}
