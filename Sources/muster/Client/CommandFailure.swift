import Ground
import UserAgent

/// Why a command could not do what it was asked: what happened, and what to do next. Exit status 1.
struct CommandFailure: Error, CustomStringConvertible {
    var reason: String
    var advice: String?

    init(_ reason: String, advice: String? = nil) {
        self.reason = reason
        self.advice = advice
    }

    /// The failure of a request.
    init(_ what: String, _ problem: UserAgent.Problem) {
        self.init(what + ": " + EventLine.words(for: problem), advice: EventLine.advice(for: problem))
    }

    var description: String { self.advice.map { self.reason + "\n" + $0 } ?? self.reason }
}
