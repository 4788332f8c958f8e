import ArgumentParser
import Ground
import PresenceDocuments
import UserAgent
import WebEdge

/// `muster policy`: who may see a user, and why.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Say who may see you, and ask why somebody does or does not.",
        discussion: """
            The rules are a document of yours on the server (RFC 5025); what else it says stays as it is. A change acts \
            on watchers that are there at once.

            A watcher is a user (sip:bob@home.example, or bob for one of your own domain), everybody of a domain \
            (*@home.example), `others` for everybody whom no other rule is about, or `anonymous`.

            Example: muster policy allow bob --as sip:alice@home.example
            """,
        subcommands: [
            Show.self, Allow.self, Block.self, PoliteBlock.self, Confirm.self, Remove.self, Explain.self, Audit.self,
        ])
}

/// Which rules document is meant, and whose.
struct RulesOptions: ParsableArguments {
    @OptionGroup var documents: DocumentOptions

    @Flag(help: "Use the rules document of OMA Presence XDM in place of that of RFC 5025.")
    var oma = false

    /// The document of a user, and that user.
    func document(of presentity: String?) throws -> RulesDocument {
        let owner = try self.documents.owner(named: presentity)
        return RulesDocument(
            client: try self.documents.client(for: owner), place: self.oma ? .openMobile : .presenceRules)
    }
}

/// Whom a change of the rules is about.
struct SubjectArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The watcher; before it the presentity, if it is not --as.", valueName: "watcher"))
    var names: [String]

    @OptionGroup var rules: RulesOptions

    var isJSON: Bool { self.rules.documents.json }

    func validate() throws {
        guard self.names.count == 1 || self.names.count == 2 else {
            throw ValidationError("name one watcher, like bob, *@home.example, others or anonymous")
        }
        _ = try self.subject()
    }

    /// What the arguments name before the watcher.
    var presentity: String? { self.names.count == 2 ? self.names[0] : nil }

    func subject() throws -> RulesetEditing.Subject {
        let owner = try self.rules.documents.owner(named: self.presentity)
        let name = self.names.last ?? ""
        guard let subject = PolicyText.subject(name, domain: UserName.domain(of: owner)) else {
            throw ValidationError(
                "\(name) is no watcher; it looks like bob, sip:bob@home.example, *@home.example, others or anonymous")
        }
        return subject
    }

    /// Changes the rules and says so.
    func set(_ handling: SubHandling, others: OthersOption? = nil) async throws {
        let subject = try self.subject()
        let document = try self.rules.document(of: self.presentity)
        let outcome = try await document.set(handling, for: subject, others: (others?.others ?? .confirm).handling)
        await document.client.close()
        let owner = document.client.owner
        if self.isJSON {
            var object = JSONObject()
            object.add("presentity", text: owner)
            object.add("watcher", text: self.names.last ?? "")
            object.add("handling", text: handling.word)
            object.add("changed", flag: outcome.isChanged)
            object.add("created", flag: outcome.isNew)
            object.add("remaining", texts: outcome.remaining)
            Terminal.result(object.text)
        } else {
            Terminal.result(PolicyText.sentence(handling, subject, of: owner) + ".")
            if outcome.isNew, subject != .others {
                let word = (others?.others ?? .confirm).handling
                Terminal.result("These are your first rules; " + PolicyText.sentence(word, .others, of: owner) + ".")
            }
        }
        if !outcome.remaining.isEmpty {
            let names = outcome.remaining.map(PresenceText.harmless).joined(separator: ", ")
            Terminal.remark(
                "muster: warning: these rules still grant more, because they name no single watchers: \(names)\n"
                    + "`muster policy show` shows them; `muster xcap put` can change them.")
        }
    }
}

/// How everybody else is treated by a document that is made by a change.
struct OthersOption: ParsableArguments {
    @Option(
        help: "How everybody else is treated where these are your first rules: allow, confirm, polite-block or block.")
    var others: HandlingWord = .confirm
}

/// The words of RFC 5025 §3.2.1 on the command line.
enum HandlingWord: String, ExpressibleByArgument, CaseIterable {
    case allow, confirm, block
    case politeBlock = "polite-block"

    var handling: SubHandling {
        switch self {
        case .allow: .allow
        case .confirm: .confirm
        case .block: .block
        case .politeBlock: .politeBlock
        }
    }
}

extension PolicyCommand {
    /// `muster policy show`
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show your rules, one a line.")

        @Argument(help: ArgumentHelp("Whose rules, if not those of --as.", valueName: "sip:alice@home.example"))
        var presentity: String?

        @OptionGroup var rules: RulesOptions

        @Flag(help: "Show the document itself.")
        var raw = false

        func validate() throws { _ = try self.rules.documents.owner(named: self.presentity) }

