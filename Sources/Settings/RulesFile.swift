/// A file of authorization rules, one a line (the file-backed rules port of the Presence Server).
///
/// ```
/// # presentity            watcher             handling        id
/// sip:alice@home.test     sip:bob@home.test   allow           alice-friends
/// sip:alice@home.test     *@home.test         polite-block
/// *@home.test             anonymous           block
/// *                       *                   confirm         operator
/// ```
///
/// Words are separated by blanks; `#` at the start of a word begins a comment. A rule without an id is named after
/// its line.
package enum RulesFile {
    /// Whom a column names.
    package enum Pattern: Hashable, Sendable {
        /// One user: `sip:alice@home.test` or `tel:+4930123`, as it was written.
        case identity(String)
        /// Every user of a domain: `*@home.test`, lower-case.
        case domain(String)
        /// Everybody: `*`. As a watcher: everybody with an authenticated identity.
        case everyone
        /// Watchers without an authenticated identity: `anonymous`.
        case anonymous
    }

    /// One rule.
    package struct Rule: Hashable, Sendable {
        package let id: String
        /// Never ``Pattern/anonymous``.
        package let presentity: Pattern
        package let watcher: Pattern
        package let handling: NodeConfiguration.WatcherHandling
        /// Where it stands in the file, counted from 1.
        package let line: Int
    }

    /// The most rules that a file can hold.
    package static let maximumRules = 1_000_000

    /// Reads the text of a rules file.
    /// - Parameter name: the file's name in messages.
    /// - Throws: everything that is wrong in it.
    package static func parse(_ text: String, name: String) throws(Mistakes) -> [Rule] {
        var rules: [Rule] = []
        var mistakes: [Mistake] = []
        var lineOfID: [String: Int] = [:]
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let words = Self.words(line)
            if words.isEmpty { continue }
            guard rules.count < Self.maximumRules else {
                mistakes.append(
                    Mistake(source: name, line: number, key: "", message: "more than \(Self.maximumRules) rules"))
                break
            }
            switch Self.rule(words, line: number) {
            case .failure(let faults):
                mistakes += faults.map { Mistake(source: name, line: number, key: $0.column, message: $0.message) }
            case .success(let rule):
                if let other = lineOfID.updateValue(number, forKey: rule.id) {
                    mistakes.append(
                        Mistake(
                            source: name, line: number, key: "id",
                            message: "\"\(rule.id)\" names the rule in line \(other) already"))
                }
                rules.append(rule)
            }
        }
        guard mistakes.isEmpty else { throw Mistakes(mistakes) }
        return rules
    }

    /// What is wrong in one line.
    private struct Faults: Error, Sequence {
        var all: [(column: String, message: String)] = []
        func makeIterator() -> IndexingIterator<[(column: String, message: String)]> { self.all.makeIterator() }
    }

    private static func words(_ line: Substring) -> [String] {
        var words: [String] = []
        for word in line.split(whereSeparator: \.isWhitespace) {
            if word.hasPrefix("#") { break }
            words.append(String(word))
        }
        return words
    }

    private static func rule(_ words: [String], line: Int) -> Result<Rule, Faults> {
        guard words.count == 3 || words.count == 4 else {
            return .failure(
                Faults(all: [("", "a rule is: presentity watcher handling [id]; this line has \(words.count) words")]))
        }
        var faults = Faults()
        let presentity = Self.pattern(words[0])
        if presentity == nil || presentity == .anonymous {
            faults.all.append(
                ("presentity", "\"\(words[0])\" is not allowed; allowed is sip:user@domain, tel:+number, *@domain or *")
            )
        }
        let watcher = Self.pattern(words[1])
        if watcher == nil {
            faults.all.append(
                (
                    "watcher",
                    "\"\(words[1])\" is not allowed; allowed is sip:user@domain, tel:+number, *@domain, anonymous or *"
                ))
        }
        let handling = NodeConfiguration.WatcherHandling(rawValue: words[2])
        if handling == nil {
            let known = NodeConfiguration.WatcherHandling.allCases.map(\.rawValue)
            var message = "\"\(words[2])\" is not allowed; allowed is one of " + known.joined(separator: ", ")
            if let near = Suggestion.nearest(to: words[2], in: known) { message += "; did you mean \(near)?" }
            faults.all.append(("handling", message))
        }
        guard let presentity, let watcher, let handling, faults.all.isEmpty else { return .failure(faults) }
        let id = words.count == 4 ? words[3] : "line-\(line)"
        return .success(Rule(id: id, presentity: presentity, watcher: watcher, handling: handling, line: line))
    }

    private static func pattern(_ word: String) -> Pattern? {
        if word == "*" { return .everyone }
        if word == "anonymous" { return .anonymous }
        if word.hasPrefix("*@") {
            guard case .value(let domain) = Shape<String>.domain.read([String(word.dropFirst(2))]) else { return nil }
            return .domain(domain)
        }
        let lower = word.lowercased()
        if lower.hasPrefix("tel:") {
            let number = word.dropFirst(4)
            let allowed = number.utf8.allSatisfy { "+0123456789-.()".utf8.contains($0) }
            return allowed && number.contains(where: \.isNumber) ? .identity(word) : nil
        }
        guard lower.hasPrefix("sip:") || lower.hasPrefix("sips:") || lower.hasPrefix("pres:") else { return nil }
        let rest = word[word.index(after: word.firstIndex(of: ":") ?? word.startIndex)...]
        let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty,
            case .value = Shape<String>.domain.read([String(parts[1])])
        else { return nil }
        return .identity(word)
    }
}
