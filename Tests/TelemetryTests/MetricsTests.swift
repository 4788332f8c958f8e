import Dispatch
import Telemetry
import Testing

@Suite("metrics")
struct MetricsTests {
    @Test("are shown as Prometheus text, families joined, labels escaped")
    func exposition() async {
        let registry = MetricsRegistry()
        registry.counter("muster_parse_faults_total", help: "Messages refused.", labels: [("kind", "cseq")]).add(2)
        registry.counter("muster_parse_faults_total", help: "Messages refused.", labels: [("kind", "a\"b\\c\nd")]).add()
        registry.gauge("muster_queue_depth", help: "Turns that wait,\nall shards.").set(-3)
        let sizes = registry.histogram(
            "muster_commit_operations", help: "Operations a commit.", bounds: [1, 10, 100.5])
        for size in [1.0, 1, 2, 10, 11, 1000] { sizes.observe(size) }
        registry.addCollector {
            [MetricFamily(gauge: "muster_queue_depth", help: "", samples: [.init(0.25, labels: [("shard", "1")])])]
        }
        #expect(
            await registry.exposition() == """
                # HELP muster_commit_operations Operations a commit.
                # TYPE muster_commit_operations histogram
                muster_commit_operations_bucket{le="1"} 2
                muster_commit_operations_bucket{le="10"} 4
                muster_commit_operations_bucket{le="100.5"} 5
                muster_commit_operations_bucket{le="+Inf"} 6
                muster_commit_operations_sum 1025
                muster_commit_operations_count 6
                # HELP muster_parse_faults_total Messages refused.
                # TYPE muster_parse_faults_total counter
                muster_parse_faults_total{kind="cseq"} 2
                muster_parse_faults_total{kind="a\\"b\\\\c\\nd"} 1
                # HELP muster_queue_depth Turns that wait,\\nall shards.
                # TYPE muster_queue_depth gauge
                muster_queue_depth -3
                muster_queue_depth{shard="1"} 0.25

                """)
    }

    @Test("lose no count when several threads add")
    func counting() {
        let counter = Counter()
        let histogram = Histogram(bounds: [1, 2])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<10_000 {
                counter.add()
                histogram.observe(2)
            }
        }
        #expect(counter.value == 40_000)
        #expect(histogram.reading.buckets == [0, 40_000, 0])
        #expect(histogram.reading.sum == 80_000)
    }
}
