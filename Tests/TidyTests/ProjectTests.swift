import Foundation
import Testing

/// What a newcomer must find at the root, and what must never be there.
@Suite("Project")
struct ProjectTests {
    @Test("the doors of the project are where people look for them")
    func doors() {
        let doors = [
            "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "run", "test", "bench",
            "conformance", ".ci/run", "docs/decisions", "examples/presence.yaml", "examples/bench.yaml",
        ]
        for door in doors {
            let path = SourceTree.root.appendingPathComponent(door).path
            #expect(FileManager.default.fileExists(atPath: path), "\(door) is missing")
        }
    }

    @Test("every box has a door plate")
    func doorPlates() {
        for (room, layer) in LayerTests.layers where layer == 3 {
            let plate = SourceTree.root.appendingPathComponent("Sources/\(room)/README.md").path
            #expect(FileManager.default.fileExists(atPath: plate), "Sources/\(room)/README.md is missing")
        }
    }

    @Test("every room stands in ARCHITECTURE.md")
    func architectureNamesEveryRoom() throws {
        let text = try String(
            contentsOf: SourceTree.root.appendingPathComponent("ARCHITECTURE.md"), encoding: .utf8)
        for room in LayerTests.layers.keys {
            #expect(text.contains(room), "ARCHITECTURE.md does not name \(room)")
        }
    }

    @Test("links between documents lead somewhere")
    func links() throws {
        let pattern = try NSRegularExpression(pattern: #"\]\(([^)#:]+)(#[^)]*)?\)"#)
        for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
            let url = SourceTree.root.appendingPathComponent(name)
            let text = try String(contentsOf: url, encoding: .utf8)
            for match in pattern.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
                guard let range = Range(match.range(at: 1), in: text) else { continue }
                let target = SourceTree.root.appendingPathComponent(String(text[range])).path
                #expect(FileManager.default.fileExists(atPath: target), "\(name) links to \(text[range])")
            }
        }
    }
}

/// The list of faults is complete and has nothing that does not exist.
@Suite("Fault list")
struct FaultListTests {
    @Test("docs/reference/faults.md lists every code of the sources, and no other")
    func complete() throws {
        var codes: Set<String> = []
        for file in try SourceTree.files(in: ["Sources"]) {
            for line in file.lines {
                guard let start = line.range(of: "code: \"") else { continue }
                codes.insert(String(line[start.upperBound...].prefix { $0 != "\"" }))
            }
        }
        let url = SourceTree.root.appendingPathComponent("docs/reference/faults.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let listed = text.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `") else { return nil }
            return String(line.dropFirst(3).prefix { $0 != "`" })
        }
        #expect(codes == Set(listed))
    }
}
