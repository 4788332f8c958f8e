import Foundation
import Testing

/// Rules of CONTRIBUTING.md that a machine can check.
@Suite("Style")
struct StyleTests {
    /// Files that are tables by nature and may be longer than others.
    static let longFiles: Set<String> = []
    static let maximumFileLines = 500
    static let maximumFunctionLines = 70

    /// What nothing below the shell may call, and what to use instead.
    static let bannedBelowTheShell: [(pattern: String, instead: String)] = [
        (#"\bDate\(\)"#, "the Instant that came with the call"),
        (#"\.now\b"#, "the Instant that came with the call"),
        (#"Task\.sleep"#, "a deadline"),
        (#"\bUUID\(\)"#, "Entropy"),
        (#"\.random\("#, "Entropy"),
        (#"\bawait\b"#, "a ticket"),
        (#"\basync\b"#, "a ticket"),
        (#"\bprint\("#, "an effect"),
    ]

    /// What nothing in the sources may contain.
    static let bannedEverywhere: [(pattern: String, instead: String)] = [
        (#"\btry!"#, "a typed error, or precondition with a sentence"),
        (#" as! "#, "a checked cast"),
        (#"\bfatalError\("#, "precondition with a sentence"),
        (#"catch\s*\{\s*\}"#, "a catch that says what it does"),
        ("TO" + "DO|FIX" + "ME|XX" + "X\\b", "the finished work"),
    ]

    @Test("nothing below the shell asks for the time or for chance, waits or prints")
    func cores() throws {
        for file in try SourceTree.files(in: ["Sources"]) {
            guard let layer = LayerTests.layers[file.room], layer < 4 else { continue }
            Self.expectNone(of: Self.bannedBelowTheShell, in: file)
        }
    }

    @Test("no source crashes on purpose, swallows an error or is left unfinished")
    func sources() throws {
        for file in try SourceTree.files(in: ["Sources", "Tests", "Fuzz"]) where file.room != "TidyTests" {
            Self.expectNone(of: Self.bannedEverywhere, in: file)
        }
    }

    @Test("no test sleeps")
    func tests() throws {
        for file in try SourceTree.files(in: ["Tests"]) where file.room != "TidyTests" {
            Self.expectNone(of: [(#"Task\.sleep|\busleep\(|\bsleep\(|Thread\.sleep"#, "virtual time")], in: file)
        }
    }

    @Test("files and functions have a size that can be read")
    func sizes() throws {
        for file in try SourceTree.files(in: ["Sources", "Tests"]) {
            if !Self.longFiles.contains(file.path) {
                #expect(
                    file.lines.count <= Self.maximumFileLines + 1,
                    "\(file.path) has \(file.lines.count) lines; cut it by topic")
            }
            for (name, start, length) in Self.functions(of: file) {
                #expect(
                    length <= Self.maximumFunctionLines,
                    "\(file.path):\(start) \(name) has \(length) lines; give its parts names")
            }
        }
    }

    @Test("every type says what it is")
    func typesAreDocumented() throws {
        let pattern =
            #"^\s*(package |private |fileprivate |public )?(final |indirect )?(struct|enum|class|actor|protocol) [A-Z]\w*"#
        let expression = try NSRegularExpression(pattern: pattern)
        for file in try SourceTree.files(in: ["Sources"]) {
            for (number, line) in file.lines.enumerated() where Self.matches(expression, line) {
                var above = number - 1
                while above >= 0, file.lines[above].trimmed.hasPrefix("@") { above -= 1 }
                let documented = above >= 0 && file.lines[above].trimmed.hasPrefix("///")
                #expect(documented, "\(file.path):\(number + 1) has no doc comment: \(line.trimmed)")
            }
        }
    }

    @Test("citations of specifications are written one way, so that they can be found")
    func citations() throws {
        let wrong: [(pattern: String, instead: String)] = [
            (#"\bRFC[0-9-]"#, "RFC 3261"),
            (#"\bRFC \d+,? ([Ss]ection|[Ss]ec\.|[Cc]lause)"#, "RFC 3261 §8.2"),
            (#"\bTS[0-9]"#, "TS 33.141"),
        ]
        for file in try SourceTree.files(in: ["Sources", "Tests"]) where file.room != "TidyTests" {
            for (number, line) in file.lines.enumerated() where line.contains("//") || line.contains(".spec(") {
                for (pattern, instead) in wrong {
                    let found = line.range(of: pattern, options: .regularExpression) != nil && !line.contains("Tests/")
                    #expect(!found, "\(file.path):\(number + 1): write \(instead): \(line.trimmed)")
                }
            }
        }
    }

    @Test("no file is empty or without a purpose")
    func noEmptyFile() throws {
        for file in try SourceTree.files(in: ["Sources", "Tests"]) {
            #expect(file.lines.contains { !$0.trimmed.isEmpty }, "\(file.path) is empty")
        }
    }

    private static func expectNone(of rules: [(pattern: String, instead: String)], in file: SourceTree.File) {
        for (number, line) in file.lines.enumerated() {
            let code = line.withoutComment
            for (pattern, instead) in rules {
                let searched = pattern.contains("TO" + "DO") ? line : code
                let found = searched.range(of: pattern, options: .regularExpression) != nil
                #expect(!found, "\(file.path):\(number + 1): use \(instead): \(line.trimmed)")
            }
        }
    }

    private static func matches(_ expression: NSRegularExpression, _ line: String) -> Bool {
        expression.firstMatch(in: line, range: NSRange(line.startIndex..., in: line)) != nil
    }

    /// The functions of a file with their first line and their length; relies on formatted sources.
    private static func functions(of file: SourceTree.File) -> [(name: String, start: Int, length: Int)] {
        var found: [(String, Int, Int)] = []
        for (number, line) in file.lines.enumerated() {
            let words = line.trimmed
            guard words.range(of: #"(^|\s)(func \S|init[?(<]|deinit )"#, options: .regularExpression) != nil,
                !words.hasPrefix("//"), !words.hasPrefix("case")
            else { continue }
            let closing = String(repeating: " ", count: line.indentation) + "}"
            if words.hasSuffix("}") || !words.contains("(") { continue }
            var end = number
            while end < file.lines.count, file.lines[end] != closing {
                // A declaration without a body, as in a protocol, ends where the next one begins.
                if end > number, file.lines[end].trimmed.isEmpty,
                    !file.lines[number...end].contains(where: { $0.hasSuffix("{") })
                {
                    break
                }
                end += 1
            }
            if end < file.lines.count, file.lines[end] == closing {
                found.append((String(words.prefix(60)), number + 1, end - number + 1))
            }
        }
        return found
    }
}
