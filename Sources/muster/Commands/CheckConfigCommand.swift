import ArgumentParser
import Settings
import UserAgent

/// `muster check-config`: says what is wrong with a configuration, or what it means.
struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check a configuration: every mistake at once, with its line.",
        discussion: "Example: muster check-config examples/presence.yaml")

    @Argument(help: ArgumentHelp("The configuration.", valueName: "file"))
    var file: String

    @Flag(help: "Show every setting, its value and where that comes from.")
    var show = false

    @Flag(help: "As JSON, one object a line.")
    var json = false

    func run() async throws {
        var options = ConfigurationOptions()
        options.config = self.file
        options.data = nil
        let loaded = try options.load()
        if self.json {
            for entry in loaded.values {
                var object = JSONObject()
                object.add("key", text: entry.key)
                object.add("value", text: entry.value)
                object.add("source", text: entry.source.description)
                Terminal.result(object.text)
            }
            return
        }
        if self.show {
            let keyWidth = loaded.values.map(\.key.count).max() ?? 0
            let valueWidth = min(40, loaded.values.map(\.value.count).max() ?? 0)
            for entry in loaded.values {
                let source = PresenceText.emphasised(entry.source.description, .muted, Terminal.style)
                Terminal.result(
                    PresenceText.padded(entry.key, keyWidth) + "  " + PresenceText.padded(entry.value, valueWidth)
                        + "  " + source)
            }
        }
        Terminal.result("\(self.file) is good.")
    }
}
