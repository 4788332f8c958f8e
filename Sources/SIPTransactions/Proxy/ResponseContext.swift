internal import Ground
internal import SIPWire

/// What becomes of one request that a proxy has forwarded (RFC 3261 §16.7): its branches, what they answered, and what is
/// still to be tried.
struct ResponseContext: Sendable {
    /// One copy of the request on its way.
    struct Branch: Sendable {
        /// Where the branch stands.
        enum State: Sendable {
            /// Sent; goes to `proceeding` with a provisional response, to `ended` with a final one or a failure.
            case calling
            /// A provisional response has come: from now on it can be cancelled.
            case proceeding
            /// It has its final response, or has failed.
            case ended
        }

        let id: ClientTransactionID
        var target: ProxyTarget
        var state: State = .calling
        var isCancelled = false
        /// What Max-Breadth was on this branch; an alternative takes it over.
        let breadth: UInt32
    }

    /// A final response that was not sent on yet.
    struct Final: Sendable {
        var response: SIPMessage
        var isTrusted: Bool
    }

    let request: SIPMessage
    let origin: Origin
    let routing: ProxyRouting
    let changes: ProxyChanges
    let loopHash: UInt64
    /// The Max-Breadth that we may spend at one time.
    let breadth: UInt32
    /// Groups of targets still to be tried, one group after another.
    var waiting: [[ProxyTarget]]
    var branches: [Branch] = []
    /// Final responses of branches, other than 2xx.
    var finals: [Final] = []
    /// Branches that ended without an answer, by the status that stands for it.
    var failures: [Int] = []
    /// Whether a final response has gone upstream. After that only a 2xx to INVITE may follow.
    var isAnswered = false
    /// Whether the sender has cancelled, or a 6xx has come: nothing new is tried.
    var isEnding = false

    var isInvite: Bool { self.request.method == .invite }
    var hasPending: Bool {
        self.branches.contains {
            switch $0.state {
            case .calling, .proceeding: true
            case .ended: false
            }
        }
    }

    /// The best of what came back (RFC 3261 §16.7, step 6).
    func best() -> Final? {
        if let decline = self.finals.first(where: { $0.response.status >= 600 }) { return decline }
        let lowest = self.finals.map { $0.response.status / 100 }.min()
        let candidates = self.finals.filter { $0.response.status / 100 == lowest }
        return candidates.min { Self.rank($0.response.status) < Self.rank($1.response.status) }
    }

    /// Within a class those come first that tell the sender how to do better; 430 comes last, since it never leaves
    /// the flow (RFC 5626 §11.5).
    private static func rank(_ status: Int) -> Int {
        switch status {
        case 401, 407: 0
        case 415, 420, 484: 1
        case 404, 480: 3
        case 408, 503: 4
        case 430: 5
        default: 2
        }
    }
}
