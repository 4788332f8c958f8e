import Configuration
import Ground

/// Where the value of a setting came from.
package enum SettingSource: Hashable, Sendable, CustomStringConvertible {
    case standard
    case file(String, line: Int)
    case environment(String)
    case commandLine

    package var description: String {
        switch self {
        case .standard: "default"
        case .file(let name, let line): "\(name):\(line)"
        case .environment(let variable): "environment variable \(variable)"
        case .commandLine: "command line"
        }
    }
}

/// A configuration together with where each of its values came from.
package struct LoadedConfiguration: Sendable {
    package let configuration: NodeConfiguration
    /// The texts of all settings and their sources, in the order of the catalogue.
    package let values: [Entry]

    /// One setting as it is in force.
    package struct Entry: Hashable, Sendable {
        package let key: String
        /// The value as YAML.
        package let value: String
        package let source: SettingSource
    }

    /// Reads a configuration: the command line goes before the environment, that before the file, that before the
    /// defaults.
    ///
    /// - Parameters:
    ///   - file: the YAML text and the name it has in messages; nil: no file.
    ///   - environment: variables of the process; only those that start with `MUSTER_` matter.
    ///   - overrides: values from the command line, by key.
    /// - Throws: everything that is wrong in any of them.
    package static func read(
        file: (name: String, text: String)?, environment: [String: String] = [:], overrides: [String: String] = [:]
    ) throws(Mistakes) -> LoadedConfiguration {
        var reading = ConfigurationReading(file: file, environment: environment, overrides: overrides)
        let configuration = NodeConfiguration(from: &reading)
        reading.check(configuration)
        guard reading.mistakes.isEmpty else { throw Mistakes(reading.sortedMistakes) }
        return LoadedConfiguration(configuration: configuration, values: reading.entries)
    }

    /// The names of environment variables that belong to Muster but set nothing in a configuration.
    package static let reservedVariablePrefixes = ["MUSTER_TEST_", "MUSTER_BUILD_", "MUSTER_BENCH_"]
}

/// The sources of a configuration while its settings are read one by one, and the mistakes that come up.
struct ConfigurationReading {
    private let reader: ConfigReader
    private let file: (name: String, values: LocatedYAML)?
    private let environment: [String: String]
    private let overrides: [String: String]
    private(set) var mistakes: [Mistake]
    private(set) var entries: [LoadedConfiguration.Entry] = []
    private(set) var sources: [String: SettingSource] = [:]

