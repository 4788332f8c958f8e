import ArgumentParser
import Foundation
import Ground
import Settings

/// Which configuration a command works with.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration; without it, the defaults.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The data directory; goes before that of the configuration.", valueName: "directory"))
    var data: String?

    /// Reads the file, the environment and the options.
    func load() throws -> LoadedConfiguration {
        var file: (name: String, text: String)?
        if let path = self.config {
            file = (path, String(decoding: try SmallFile.read(path), as: UTF8.self))
        }
        var overrides: [String: String] = [:]
        if let data = self.data { overrides["node.data-directory"] = data }
        // The password of a client is no setting of a node.
        let environment = ProcessInfo.processInfo.environment.filter { $0.key != PasswordOptions.variable }
        do {
            return try LoadedConfiguration.read(file: file, environment: environment, overrides: overrides)
        } catch {
            let count = error.all.count
            throw CommandFailure(
                error.description, advice: count == 1 ? "1 mistake." : "\(count) mistakes.")
        }
    }
}
