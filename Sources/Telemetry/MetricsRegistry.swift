import Synchronization

/// A number that only grows. Adding costs one atomic instruction.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    @inline(__always)
    package func add(_ amount: UInt64 = 1) { self.count.wrappingAdd(amount, ordering: .relaxed) }

    package var value: UInt64 { self.count.load(ordering: .relaxed) }
}

/// A number that goes up and down.
package final class Gauge: Sendable {
    private let level = Atomic<Int64>(0)

    package init() {}

    package func set(_ value: Int64) { self.level.store(value, ordering: .relaxed) }
    package func add(_ amount: Int64) { self.level.wrappingAdd(amount, ordering: .relaxed) }

    package var value: Int64 { self.level.load(ordering: .relaxed) }
}

/// How often values of certain sizes were observed.
package final class Histogram: Sendable {
    /// The upper bounds of the buckets, rising; above the last comes one without a bound.
    package let bounds: [Double]
    private let state: Mutex<(buckets: [UInt64], sum: Double)>

    /// - Parameter bounds: rising, at most 64.
    package init(bounds: [Double]) {
        precondition(bounds.count <= 64 && zip(bounds, bounds.dropFirst()).allSatisfy(<), "the bounds of buckets rise")
        self.bounds = bounds
        self.state = Mutex((Array(repeating: 0, count: bounds.count + 1), 0))
    }

    package func observe(_ value: Double) {
        let bucket = self.bounds.firstIndex { value <= $0 } ?? self.bounds.count
        self.state.withLock { state in
            state.buckets[bucket] &+= 1
            state.sum += value
        }
    }

    package var reading: MetricFamily.HistogramReading {
        let (buckets, sum) = self.state.withLock { $0 }
        return MetricFamily.HistogramReading(bounds: self.bounds, buckets: buckets, sum: sum)
    }
}

/// A metric with its values, as it is shown to a monitoring system.
package struct MetricFamily: Sendable {
    /// How Prometheus is to read the samples.
    package enum Kind: String, Hashable, Sendable { case counter, gauge, histogram }

    /// One value and the labels that tell it from others of the family.
    package struct Sample: Sendable {
        package let labels: [(name: String, value: String)]
        package let value: Double

        package init(_ value: Double, labels: [(name: String, value: String)] = []) {
            self.value = value
            self.labels = labels
        }
    }

    /// The buckets of a histogram, each with its own count (not summed up).
    package struct HistogramReading: Sendable {
        package let bounds: [Double]
        /// One more than ``bounds``.
        package let buckets: [UInt64]
        package let sum: Double

        package init(bounds: [Double], buckets: [UInt64], sum: Double) {
            precondition(buckets.count == bounds.count + 1, "the last bucket has no bound")
            self.bounds = bounds
            self.buckets = buckets
            self.sum = sum
        }
    }

    package let name: String
    package let help: String
    package let kind: Kind
    package var samples: [Sample]
    package var histogram: HistogramReading?

    /// - Parameter name: in the form of Prometheus, a counter's ending in `_total`.
    package init(counter name: String, help: String, samples: [Sample]) {
        (self.name, self.help, self.kind, self.samples) = (name, help, .counter, samples)
    }

    package init(gauge name: String, help: String, samples: [Sample]) {
        (self.name, self.help, self.kind, self.samples) = (name, help, .gauge, samples)
    }

    package init(histogram name: String, help: String, _ reading: HistogramReading) {
        (self.name, self.help, self.kind, self.samples) = (name, help, .histogram, [])
        self.histogram = reading
    }
}

/// All metrics of a process.
///
/// What counts by itself (``Counter``, ``Gauge``, ``Histogram``) is registered once. What belongs to a shard, where it
/// is counted without any synchronisation, is asked for through a collector when somebody reads the metrics.
package final class MetricsRegistry: Sendable {
    /// Gives the metrics of a part of the house.
    package typealias Collector = @Sendable () async -> [MetricFamily]

    /// What an entry reads its value from.
    private enum Instrument: Sendable {
        case counter(Counter), gauge(Gauge), histogram(Histogram)
    }

    /// An instrument with its name, help and labels.
    private struct Entry: Sendable {
        let name: String
        let help: String
        let labels: [(name: String, value: String)]
        let instrument: Instrument
    }

    /// What was registered, under one lock.
    private struct State {
        var entries: [Entry] = []
        var collectors: [Collector] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Registers a counter. Counters of one name with different labels make one family.
    package func counter(_ name: String, help: String, labels: [(name: String, value: String)] = []) -> Counter {
        let counter = Counter()
        self.register(Entry(name: name, help: help, labels: labels, instrument: .counter(counter)))
        return counter
    }

    /// Registers a gauge.
    package func gauge(_ name: String, help: String, labels: [(name: String, value: String)] = []) -> Gauge {
        let gauge = Gauge()
        self.register(Entry(name: name, help: help, labels: labels, instrument: .gauge(gauge)))
        return gauge
    }

    /// Registers a histogram.
    package func histogram(_ name: String, help: String, bounds: [Double]) -> Histogram {
        let histogram = Histogram(bounds: bounds)
        self.register(Entry(name: name, help: help, labels: [], instrument: .histogram(histogram)))
        return histogram
    }

    /// Adds metrics that are asked for when they are read.
    package func addCollector(_ collector: @escaping Collector) {
        self.state.withLock { $0.collectors.append(collector) }
    }

    private func register(_ entry: Entry) { self.state.withLock { $0.entries.append(entry) } }

    /// All metrics now, families of one name joined, ordered by name.
    package func families() async -> [MetricFamily] {
        let (entries, collectors) = self.state.withLock { ($0.entries, $0.collectors) }
        var byName: [String: MetricFamily] = [:]
        for entry in entries { Self.merge(Self.family(entry), into: &byName) }
        for collector in collectors {
            for family in await collector() { Self.merge(family, into: &byName) }
        }
        return byName.values.sorted { $0.name < $1.name }
    }

    private static func merge(_ family: MetricFamily, into byName: inout [String: MetricFamily]) {
        byName[family.name, default: family].samples += byName[family.name] == nil ? [] : family.samples
    }

    private static func family(_ entry: Entry) -> MetricFamily {
        switch entry.instrument {
        case .counter(let counter):
            MetricFamily(
                counter: entry.name, help: entry.help,
                samples: [MetricFamily.Sample(Double(counter.value), labels: entry.labels)])
        case .gauge(let gauge):
            MetricFamily(
                gauge: entry.name, help: entry.help,
                samples: [MetricFamily.Sample(Double(gauge.value), labels: entry.labels)])
        case .histogram(let histogram):
            MetricFamily(histogram: entry.name, help: entry.help, histogram.reading)
        }
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    package func exposition() async -> String { PrometheusText.write(await self.families()) }
}

/// The text format of Prometheus, version 0.0.4.
package enum PrometheusText {
    /// The media type of the format.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package static func write(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families {
            text += "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples {
                text += "\(family.name)\(Self.labels(sample.labels)) \(Self.number(sample.value))\n"
            }
            if let histogram = family.histogram { text += Self.write(histogram, name: family.name) }
        }
        return text
    }

    private static func write(_ histogram: MetricFamily.HistogramReading, name: String) -> String {
        var text = ""
        var total: UInt64 = 0
        for (index, count) in histogram.buckets.enumerated() {
            total &+= count
            let bound = index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf"
            text += "\(name)_bucket{le=\"\(bound)\"} \(total)\n"
        }
        return text + "\(name)_sum \(Self.number(histogram.sum))\n\(name)_count \(total)\n"
    }

    private static func labels(_ labels: [(name: String, value: String)]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }
}
