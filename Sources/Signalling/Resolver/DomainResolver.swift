import Ground
import NIOCore
import SIPTransactions

/// Who answers the questions that RFC 3263 §4 asks of the name system.
///
/// ```swift
/// case .resolve(let ticket, let question):
///     resolver.resolve(question, on: loop).assumeIsolated().whenSuccess { answer in
///         shard.handle(.hopsResolved(ticket, answer))
///     }
/// ```
package protocol DomainResolver: AnyObject, Sendable {
    /// Asks. The future never fails: what goes wrong is the answer ``ResolutionAnswer/failed``.
    func resolve(_ question: ResolutionQuestion, on loop: any EventLoop) -> EventLoopFuture<ResolutionAnswer>

    /// Lets go of threads and sockets; open questions are answered ``ResolutionAnswer/failed``.
    func close()
}

/// A resolver that knows a table and nothing else: for tests, and for networks without a name system.
package final class TableResolver: DomainResolver {
    private let answers: [ResolutionQuestion: ResolutionAnswer]

    /// - Parameter answers: what is known; names in lower case. All other names have no records.
    package init(_ answers: [ResolutionQuestion: ResolutionAnswer] = [:]) { self.answers = answers }

    package func resolve(_ question: ResolutionQuestion, on loop: any EventLoop) -> EventLoopFuture<ResolutionAnswer> {
        loop.makeSucceededFuture(self.answers[question.normalized] ?? question.emptyAnswer)
    }

    package func close() {}
}

extension ResolutionQuestion {
    /// The name that is asked about.
    var name: String {
        switch self {
        case .naptr(let name), .service(let name), .addresses(let name): name
        }
    }

    /// The same question with the name in lower case and without a closing dot, so that equal names are equal keys.
    var normalized: ResolutionQuestion {
        var name = self.name.lowercased()
        if name.hasSuffix("."), name.count > 1 { name.removeLast() }
        switch self {
        case .naptr: return .naptr(name)
        case .service: return .service(name)
        case .addresses: return .addresses(name)
        }
    }

    /// The answer of a name that has no such record.
    var emptyAnswer: ResolutionAnswer {
        switch self {
        case .naptr: .naptr([])
        case .service: .service([])
        case .addresses: .addresses([])
        }
    }

    /// Whether the name can stand in a question (RFC 1035 §2.3.4, RFC 2181 §11): labels of 1 to 63 letters, digits,
    /// hyphens and underscores, 253 bytes together. Names come from peers, so anything may stand in them.
    var isAskable: Bool {
        let name = self.normalized.name.utf8
        guard !name.isEmpty, name.count <= 253 else { return false }
        return name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count)
                && label.allSatisfy {
                    ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
    }
}
