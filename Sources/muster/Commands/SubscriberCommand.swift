import ArgumentParser
import Ground
import MusterNode
import SCSCF
import SIPWire
import Signalling
import Storage
import StorageSQLite
import UserAgent

/// `muster subscriber`: who may register, publish and watch with a password.
struct SubscriberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriber", abstract: "Add, list and remove subscribers.",
        subcommands: [Add.self, List.self, Remove.self])

    /// Opens the storage beside a server that may run, and closes it whatever happens.
    static func withStore<Result>(
        _ options: ConfigurationOptions, _ body: (SQLiteStore, String) throws -> Result
    ) throws -> Result {
        let settings = try options.load().configuration
        let store = try NodeStorage.open(
            settings, directory: options.data ?? settings.node.dataDirectory, role: .administration)
        defer { store.close() }
        return try body(store, settings.registrar.realm)
    }

    /// The canonical form of an identity, and the user name that belongs to it.
    static func identity(_ text: String) throws -> (canonical: [UInt8], user: String) {
        guard let uri = SIPURI(text), uri.isSIP, let user = uri.user else {
            throw ValidationError("\(text) is no identity of a subscriber; it looks like sip:alice@home.example")
        }
        return (uri.canonicalIdentity, user.text)
    }

    /// `muster subscriber add`
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a subscriber, or give one another password.",
            discussion: """
                The password is asked for, or comes from --password-file or MUSTER_PASSWORD. Only hashes of it are kept.

                Example: muster subscriber add sip:alice@home.example --config presence.yaml
                """)

        @Argument(help: ArgumentHelp("The identity.", valueName: "sip:alice@home.example"))
        var identity: String

        @OptionGroup var configuration: ConfigurationOptions
        @OptionGroup var password: PasswordOptions

        @Option(help: ArgumentHelp("The user name, if it is not that of the identity.", valueName: "name"))
        var user: String?

        @Option(help: ArgumentHelp("The realm, if it is not that of the configuration.", valueName: "realm"))
        var realm: String?

        func validate() throws { _ = try SubscriberCommand.identity(self.identity) }

        func run() async throws {
            let (canonical, name) = try SubscriberCommand.identity(self.identity)
            let user = self.user ?? name
            guard let password = try self.password.read(isNeeded: true, whose: self.identity) else { return }
            let isNew = try SubscriberCommand.withStore(self.configuration) { store, defaultRealm in
                let realm = self.realm ?? defaultRealm
                let before = try store.subscriber(user: user, realm: realm)
                if let before, before.identity != canonical {
                    let other = String(decoding: before.identity, as: UTF8.self)
                    throw CommandFailure(
                        "the user name \(user) in the realm \(realm) belongs to \(other)",
                        advice: "Choose another one with --user.")
                }
                try store.putSubscriber(
                    SubscriberRecord(
                        identity: canonical, digestUser: user, realm: realm, password: password,
                        createdAt: before?.createdAt ?? AnchoredClock().now()))
                return before == nil
            }
            Terminal.result(isNew ? "\(self.identity) added." : "\(self.identity) has a new password.")
        }
    }

    /// `muster subscriber list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the subscribers.")

        @OptionGroup var configuration: ConfigurationOptions

        @Flag(help: "As JSON, one object a line.")
        var json = false

        func run() async throws {
            let records = try SubscriberCommand.withStore(self.configuration) { store, _ in try store.subscribers() }
            if self.json {
                for record in records {
                    var object = JSONObject()
                    object.add("identity", text: String(decoding: record.identity, as: UTF8.self))
                    object.add("user", text: record.digestUser)
                    object.add("realm", text: record.realm)
                    object.add("created", text: CalendarTime(record.createdAt).text)
                    Terminal.result(object.text)
                }
                return
            }
            guard !records.isEmpty else {
                Terminal.remark("There are no subscribers. Add one with `muster subscriber add`.")
                return
            }
            let rows = records.map { record in
                [
                    String(decoding: record.identity, as: UTF8.self), record.digestUser, record.realm,
                    CalendarTime(record.createdAt).text,
                ]
            }
            Terminal.result(TextTable.aligned([["IDENTITY", "USER", "REALM", "ADDED"]] + rows))
        }
    }

    /// `muster subscriber remove`
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a subscriber.")

        @Argument(help: ArgumentHelp("The identity.", valueName: "sip:alice@home.example"))
        var identity: String

        @OptionGroup var configuration: ConfigurationOptions

        func validate() throws { _ = try SubscriberCommand.identity(self.identity) }

        func run() async throws {
            let (canonical, _) = try SubscriberCommand.identity(self.identity)
            let count = try SubscriberCommand.withStore(self.configuration) { store, _ in
                let records = try store.subscribers().filter { $0.identity == canonical }
                for record in records { _ = try store.removeSubscriber(user: record.digestUser, realm: record.realm) }
                return records.count
            }
            guard count > 0 else {
                throw CommandFailure(
                    "there is no subscriber \(self.identity)", advice: "`muster subscriber list` shows all.")
            }
            Terminal.result("\(self.identity) removed.")
        }
    }
}
