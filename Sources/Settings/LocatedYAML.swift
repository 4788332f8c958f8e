import Yams

/// A YAML file as key paths with their texts and the lines they stand on.
///
/// Values stay text here: what they mean is decided by the ``Shape`` of each setting, so that `on`, `010` or `1e3`
/// cannot turn into something that nobody wrote.
struct LocatedYAML: Sendable {
    /// A scalar or a list of scalars at a key path.
    struct Value: Sendable {
        /// The texts of the elements; exactly one if it is no list.
        var elements: [String]
        /// The lines of the elements.
        var lines: [Int]
        var isList: Bool
        /// The line of the key.
        var line: Int
    }

    /// The deepest nesting that is read; beyond it is a mistake.
    static let maximumDepth = 16

    /// Values by key path, components joined with dots.
    private(set) var values: [String: Value] = [:]
    /// Sections by key path, with their lines.
    private(set) var sections: [String: Int] = [:]
    private(set) var mistakes: [Mistake] = []
    private let source: String

    /// - Parameters:
    ///   - text: the file.
    ///   - source: its name, for messages.
    init(text: String, source: String) {
        self.source = source
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            if case .scalar(let scalar) = root, Self.isNull(scalar) { return }
            guard case .mapping(let mapping) = root else {
                self.report(root.mark?.line ?? 1, "", "the file has to be a list of sections, such as \"node:\"")
                return
            }
            self.read(mapping, path: [])
        } catch let error as YamlError {
            let (line, message) = Self.explain(error)
            self.report(line, "", "this is not YAML: \(message)")
        } catch {
            self.report(nil, "", "this is not YAML: \(error)")
        }
    }

    private mutating func report(_ line: Int?, _ key: String, _ message: String) {
        self.mistakes.append(Mistake(source: self.source, line: line, key: key, message: message))
    }

    private mutating func read(_ mapping: Node.Mapping, path: [String]) {
        for (keyNode, value) in mapping {
            let line = keyNode.mark?.line ?? 1
            guard case .scalar(let name) = keyNode else {
                self.report(line, path.joined(separator: "."), "a key has to be a single word")
                continue
            }
            let keyPath = path + [name.string]
            let key = keyPath.joined(separator: ".")
            switch value {
            case .mapping(let inner):
                guard keyPath.count < Self.maximumDepth else {
                    self.report(line, key, "sections are nested too deeply")
                    continue
                }
                self.sections[key] = line
                self.read(inner, path: keyPath)
            case .sequence(let sequence):
                self.readList(sequence, key: key, line: line)
            case .scalar(let scalar):
                if Self.isNull(scalar) {
                    self.sections[key] = line
                } else {
                    let valueLine = scalar.mark?.line ?? line
                    self.values[key] = Value(elements: [scalar.string], lines: [valueLine], isList: false, line: line)
                }
            case .alias:
                self.report(line, key, "aliases are not supported here; write the value out")
            }
        }
    }

    private mutating func readList(_ sequence: Node.Sequence, key: String, line: Int) {
        var value = Value(elements: [], lines: [], isList: true, line: line)
        for element in sequence {
            guard case .scalar(let scalar) = element else {
                self.report(element.mark?.line ?? line, key, "an element of this list has to be a single value")
                continue
            }
            value.elements.append(scalar.string)
            value.lines.append(scalar.mark?.line ?? line)
        }
        self.values[key] = value
    }

    private static func isNull(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private static func explain(_ error: YamlError) -> (line: Int?, message: String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (mark.line, problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            (
                context.mark.line,
                "in the section on this line a key is written twice: "
                    + duplicates.sorted().joined(separator: ", ")
            )
        case .reader(let problem, _, _, _): (nil, problem)
        default: (nil, "\(error)")
        }
    }
}
