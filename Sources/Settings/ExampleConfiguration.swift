/// The full default configuration with comments, as `muster example-config` prints it, and the reference of all keys.
package enum ExampleConfiguration {
    /// A YAML file in which every setting stands with its default.
    package static func yaml() -> String {
        var text = """
            # The configuration of a Muster node, with every setting at its default: an empty file means the same.
            #
            # A setting can also come from the environment: presence.rules-file is MUSTER_PRESENCE_RULES_FILE, a list is
            # written with commas there. Relative paths start at the working directory. Times are written 500ms, 30s, 5m,
            # 1h or 1d. `muster check-config` names every mistake in a file.

            """
        for section in SettingsCatalogue.sections {
            text += "\n# \(section.meaning)\n\(section.name):\n"
            var group = ""
            for setting in SettingsCatalogue.all where setting.section == section.name {
                let words = setting.key.split(separator: ".").map { String($0) }
                let inner = words.dropFirst().dropLast().joined(separator: ".")
                if inner != group, !inner.isEmpty { text += "  \(inner):\n" }
                group = inner
                let indent = String(repeating: "  ", count: words.count - 1)
                for line in Self.wrapped(setting.meaning + " Allowed: \(setting.allowed).", width: 112 - indent.count) {
                    text += "\(indent)# \(line)\n"
                }
                let value = SettingDescription.yaml(setting.standard, isList: setting.isList)
                text += "\(indent)\(words[words.count - 1]): \(value)\n"
            }
        }
        return text
    }

    /// The reference of all keys in Markdown: docs/reference/settings.md.
    package static func reference() -> String {
        var text = """
            # Settings

            Every setting of a Muster node: its key in the YAML file, the environment variable that sets it too, what is
            allowed, and the default. The command line goes before the environment, the environment before the file. A key
            that is not in this list is a mistake, and `muster check-config` reports all mistakes of a file at once.

            Times are written with a unit: `500ms`, `30s`, `5m`, `1h`, `1d`; a number alone counts seconds. Relative paths
            start at the working directory. In the environment a list is written with commas.

            This page is written from the code (`Sources/Settings/SettingsCatalogue.swift`); a test keeps it so.

            """
        for section in SettingsCatalogue.sections {
            text += "\n## \(section.name)\n\n\(section.meaning)\n"
            for setting in SettingsCatalogue.all where setting.section == section.name {
                let value = SettingDescription.yaml(setting.standard, isList: setting.isList)
                text += "\n### `\(setting.key)`\n\n\(setting.meaning)\n\n"
                text += "- Allowed: \(setting.allowed)\n- Default: `\(value)`\n"
                text += "- Environment: `\(setting.environmentVariable)`\n"
            }
        }
        return text
    }

    private static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? "\(word)" : " \(word)"
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }
}
