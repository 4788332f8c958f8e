internal import Ground

extension TransactionLayer {
    /// What a transaction layer needs to know: the timers of RFC 3261 §17 and what it writes into Via.
    package struct Configuration: Sendable {
        /// The host and port that stand in our Via (RFC 3261 §18.1.1): where responses find us.
        package struct SentBy: Hashable, Sendable {
            /// A name, an IPv4 address, or an IPv6 address in brackets.
            package var host: String
            /// Nil: the default port of the transport, left out of the Via.
            package var port: UInt16?

            package init(host: String, port: UInt16? = nil) {
                self.host = host
                self.port = port
            }
        }

        /// The estimate of the round trip (RFC 3261 §17.1.1.1).
        package var t1: Duration = .milliseconds(500)
        /// The longest time between retransmissions of anything but an INVITE.
        package var t2: Duration = .seconds(4)
        /// How long a message may stay in the network.
        package var t4: Duration = .seconds(5)
        /// When an INVITE that the user has not answered gets a 100 (RFC 3261 §17.2.1).
        package var tryingDelay: Duration = .milliseconds(200)
        /// Our name for each transport that we listen on. A transport without one takes ``fallbackSentBy``.
        package var sentBy: [Transport: SentBy]
        /// Our name where ``sentBy`` has none: a client on WebSocket writes `….invalid` here (RFC 7118 §5.2).
        package var fallbackSentBy: SentBy
        /// Requests over UDP above this many bytes go over TCP (RFC 3261 §18.1.1).
        package var largestDatagram = 1300
        /// The same bound for peers on this machine, where the path MTU is known to be larger.
        package var largestLoopbackDatagram = 1300
        /// Transports that requests can be sent over.
        package var outgoingTransports: [Transport] = [.udp, .tcp, .tls]
        /// Whether TCP is there to be switched to.
        package var switchesToTCP = true
        /// Whether our UDP Via carries `rport` (RFC 3581 §3).
        package var asksForResponsePort = true
        /// Whether a request that arrives a second time by another way is answered 482 (RFC 3261 §8.2.2.2).
        package var refusesMergedRequests = true
        /// Whether a response follows `maddr` (RFC 3261 §18.2.2).
        package var honoursMaddr = true
        /// Whether every message passes the full grammar check before anybody sees it.
        package var validatesMessages = true
        package var limits: Limits = .standard

        package init(sentBy: [Transport: SentBy], fallbackSentBy: SentBy? = nil) {
            self.sentBy = sentBy
            self.fallbackSentBy =
                fallbackSentBy ?? sentBy[.udp] ?? sentBy[.tcp] ?? sentBy[.tls] ?? SentBy(host: "localhost.invalid")
        }

        /// 64*T1: timers B, F, H, J, L and M.
        package var lifetime: Duration { self.t1 * 64 }

        /// The time until timer E of a client reaches T2: when the late 100 is due (RFC 4320 §4.1). 3.5 s by default.
        package var lateTryingDelay: Duration {
            var sum: Duration = .zero
            var interval = self.t1
            while interval < self.t2, interval > .zero {
                sum += interval
                interval *= 2
            }
            return sum == .zero ? self.t1 : sum
        }
    }
}
