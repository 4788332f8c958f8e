import Foundation
import MusterTesting
import Testing

@Suite("Findings of the fuzzer in XCAP")
struct FindingTests {
    @Test(
        "inputs that once broke something, and seeds, break nothing",
        .spec("RFC 4825 §8.2.5/5", "RFC 4825 §6.2/2"))
    func replay() throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fuzz")
        let checks: [(String, ([UInt8]) -> String?)] = [
            ("XCAPSelector", FuzzCheck.selector), ("XCAPEdit", FuzzCheck.edit),
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
        #expect(replayed >= 16)
    }
}