        func run() async throws {
            let document = try self.rules.document(of: self.presentity)
            let body = try await document.read()
            await document.client.close()
            guard let body else {
                Terminal.remark(
                    "\(document.client.owner) has no rules here: the server's own decide. "
                        + "`muster policy allow WATCHER` makes some.")
                return
            }
            if self.raw {
                Terminal.result(body[...].text)
                return
            }
            let ruleset: Ruleset
            do { ruleset = try Ruleset.parse(body[...]) } catch {
                throw CommandFailure("the rules cannot be read: \(error.reason)", advice: "--raw shows the document.")
            }
            if self.rules.documents.json {
                for rule in ruleset.summary { Terminal.result(PolicyText.object(rule).text) }
            } else if ruleset.rules.isEmpty {
                Terminal.remark("There is no rule in the document: nobody but \(document.client.owner) is let in.")
            } else {
                Terminal.result(PolicyText.table(ruleset.summary))
            }
        }
    }

    /// `muster policy allow`
    struct Allow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a watcher see you.")
        @OptionGroup var subject: SubjectArguments
        @OptionGroup var others: OthersOption
        func run() async throws { try await self.subject.set(.allow, others: self.others) }
    }

    /// `muster policy block`
    struct Block: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Refuse a watcher, who is told so.")
        @OptionGroup var subject: SubjectArguments
        @OptionGroup var others: OthersOption
        func run() async throws { try await self.subject.set(.block, others: self.others) }
    }

    /// `muster policy polite-block`
    struct PoliteBlock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "polite-block", abstract: "Show yourself to a watcher as away for ever.")
        @OptionGroup var subject: SubjectArguments
        @OptionGroup var others: OthersOption
        func run() async throws { try await self.subject.set(.politeBlock, others: self.others) }
    }

    /// `muster policy confirm`
    struct Confirm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a watcher wait until you decide.")
        @OptionGroup var subject: SubjectArguments
        @OptionGroup var others: OthersOption
        func run() async throws { try await self.subject.set(.confirm, others: self.others) }
    }

    /// `muster policy remove`
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forget what your rules say about a watcher.")
        @OptionGroup var subject: SubjectArguments

        func run() async throws {
            let document = try self.subject.rules.document(of: self.subject.presentity)
            let subject = try self.subject.subject()
            let isChanged = try await document.remove(subject)
            await document.client.close()
            guard isChanged else {
                throw CommandFailure(
                    "the rules of \(document.client.owner) say nothing about \(PolicyText.name(of: subject))",
                    advice: "`muster policy show` shows what they say.")
            }
            if self.subject.isJSON {
                var object = JSONObject()
                object.add("presentity", text: document.client.owner)
                object.add("watcher", text: self.subject.names.last ?? "")
                object.add("changed", flag: true)
                Terminal.result(object.text)
            } else {
                Terminal.result("The rules say nothing about \(PolicyText.name(of: subject)) any more.")
            }
        }
    }

    /// `muster policy explain`
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say why a watcher sees what it sees.",
            discussion: """
                Asks the administration port of the server. Users without a domain are those of the server's main one.

                Example: muster policy explain alice bob
                """)

        @Argument(help: ArgumentHelp("Who is watched.", valueName: "presentity"))
        var presentity: String

        @Argument(help: ArgumentHelp("Who watches; `anonymous` for somebody without a name.", valueName: "watcher"))
        var watcher: String

        @OptionGroup var administration: AdministrationOptions

        func run() async throws {
            let client = try self.administration.client()
            let (report, body) = try await client.explanation(presentity: self.presentity, watcher: self.watcher)
            Terminal.result(
                self.administration.json
                    ? body[...].text : PolicyText.lines(report, style: Terminal.style).joined(separator: "\n"))
        }
    }

    /// `muster policy audit`
    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the decisions that were made, the latest first.",
            discussion: "Asks the administration port of the server.")

        @Option(help: ArgumentHelp("Only decisions about this presentity.", valueName: "user"))
        var presentity: String?

        @Option(help: ArgumentHelp("Only decisions about this watcher.", valueName: "user"))
        var watcher: String?

        @Option(help: ArgumentHelp("Only later ones.", valueName: "2026-03-01T12:00:00Z"))
        var since: String?

        @Option(help: ArgumentHelp("Only earlier ones.", valueName: "2026-03-01T12:00:00Z"))
        var until: String?

        @Option(help: "How many at most.")
        var limit: Int = 100

        @OptionGroup var administration: AdministrationOptions

        func validate() throws {
            if !(1...10_000).contains(self.limit) { throw ValidationError("--limit is from 1 to 10000") }
        }

        func run() async throws {
            let query: [(name: String, value: String?)] = [
                ("presentity", self.presentity), ("watcher", self.watcher), ("since", self.since),
                ("until", self.until), ("limit", String(self.limit)),
            ]
            let body = try await self.administration.client().get(
                "/api/audit", query.compactMap { member in member.value.map { (member.name, $0) } })
            let report = try AdministrationClient.decode(AuditReport.self, body)
            if self.administration.json {
                for decision in report.decisions { Terminal.result(PolicyText.object(decision).text) }
            } else if report.decisions.isEmpty {
                Terminal.remark("There is no such decision in the log.")
            } else {
                Terminal.result(PolicyText.table(report.decisions))
            }
        }
    }
}
