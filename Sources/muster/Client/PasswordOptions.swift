import ArgumentParser
import Foundation
import Ground

/// Where a password may come from: a file, the environment, the terminal. On the command line everybody who can list
/// processes reads it, so that is possible but warned of.
struct PasswordOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A file whose first line is the password; - is standard input.", valueName: "file"))
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "The password itself. Others on this machine can see it: better --password-file or MUSTER_PASSWORD.",
            valueName: "text"))
    var password: String?

    @Flag(help: "Ask for the password on the terminal.")
    var askPassword = false

    /// The variable of the environment that may hold the password.
    static let variable = "MUSTER_PASSWORD"

    /// The password, or nil if none was given.
    ///
    /// - Parameter isNeeded: whether a person is asked when there is none.
    func read(isNeeded: Bool, whose: String) throws -> Redacted<String>? {
        if let file = self.passwordFile {
            let bytes = try SmallFile.read(file)
            let line = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
            guard !line.isEmpty else { throw CommandFailure("\(file) holds no password in its first line") }
            return Redacted(String(decoding: line, as: UTF8.self))
        }
        if let password = self.password {
            Terminal.remark(
                "muster: warning: a password on the command line can be seen by others on this machine; "
                    + "use --password-file or \(Self.variable)")
            return Redacted(password)
        }
        if let value = ProcessInfo.processInfo.environment[Self.variable], !value.isEmpty { return Redacted(value) }
        guard isNeeded || self.askPassword else { return nil }
        guard let answer = Terminal.askSecretly("Password of \(whose): "), !answer.isEmpty else {
            throw CommandFailure(
                "no password was given", advice: "Use --password-file, or \(Self.variable) in the environment.")
        }
        return Redacted(answer)
    }
}
