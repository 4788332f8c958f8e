import Ground
import PresenceDocuments

/// What a presentity types while it looks at its watchers.
enum WatcherAnswer: Equatable {
    case set(SubHandling, RulesetEditing.Subject)
    case forget(RulesetEditing.Subject)
    /// Show all watchers again.
    case list
    case help
    case quit
    case nothing
    case unknown(String)

    /// The words that can be typed.
    static let helpText = """
        allow WATCHER         let the watcher see you
        block WATCHER         refuse the watcher, who is told so
        polite-block WATCHER  show yourself as away for ever
        confirm WATCHER       let the watcher wait
        forget WATCHER        forget what your rules say about the watcher
        list                  show all watchers
        quit                  end
        """

    /// Reads a line such as `allow bob`.
    ///
    /// - Parameter domain: that of the presentity, for names without one.
    init(_ line: String, domain: String?) {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        switch (words.count, words.first ?? "") {
        case (0, _): self = .nothing
        case (1, "list"), (1, "who"): self = .list
        case (1, "help"), (1, "?"): self = .help
        case (1, "quit"), (1, "exit"): self = .quit
        case (2, let verb):
            guard let subject = PolicyText.subject(words[1], domain: domain) else {
                self = .unknown("\(words[1]) is no watcher; it looks like bob or sip:bob@home.example")
                return
            }
            if verb == "forget" || verb == "remove" {
                self = .forget(subject)
            } else if let handling = SubHandling(word: verb) {
                self = .set(handling, subject)
            } else {
                self = .unknown("\(verb) is no answer; `help` shows what can be typed")
            }
        default: self = .unknown("that is not understood; `help` shows what can be typed")
        }
    }
}
