import ArgumentParser
import Ground
import PresenceDocuments
import SIPWire
import Signalling
import UserAgent

/// `muster publish`: publishes a state and keeps it alive until Ctrl-C.
struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publish your own presence.",
        discussion: """
            The state is refreshed until Ctrl-C, which removes it; with --once it is published and left to expire.

            Example: muster publish --as sip:alice@home.example --server sip:127.0.0.1:5060 \\
                         --status open --activity meeting --note "back at ten"
            """)

    @OptionGroup var options: ClientOptions

    @Option(help: "Whether you can be reached: open or closed.")
    var status: BasicStatus = .open

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("What you do: away, busy, meeting, on-the-phone ... (RFC 4480).", valueName: "word"))
    var activity: [String] = []

    @Option(
        parsing: .singleValue, help: ArgumentHelp("How you feel: happy, tired ... (RFC 4480).", valueName: "word"))
    var mood: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("A text for your watchers.", valueName: "text"))
    var note: [String] = []

    @Option(help: ArgumentHelp("Where you are reached, if it is not --as.", valueName: "uri"))
    var contact: String?

    @Option(help: ArgumentHelp("A presence document to publish as it is; - is standard input.", valueName: "pidf.xml"))
    var file: String?

    @Option(help: ArgumentHelp("The name of this terminal's service in the document.", valueName: "id"))
    var service = "muster"

    @Flag(help: "Publish changes as differences (RFC 5264).")
    var partial = false

    @Flag(help: "Register first.")
    var register = false

    @Flag(help: "Publish and end; the state stays until it expires.")
    var once = false

    /// The basic status of RFC 3863 §4.1.4.
    enum BasicStatus: String, ExpressibleByArgument, CaseIterable {
        case open, closed
    }

    func validate() throws {
        let hasWords = !self.activity.isEmpty || !self.mood.isEmpty || !self.note.isEmpty || self.contact != nil
        if self.file != nil, hasWords || self.status != .open {
            throw ValidationError("--file stands alone: the document says all of it")
        }
        if let contact = self.contact, SIPURI(contact) == nil {
            throw ValidationError("--contact \(contact) is no URI")
        }
        let isName =
            self.service.utf8.first.map { ASCII.isLetter($0) || $0 == 0x5F } ?? false
            && self.service.utf8.allSatisfy {
                ASCII.isLetter($0) || ASCII.isDigit($0) || [0x2D, 0x2E, 0x5F].contains($0)
            }
        if !isName { throw ValidationError("--service is made of letters, digits, - . and _, a letter first") }
        if self.activity.count + self.mood.count + self.note.count > 100 {
            throw ValidationError("that is more than anybody reads")
        }
    }

    /// The document to publish.
    func document(at now: Instant) throws -> PresenceDocument {
        let bytes: [UInt8]
        if let file = self.file {
            bytes = try SmallFile.read(file)
        } else {
            let status = PresenceStatus(
                isOpen: self.status == .open, activities: self.activity, moods: self.mood, notes: self.note,
                contact: self.contact ?? self.options.identity)
            bytes = status.document(entity: self.options.identity, service: self.service, at: now)
        }
        do {
            return try PresenceDocument.parse(bytes[...])
        } catch {
            throw CommandFailure("\(self.file ?? "the state") cannot be published: \(error.reason)")
        }
    }

    func run() async throws {
        let document = try self.document(at: AnchoredClock().now())
        let session = try await ClientSession.start(self.options) { agent in
            agent.partialPublication = self.partial
            agent.persistent = !self.once
        }
        await session.runner.order(self.register ? .register : .publish(document))
        var hasBegun = !self.register
        var failure: CommandFailure?
        for await timed in session.runner.events {
            session.show(timed)
            switch timed.event {
            case .registered where !hasBegun:
                hasBegun = true
                await session.runner.order(.publish(document))
            case .published where self.once: await session.runner.shutDown()
            case .registrationFailed(let problem, nil):
                failure = CommandFailure("not registered", problem)
                await session.runner.shutDown()
            case .publicationFailed(let problem, nil):
                failure = CommandFailure("not published", problem)
                await session.runner.shutDown()
            default: break
            }
        }
        if let failure { throw failure }
    }
}
