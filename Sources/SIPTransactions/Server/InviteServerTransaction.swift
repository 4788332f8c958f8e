internal import Ground
internal import SIPWire

/// The INVITE server transaction of RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1.
enum InviteServerTransaction: ~Copyable {
    /// No final response yet. To `accepted` on a 2xx, to `completed` on another final response, to `terminated` when
    /// the user never answers. `provisional` is the latest 1xx.
    case proceeding(PendingServerRequest, provisional: [UInt8]?)
    /// 300 to 699 was sent and waits for its ACK; sent again on timer G over UDP and on each copy of the INVITE. To
    /// `confirmed` on the ACK, to `terminated` on timer H.
    case completed(response: [UInt8], route: ResponseRoute, interval: Duration)
    /// The ACK came. Absorbs its copies. To `terminated` on timer I, at once over reliable transports.
    case confirmed
    /// The user has sent a 2xx and repeats it itself; copies of the INVITE are absorbed. To `terminated` on timer L.
    case accepted(ResponseRoute)
    /// Over.
    case terminated

    /// What a call of ``respond(status:bytes:t1:)`` led to.
    enum Answer {
        /// A provisional response: send it.
        case provisional(ResponseRoute)
        /// The first 2xx: send it, timer L starts.
        case accepted(ResponseRoute)
        /// The same or another 2xx, while in `accepted`: send it.
        case acceptedAgain(ResponseRoute)
        /// A final response of 300 to 699: send it, timer H starts, timer G too over UDP.
        case refused(ResponseRoute)
        /// A final response was given before.
        case superfluous
    }

    /// What an ACK led to.
    enum Acknowledgement {
        /// It ends the retransmissions of a final response: timer I starts over UDP, all is over over reliable transports.
        case confirmed(isReliable: Bool)
        /// It belongs to a 2xx: the user's.
        case forUser
        /// Seen before, or not expected.
        case absorbed
    }

    /// Whether no final response was given yet.
    var isPending: Bool {
        switch self {
        case .proceeding: true
        case .completed: false
        case .confirmed: false
        case .accepted: false
        case .terminated: false
        }
    }

    /// The same INVITE arrived again: what to send in answer, if anything.
    func retransmissionReceived() -> [UInt8]? {
        switch self {
        case .proceeding(_, let provisional): provisional
        case .completed(let response, _, _): response
        case .confirmed: nil
        case .accepted: nil
        case .terminated: nil
        }
    }

    /// The user answers.
    mutating func respond(status: Int, bytes: [UInt8], t1: Duration) -> Answer {
        switch consume self {
        case .proceeding(let pending, _):
            let route = pending.route
            if status < 200 {
                self = .proceeding(pending, provisional: bytes)
                return .provisional(route)
            }
            if status < 300 {
                self = .accepted(route)
                return .accepted(route)
            }
            self = .completed(response: bytes, route: route, interval: t1)
            return .refused(route)
        case .accepted(let route):
            self = .accepted(route)
            return (200..<300).contains(status) ? .acceptedAgain(route) : .superfluous
        case .completed(let response, let route, let interval):
            self = .completed(response: response, route: route, interval: interval)
            return .superfluous
        case .confirmed:
            self = .confirmed
            return .superfluous
        case .terminated:
            self = .terminated
            return .superfluous
        }
    }

    /// An ACK of this transaction arrived.
    mutating func acknowledged() -> Acknowledgement {
        switch consume self {
        case .proceeding(let pending, let provisional):
            self = .proceeding(pending, provisional: provisional)
            return .absorbed
        case .completed(_, let route, _):
            let isReliable = route.transport.isReliable
            self = isReliable ? .terminated : .confirmed
            return .confirmed(isReliable: isReliable)
        case .confirmed:
            self = .confirmed
            return .absorbed
        case .accepted(let route):
            self = .accepted(route)
            return .forUser
        case .terminated:
            self = .terminated
            return .absorbed
        }
    }

    /// The user has said nothing for 200 ms: the 100 to send now, if nothing was sent yet (RFC 3261 §17.2.1).
    mutating func tryingDue() -> (bytes: [UInt8], route: ResponseRoute)? {
        switch consume self {
        case .proceeding(let pending, let provisional):
            if let provisional {
                self = .proceeding(pending, provisional: provisional)
                return nil
            }
            var writer = pending.message.response(100, receivedFrom: pending.route.source)
            let bytes = writer.finish()
            let route = pending.route
            self = .proceeding(pending, provisional: bytes)
            return (bytes, route)
        case .completed(let response, let route, let interval):
            self = .completed(response: response, route: route, interval: interval)
        case .confirmed: self = .confirmed
        case .accepted(let route): self = .accepted(route)
        case .terminated: self = .terminated
        }
        return nil
    }

    /// Timer G: the final response to send again, and when the next time is.
    mutating func retransmissionDue(t2: Duration) -> (bytes: [UInt8], route: ResponseRoute, next: Duration)? {
        switch consume self {
        case .completed(let response, let route, let interval):
            let next = min(interval * 2, t2)
            self = .completed(response: response, route: route, interval: next)
            return (response, route, next)
        case .proceeding(let pending, let provisional): self = .proceeding(pending, provisional: provisional)
        case .confirmed: self = .confirmed
        case .accepted(let route): self = .accepted(route)
        case .terminated: self = .terminated
        }
        return nil
    }

    /// Timer H, I or L: over. Says whether an ACK was missed (timer H), which the user is told.
    mutating func lifetimeOver() -> Bool {
        switch consume self {
        case .completed:
            self = .terminated
            return true
        case .proceeding: self = .terminated
        case .confirmed: self = .terminated
        case .accepted: self = .terminated
        case .terminated: self = .terminated
        }
        return false
    }
}