    init(file: (name: String, text: String)?, environment: [String: String], overrides: [String: String]) {
        let located = file.map { LocatedYAML(text: $0.text, source: $0.name) }
        self.file = file.flatMap { file in located.map { (file.name, $0) } }
        self.environment = environment.filter { $0.key.hasPrefix(SettingDescription.environmentPrefix) }
        self.overrides = overrides
        self.mistakes = located?.mistakes ?? []

        var lists: Set<String> = []
        for setting in SettingsCatalogue.all where setting.isList { lists.insert(setting.key) }
        var commandLine: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, text) in overrides {
            let content: ConfigContent = lists.contains(key) ? .stringArray(Self.elements(text)) : .string(text)
            commandLine[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(content, isSecret: false)
        }
        var written: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in located?.values ?? [:] where value.isList == lists.contains(key) {
            let content: ConfigContent = value.isList ? .stringArray(value.elements) : .string(value.elements[0])
            written[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(content, isSecret: false)
        }
        self.reader = ConfigReader(providers: [
            InMemoryProvider(name: "command line", values: commandLine),
            EnvironmentVariablesProvider(environmentVariables: self.environment).prefixKeys(with: "muster"),
            InMemoryProvider(name: file?.name ?? "no file", values: written),
        ])
        self.reportUnknown(lists: lists)
    }

    /// The elements of a list that is written with commas.
    private static func elements(_ text: String) -> [String] {
        text.split(separator: ",").map { String($0.trimmingPrefix(while: \.isWhitespace)) }
    }

    /// Reads one setting; the default stands in for a wrong one, so that the others can still be read.
    mutating func value<Value>(_ setting: Setting<Value>) -> Value {
        let key = ConfigKey(setting.key)
        var elements = setting.standard
        let source = self.source(of: setting.key)
        if source != .standard {
            let texts =
                setting.shape.isList
                ? self.reader.stringArray(forKey: key) : self.reader.string(forKey: key).map { [$0] }
            elements =
                texts?.map { Self.trimmed($0) }.filter { !setting.shape.isList || !$0.isEmpty } ?? setting.standard
        }
        self.sources[setting.key] = source
        self.entries.append(
            LoadedConfiguration.Entry(
                key: setting.key, value: SettingDescription.yaml(elements, isList: setting.shape.isList), source: source
            ))
        switch setting.shape.read(elements) {
        case .value(let value):
            return value
        case .wrong(let index):
            let text = elements.indices.contains(index) ? "\"\(elements[index])\" is not allowed" : "too few values"
            self.report(setting.key, element: index, "\(text); allowed is \(setting.shape.allowed)")
        }
        guard case .value(let value) = setting.shape.read(setting.standard) else {
            preconditionFailure("the default of \(setting.key) is allowed by its shape")
        }
        return value
    }

    private static func trimmed(_ text: String) -> String {
        var rest = text[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    /// Which source sets a key.
    func source(of key: String) -> SettingSource {
        if self.overrides[key] != nil { return .commandLine }
        let variable = SettingDescription.environmentVariable(of: key)
        if self.environment[variable] != nil { return .environment(variable) }
        if let file, let value = file.values.values[key] { return .file(file.name, line: value.line) }
        return .standard
    }

    /// Notes a mistake about a key, at the place that set it.
    mutating func report(_ key: String, element: Int = 0, _ message: String) {
        switch self.source(of: key) {
        case .standard:
            self.mistakes.append(
                Mistake(source: self.file?.name ?? "configuration", line: nil, key: key, message: message))
        case .commandLine:
            self.mistakes.append(Mistake(source: "command line", line: nil, key: key, message: message))
        case .environment(let variable):
            self.mistakes.append(
                Mistake(source: "environment variable \(variable)", line: nil, key: key, message: message))
        case .file(let name, let line):
            let lines = self.file?.values.values[key]?.lines ?? []
            let place = lines.indices.contains(element) ? lines[element] : line
            self.mistakes.append(Mistake(source: name, line: place, key: key, message: message))
        }
    }

    /// In the order of the file; what stands in no file comes last.
    var sortedMistakes: [Mistake] {
        self.mistakes.enumerated()
            .sorted { ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset) }
            .map(\.element)
    }
}

extension ConfigurationReading {
    /// Reports keys that do not exist, sections in place of values, values in place of lists and the reverse.
    private mutating func reportUnknown(lists: Set<String>) {
        let known = Set(SettingsCatalogue.all.map(\.key))
        if let file = self.file {
            for (key, value) in file.values.values {
                if !known.contains(key) {
                    self.reportUnknown(key, source: file.name, line: value.line, known: known)
                } else if value.isList != lists.contains(key) {
                    let allowed = SettingsCatalogue.all.first { $0.key == key }?.allowed ?? ""
                    self.append(
                        file.name, value.line, key,
                        value.isList
                            ? "this is a list; allowed is \(allowed)"
                            : "this has to be \(allowed), written [\(value.elements[0])]")
                }
            }
            for (key, line) in file.values.sections {
                if known.contains(key) {
                    self.append(file.name, line, key, "there is no value; leave the line out for the default")
                } else if !known.contains(where: { $0.hasPrefix(key + ".") }) {
                    let isPartOfUnknown = file.values.values.keys.contains { $0.hasPrefix(key + ".") }
                    if !isPartOfUnknown { self.reportUnknown(key, source: file.name, line: line, known: known) }
                }
            }
        }
        let variables = Dictionary(
            uniqueKeysWithValues: known.map { (SettingDescription.environmentVariable(of: $0), $0) })
        for variable in self.environment.keys where variables[variable] == nil {
            if LoadedConfiguration.reservedVariablePrefixes.contains(where: { variable.hasPrefix($0) }) { continue }
            var message = "there is no such setting"
            if let near = Suggestion.nearest(to: variable, in: variables.keys.sorted()) {
                message += "; did you mean \(near)?"
            }
            self.append("environment variable \(variable)", nil, "", message)
        }
        for key in self.overrides.keys where !known.contains(key) {
            self.reportUnknown(key, source: "command line", line: nil, known: known)
        }
    }

    private mutating func append(_ source: String, _ line: Int?, _ key: String, _ message: String) {
        self.mistakes.append(Mistake(source: source, line: line, key: key, message: message))
    }

    private mutating func reportUnknown(_ key: String, source: String, line: Int?, known: Set<String>) {
        var message = "there is no such setting"
        let section = key.prefix { $0 != "." }
        let inSection = known.filter { $0.hasPrefix(section + ".") }
        let whole = Suggestion.nearest(to: key, in: known.sorted())
        let lastWord = key.split(separator: ".").last.map { String($0) } ?? key
        // A right word in the wrong section is far from its key by letters, but clearly meant.
        let elsewhere = known.sorted().first { $0.hasSuffix("." + lastWord) }
        if let near = elsewhere ?? whole {
            message += "; did you mean \(near)?"
        } else if !inSection.isEmpty {
            message +=
                "; \(section) has "
                + inSection.map { String($0.dropFirst(section.count + 1)) }.sorted().joined(separator: ", ")
        } else {
            message += "; the sections are " + SettingsCatalogue.sections.map(\.name).joined(separator: ", ")
        }
        self.append(source, line, key, message)
    }
}
