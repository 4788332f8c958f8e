import Telemetry

/// What the listener on Ut did so far, in plain numbers that belong to its event loop.
package struct UtCounters: Sendable {
    /// What is counted beside requests: limits that were hit, and peers that do not keep to HTTP.
    package enum Event: String, Hashable, Sendable, CaseIterable {
        /// 413: a body was too large, as it came or unpacked.
        case bodyTooLarge = "body_too_large"
        /// 503: all bodies together were too large.
        case bodiesTooLarge = "bodies_too_large"
        /// 414.
        case targetTooLong = "target_too_long"
        /// 431.
        case headTooLarge = "head_too_large"
        /// 400, 501, 505: what came was no request.
        case malformed
        /// 421.
        case foreignHost = "foreign_host"
        /// 415: a body had a content coding that is not known.
        case unknownCoding = "unknown_coding"
        /// 400: a body could not be unpacked.
        case brokenCoding = "broken_coding"
        /// 408, or closed in silence between requests.
        case slowHead = "slow_head"
        case slowBody = "slow_body"
        case slowReader = "slow_reader"
        case idle
        /// A connection was closed to make room for another.
        case evicted
        /// 503: there was no room for a connection.
        case refusedConnection = "refused_connection"
        /// 503: the node did not answer in time.
        case unanswered
    }

    /// Requests that were answered, by method and status.
    package struct Kind: Hashable, Sendable {
        package let method: String
        package let status: Int
    }

    package var requests: [Kind: UInt64] = [:]
    package var events: [Event: UInt64] = [:]
    package var connectionsAccepted: UInt64 = 0
    package var connections = 0
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var packedAnswers: UInt64 = 0
    package var unpackedRequests: UInt64 = 0
    /// The time from the end of a request to its answer, summed, in nanoseconds.
    package var answerNanoseconds: UInt64 = 0

    package init() {}

    mutating func count(_ event: Event) { self.events[event, default: 0] += 1 }

    /// The counters as Prometheus reads them.
    package var families: [MetricFamily] {
        typealias Sample = MetricFamily.Sample
        func one(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
            MetricFamily(counter: name, help: help, samples: [Sample(Double(value))])
        }
        let kinds = self.requests.sorted { ($0.key.method, $0.key.status) < ($1.key.method, $1.key.status) }
        return [
            MetricFamily(
                counter: "muster_ut_requests_total", help: "HTTP requests on Ut, by method and status of the answer.",
                samples: kinds.map {
                    Sample(Double($0.value), labels: [("method", $0.key.method), ("status", String($0.key.status))])
                }),
            MetricFamily(
                counter: "muster_ut_events_total", help: "Limits of the listener on Ut that were hit, and bad peers.",
                samples: Event.allCases.map {
                    Sample(Double(self.events[$0] ?? 0), labels: [("event", $0.rawValue)])
                }),
            one("muster_ut_connections_total", "HTTP connections that were accepted.", self.connectionsAccepted),
            MetricFamily(
                gauge: "muster_ut_connections", help: "Open HTTP connections.",
                samples: [Sample(Double(self.connections))]),
            MetricFamily(
                counter: "muster_ut_bytes_total", help: "Bytes over HTTP.",
                samples: [
                    Sample(Double(self.bytesReceived), labels: [("direction", "received")]),
                    Sample(Double(self.bytesSent), labels: [("direction", "sent")]),
                ]),
            MetricFamily(
                counter: "muster_ut_coded_total", help: "Bodies under gzip.",
                samples: [
                    Sample(Double(self.unpackedRequests), labels: [("direction", "received")]),
                    Sample(Double(self.packedAnswers), labels: [("direction", "sent")]),
                ]),
            MetricFamily(
                counter: "muster_ut_answer_seconds_total", help: "Time from the end of a request to its answer.",
                samples: [Sample(Double(self.answerNanoseconds) / 1e9)]),
        ]
    }
}
