import Ground

/// One thing that is wrong in a configuration or rules file, told so that it can be put right.
package struct Mistake: Hashable, Sendable, CustomStringConvertible {
    /// Where it was found: a file name, an environment variable or the command line.
    package let source: String
    /// The line in the file, counted from 1; nil outside files.
    package let line: Int?
    /// The key it is about, such as `presence.subscribe-expires.minimum`; empty where it is about the whole file.
    package let key: String
    /// What is wrong, and what is allowed.
    package let message: String

    package init(source: String, line: Int?, key: String, message: String) {
        self.source = source
        self.line = line
        self.key = key
        self.message = message
    }

    package var description: String {
        var text = self.source
        if let line = self.line { text += ":\(line)" }
        text += ": "
        if !self.key.isEmpty { text += "\(self.key): " }
        return text + self.message
    }
}

/// Everything that is wrong, in the order of the file.
package struct Mistakes: Error, Hashable, Sendable, CustomStringConvertible {
    /// At least one.
    package let all: [Mistake]

    package init(_ all: [Mistake]) { self.all = all }

    /// One line a mistake.
    package var description: String { self.all.map(\.description).joined(separator: "\n") }

    /// The mistakes as one fault of operations.
    package var fault: Fault { .configurationInvalid(self.description) }
}
