/// One setting: its key, its shape, its default, and what it means.
package struct Setting<Value: Sendable>: Sendable {
    /// The key path as in the file, such as `presence.rules-file`.
    package let key: String
    package let shape: Shape<Value>
    /// The default, one text an element.
    package let standard: [String]
    /// What it means, in sentences that begin with a capital letter.
    package let meaning: String

    /// - Parameter standard: the default; a list is written with commas.
    init(_ key: String, _ shape: Shape<Value>, standard: String, _ meaning: String) {
        self.key = key
        self.shape = shape
        self.meaning = meaning
        if shape.isList {
            self.standard = standard.split(separator: ",").map { String($0) }
        } else {
            self.standard = [standard]
        }
    }

    /// The setting without its type, for listings.
    package var description: SettingDescription {
        SettingDescription(
            key: self.key, allowed: self.shape.allowed, isList: self.shape.isList, standard: self.standard,
            meaning: self.meaning)
    }
}

/// What is known about a setting whatever its type: for the example file and the reference.
package struct SettingDescription: Hashable, Sendable {
    package let key: String
    package let allowed: String
    package let isList: Bool
    package let standard: [String]
    package let meaning: String

    /// The environment variable that sets it: `presence.rules-file` is `MUSTER_PRESENCE_RULES_FILE`.
    package var environmentVariable: String { Self.environmentVariable(of: self.key) }

    /// The environment variable for a key path.
    package static func environmentVariable(of key: String) -> String {
        Self.environmentPrefix + key.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
    }

    /// What the names of all our environment variables start with.
    package static let environmentPrefix = "MUSTER_"

    /// The section: what stands before the first dot.
    package var section: String { String(self.key.prefix { $0 != "." }) }

    /// A value as YAML: a list in brackets, a text in quotes where YAML would read something else.
    package static func yaml(_ elements: [String], isList: Bool) -> String {
        let texts = elements.map(Self.quoted)
        return isList ? "[" + texts.joined(separator: ", ") + "]" : texts.first ?? "\"\""
    }

    private static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy {
            $0 < 0x80
                && ($0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || "-._/:".utf8.contains($0))
        }
        let safeStart = text.utf8.first.map { $0 != 0x2D && $0 != 0x3A } ?? false
        if plain, safeStart, !text.hasSuffix(":") { return text }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
