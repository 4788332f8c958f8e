import Ground
import PresenceServer
import Signalling
import Storage
import Telemetry
import XDMServer

/// The node's figures as Prometheus reads them.
package struct NodeMetrics: Sendable {
    private typealias Sample = MetricFamily.Sample

    private let node: Node

    package init(_ node: Node) { self.node = node }

    /// Makes the node's figures part of a registry.
    package func register(in registry: MetricsRegistry) {
        let node = self.node
        registry.addCollector { Self.families(await node.status()) }
    }

    /// All families of a status.
    static func families(_ status: Node.Status) -> [MetricFamily] {
        self.signalling(status.shard) + (status.presence.map(Self.presence) ?? [])
            + (status.documents.map { Self.documents($0, refused: status.shard.counters.utRefused) } ?? [])
            + self.storage(status.commits) + [Self.audit(status.audit)]
    }

    private static func signalling(_ shard: ShardSnapshot) -> [MetricFamily] {
        let transports = shard.transports
        let counters = shard.counters
        let faults = counters.parseFaults.map { ($0.key.rawValue, $0.value) }
        let transactions = counters.transactions.map { ($0.key.rawValue, $0.value) }
        let dropped = counters.dropped.map { ($0.key.rawValue, $0.value) }
        let registrar = counters.registrar.map { ($0.key.rawValue, $0.value) }
        let limits: [(String, UInt64)] = [
            ("flood", transports.flooded), ("oversized", transports.oversized),
            ("connections", transports.connectionsRefused), ("slow", transports.slowClosed),
            ("stalled", transports.stalledClosed), ("idle", transports.idleClosed),
        ]
        return [
            self.counter("muster_requests_total", "Requests that reached a network function.", counters.requests),
            self.labelled("muster_parse_faults_total", "Messages that are no SIP, by what is wrong.", "kind", faults),
            self.labelled(
                "muster_transactions_total", "What happened in the transaction layer.", "event", transactions),
            self.labelled("muster_dropped_total", "What the transaction layer threw away.", "reason", dropped),
            self.labelled("muster_registrar_total", "What happened in the registrar and proxy.", "event", registrar),
            self.labelled("muster_limits_hit_total", "How often a bound of the transports was hit.", "limit", limits),
            self.labelled(
                "muster_datagrams_total", "Datagrams.", "direction",
                [("received", transports.datagramsReceived), ("sent", transports.datagramsSent)]),
            self.labelled(
                "muster_stream_messages_total", "Messages over TCP, TLS and WebSocket.", "direction",
                [("received", transports.streamMessagesReceived), ("sent", transports.streamMessagesSent)]),
            MetricFamily(
                gauge: "muster_connections", help: "Open connections.", samples: [Sample(Double(shard.connections))]),
        ]
    }

    private static func presence(_ counters: PresenceCounters) -> [MetricFamily] {
        let refusals = counters.refusals.map { (String($0.key), $0.value) }
        let limits = counters.observations.map { ($0.key.rawValue, $0.value) }
        return [
            MetricFamily(
                gauge: "muster_subscriptions", help: "Live subscriptions, by state.",
                samples: [
                    Sample(Double(counters.activeSubscriptions), labels: [("state", "active")]),
                    Sample(Double(counters.pendingSubscriptions), labels: [("state", "pending")]),
                ]),
            MetricFamily(
                gauge: "muster_publications", help: "Live publications.",
                samples: [Sample(Double(counters.publications))]),
            MetricFamily(
                gauge: "muster_notifications_under_way", help: "NOTIFYs that are not answered yet.",
                samples: [Sample(Double(counters.notificationsUnderWay))]),
            MetricFamily(
                gauge: "muster_views", help: "Distinct documents that watchers see.",
                samples: [Sample(Double(counters.views))]),
            self.labelled(
                "muster_notifications_total", "NOTIFYs, by what became of them.", "outcome",
                [
                    ("sent", counters.notificationsSent), ("delivered", counters.notificationsDelivered),
                    ("failed", counters.notificationsFailed), ("suppressed", counters.notificationsSuppressed),
                    ("partial", counters.partialNotifications),
                ]),
            self.labelled(
                "muster_presence_requests_total", "Requests that the Presence Server took, by kind.", "kind",
                [
                    ("publish", counters.publishes), ("subscribe", counters.subscribes), ("fetch", counters.fetches),
                    ("challenged", counters.challenges),
                ]),
            self.labelled(
                "muster_decisions_total", "Judgements about subscriptions.", "handling",
                [
                    ("allow", counters.allowed), ("confirm", counters.confirmed),
                    ("polite-block", counters.politelyBlocked), ("block", counters.blocked),
                ]),
            self.labelled(
                "muster_expired_total", "What ran out of time.", "what",
                [("publication", counters.publicationsExpired), ("subscription", counters.subscriptionsExpired)]),
            self.labelled("muster_refusals_total", "Requests that were refused, by status.", "status", refusals),
            self.labelled("muster_presence_events_total", "What is worth a look.", "event", limits),
        ]
    }

    private static func documents(_ counters: XDMCounters, refused: UInt64) -> [MetricFamily] {
        let requests = counters.requests.map { ("\($0.key)", $0.value) }
        let answers = counters.answers.map { (String($0.key), $0.value) }
        let usages = counters.usages.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
        let events = counters.observations.map { ($0.key.rawValue, $0.value) }
        return [
            self.gauge("muster_documents", "Documents of users.", counters.documents),
            self.gauge("muster_document_bytes", "Bytes of all documents.", counters.documentBytes),
            self.gauge("muster_document_owners", "Users who have a document.", counters.owners),
            self.gauge("muster_list_services", "List services in the index of all.", counters.services),
            self.gauge("muster_document_subscriptions", "Subscriptions to changes.", counters.subscriptions),
            self.labelled("muster_xcap_requests_total", "Requests for documents, by method.", "method", requests),
            self.labelled("muster_xcap_answers_total", "Answers to them, by status.", "status", answers),
            self.labelled("muster_xcap_usages_total", "Requests by application usage.", "auid", usages),
            self.labelled(
                "muster_document_changes_total", "Changes of documents.", "change",
                [
                    ("created", counters.documentsCreated), ("replaced", counters.documentsReplaced),
                    ("removed", counters.documentsRemoved),
                ]),
            self.counter("muster_xcap_challenges_total", "Requests that were challenged.", counters.challenges),
            self.counter("muster_xcap_refused_total", "Requests that found too much under way.", refused),
            self.labelled("muster_document_events_total", "What is worth a look.", "event", events),
        ]
    }

    private static func audit(_ audit: AuditLog<Decision>.Statistics) -> MetricFamily {
        self.labelled(
            "muster_audit_entries_total", "Decisions for the audit log, by what became of them.", "outcome",
            [
                ("written", audit.written), ("dropped", audit.dropped), ("failed", audit.failed),
                ("pruned", audit.pruned),
            ])
    }

    private static func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
        MetricFamily(gauge: name, help: help, samples: [Sample(Double(value))])
    }

    private static func storage(_ commits: GroupCommitter.Statistics) -> [MetricFamily] {
        var bounds: [Double] = []
        for exponent in 0..<(commits.sizes.count - 1) { bounds.append(Double((1 << exponent) - 1)) }
        return [
            MetricFamily(
                histogram: "muster_commit_operations", help: "Changes of state in one transaction of the storage.",
                MetricFamily.HistogramReading(
                    bounds: bounds, buckets: commits.sizes, sum: Double(commits.operations))),
            self.counter("muster_commit_callers_total", "Turns that were committed.", commits.callers),
            self.counter("muster_commit_failures_total", "Transactions that the storage refused.", commits.failures),
        ]
    }

    private static func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        MetricFamily(counter: name, help: help, samples: [Sample(Double(value))])
    }

    private static func labelled(
        _ name: String, _ help: String, _ label: String, _ values: [(String, UInt64)]
    ) -> MetricFamily {
        MetricFamily(
            counter: name, help: help,
            samples: values.sorted { $0.0 < $1.0 }.map { Sample(Double($0.1), labels: [(label, $0.0)]) })
    }
}
