import ArgumentParser
import Foundation
import Ground
import PresenceDocuments
import UserAgent
import XCAPEngine

/// `muster list`: the lists of a user.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Keep lists of users: friends, colleagues (RFC 4826).",
        discussion: """
            Example: muster list create friends --as sip:alice@home.example
                     muster list add friends bob carol --as sip:alice@home.example
            """,
        subcommands: [Show.self, Add.self, Remove.self, Create.self, Delete.self])
}

/// The document with the lists of a user, and its changes: each is one operation on one element, bound to the document
/// that was looked at.
struct ListsDocument: Sendable {
    let client: DocumentClient

    private static let usage = ApplicationUsage.resourceLists
    private var auid: String { Self.usage.auid[...].text }
    /// The selector of the document.
    var selector: String { self.client.selector(self.auid) }

    /// What a change is to do, after the document was looked at.
    enum Step {
        case put(node: String?, body: String)
        case delete(node: String)
        /// It is as it should be.
        case nothing
    }

    /// The lists; nil where there is no document.
    func read() async throws -> (lists: ResourceLists, found: DocumentClient.Found)? {
        guard let found = try await self.client.get(self.selector) else { return nil }
        do { return (try ResourceLists.parse(found.body[...]), found) } catch {
            throw CommandFailure("\(self.selector) cannot be read: \(error.reason)")
        }
    }

    /// Looks, decides and changes, until nobody comes in between.
    ///
    /// - Returns: whether anything was changed.
    func change(_ decide: (ResourceLists?) throws -> Step) async throws -> Bool {
        for _ in 0..<DocumentClient.attempts {
            let current = try await self.read()
            let condition = DocumentClient.condition(current?.found)
            let outcome: DocumentClient.Outcome
            switch try decide(current?.lists) {
            case .nothing: return false
            case .put(let node, let body):
                let type = node == nil ? Self.usage.mediaType[...].text : "application/xcap-el+xml"
                outcome = try await self.client.put(
                    self.client.selector(self.auid, node: node), Array(body.utf8), type: type, if: condition)
            case .delete(let node):
                outcome = try await self.client.delete(self.client.selector(self.auid, node: node), if: condition)
            }
            if outcome != .preempted { return true }
        }
        throw DocumentClient.outpaced(self.selector)
    }

    /// The list with a name.
    static func list(_ name: String, in lists: ResourceLists?) throws -> ResourceList {
        guard let list = lists?.lists.first(where: { $0.name.map { $0[...].text } == name }) else {
            throw CommandFailure(
                "there is no list \(PresenceText.harmless(name))", advice: "`muster list create` makes one.")
        }
        return list
    }

    /// The node selector of a list.
    static func node(_ name: String) -> String { "resource-lists/list" + DocumentClient.predicate("name", name) }

    /// The element of a new list.
    static func element(_ name: String, displayName: String?, namespace: Bool) -> String {
        let declaration = namespace ? " xmlns=\"\(ResourceLists.namespace)\"" : ""
        return "<list\(declaration) name=\"\(Self.escaped(name))\">\(Self.displayName(displayName))</list>"
    }

    /// The element of a member.
    static func entry(_ uri: String, displayName: String?) -> String {
        "<entry xmlns=\"\(ResourceLists.namespace)\" uri=\"\(Self.escaped(uri))\">\(Self.displayName(displayName))</entry>"
    }

    private static func displayName(_ name: String?) -> String {
        name.map { "<display-name>\(Self.escaped($0))</display-name>" } ?? ""
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}

/// A list of the user, by its name.
struct ListArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The name of the list.", valueName: "name"))
    var name: String

    @OptionGroup var documents: DocumentOptions

    func validate() throws {
        _ = try self.documents.owner()
        let isUsable = !self.name.isEmpty && !self.name.contains("/") && self.name == PresenceText.harmless(self.name)
        if !isUsable { throw ValidationError("the name of a list is a text without a slash") }
    }

    func document() throws -> ListsDocument {
        ListsDocument(client: try self.documents.client(for: try self.documents.owner()))
    }

    /// The identities that arguments name.
    func members(_ names: [String]) throws -> [String] {
        let domain = UserName.domain(of: try self.documents.owner())
        guard !names.isEmpty else {
            throw ValidationError("name at least one member, like bob or sip:bob@home.example")
        }
        return try names.map { name in
            guard let identity = UserName.identity(name, domain: domain) else {
                throw ValidationError("\(name) is no user; it looks like sip:bob@home.example")
            }
            return identity
        }
    }

    /// Says what was done.
    func tell(_ done: String, members: [String] = [], isChanged: Bool) {
        guard self.documents.json else {
            Terminal.result(isChanged ? "\(PresenceText.harmless(done))." : "Nothing to change.")
            return
        }
        var object = JSONObject()
        object.add("list", text: self.name)
        if !members.isEmpty { object.add("members", texts: members) }
        object.add("changed", flag: isChanged)
        Terminal.result(object.text)
    }
}

extension ListCommand {
    /// `muster list show`
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show your lists, or one of them.")

        @Argument(help: ArgumentHelp("The name of a list.", valueName: "name"))
        var name: String?

        @OptionGroup var documents: DocumentOptions

        func validate() throws { _ = try self.documents.owner() }

        func run() async throws {
            let document = ListsDocument(client: try self.documents.client(for: try self.documents.owner()))
            let lists = try await document.read()?.lists
            await document.client.close()
            let shown = try self.name.map { [try ListsDocument.list($0, in: lists)] } ?? lists?.lists ?? []
            if self.documents.json {
                for list in shown { Terminal.result(Self.object(list).text) }
            } else if shown.isEmpty {
                Terminal.remark("There are no lists. Make one with `muster list create`.")
            } else {
                Terminal.result(shown.map { Self.lines($0, depth: 0).joined(separator: "\n") }.joined(separator: "\n"))
            }
        }

        /// A list as an outline.
        static func lines(_ list: ResourceList, depth: Int) -> [String] {
            let indent = String(repeating: "  ", count: depth)
            func titled(_ text: [UInt8], _ name: [UInt8]) -> String {
                let name = name.isEmpty ? "" : "  \"\(PresenceText.harmless(name[...].text))\""
                return PresenceText.harmless(text[...].text) + name
            }
            var lines = [indent + titled(list.name ?? Array("(without a name)".utf8), list.displayName)]
            for member in list.members {
                switch member {
                case .list(let inner): lines += Self.lines(inner, depth: depth + 1)
                case .entry(let entry): lines.append(indent + "  " + titled(entry.uri, entry.displayName))
                case .entryReference(let reference):
                    lines.append(indent + "  → " + PresenceText.harmless(reference[...].text))
                case .external(let anchor):
                    lines.append(indent + "  → " + PresenceText.harmless(anchor[...].text))
                }
            }
            return lines
        }

        /// A list as a JSON object.
        static func object(_ list: ResourceList) -> JSONObject {
            var object = JSONObject()
            object.add("list", text: list.name.map { $0[...].text })
            object.add("name", text: list.displayName.isEmpty ? nil : list.displayName[...].text)
            var entries: [JSONObject] = []
            var references: [String] = []
            for member in list.members {
                switch member {
                case .entry(let entry):
                    var object = JSONObject()
                    object.add("uri", text: entry.uri[...].text)
                    object.add("name", text: entry.displayName.isEmpty ? nil : entry.displayName[...].text)
                    entries.append(object)
                case .entryReference(let text), .external(let text): references.append(text[...].text)
                case .list: continue
                }
            }
            object.add("entries", objects: entries)
            if !references.isEmpty { object.add("references", texts: references) }
            if !list.lists.isEmpty { object.add("lists", objects: list.lists.map(Self.object)) }
            return object
        }
    }

    /// `muster list create`
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a list.")

        @OptionGroup var list: ListArguments

        @Option(help: ArgumentHelp("What people see.", valueName: "text"))
        var displayName: String?

        func run() async throws {
            let document = try self.list.document()
            let name = self.list.name
            let isChanged = try await document.change { lists in
                guard let lists else {
                    let list = ListsDocument.element(name, displayName: self.displayName, namespace: false)
                    return .put(
                        node: nil,
                        body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                            + "<resource-lists xmlns=\"\(ResourceLists.namespace)\">\n  \(list)\n</resource-lists>\n")
                }
                guard !lists.lists.contains(where: { $0.name.map { $0[...].text } == name }) else {
                    throw CommandFailure("there is a list \(name) already", advice: "`muster list show` shows it.")
                }
                return .put(
                    node: ListsDocument.node(name),
                    body: ListsDocument.element(name, displayName: self.displayName, namespace: true))
            }
            await document.client.close()
            self.list.tell("The list \(name) is there", isChanged: isChanged)
        }
    }

    /// `muster list delete`
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a list with all that is in it.")

        @OptionGroup var list: ListArguments

        func run() async throws {
            let document = try self.list.document()
            let isChanged = try await document.change { lists in
                _ = try ListsDocument.list(self.list.name, in: lists)
                return .delete(node: ListsDocument.node(self.list.name))
            }
            await document.client.close()
            self.list.tell("The list \(self.list.name) is gone", isChanged: isChanged)
        }
    }

    /// `muster list add`
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add users to a list.")

        @OptionGroup var list: ListArguments

        @Argument(help: ArgumentHelp("Who is added.", valueName: "user"))
        var members: [String]

        @Option(help: ArgumentHelp("What people see; for one user.", valueName: "text"))
        var displayName: String?

        func validate() throws {
            _ = try self.list.members(self.members)
            if self.displayName != nil, self.members.count != 1 {
                throw ValidationError("--display-name is for one user")
            }
        }

        func run() async throws {
            let document = try self.list.document()
            let members = try self.list.members(self.members)
            var isChanged = false
            for member in members {
                let isAdded = try await document.change { lists in
                    let list = try ListsDocument.list(self.list.name, in: lists)
                    let known = ListCommand.entries(of: list).first { $0.identity[...].text == member }
                    if let known, self.displayName.map({ known.displayName[...].text == $0 }) ?? true {
                        return .nothing
                    }
                    let uri = known?.uri[...].text ?? member
                    return .put(
                        node: ListsDocument.node(self.list.name) + "/entry" + DocumentClient.predicate("uri", uri),
                        body: ListsDocument.entry(uri, displayName: self.displayName))
                }
                isChanged = isChanged || isAdded
            }
            await document.client.close()
            self.list.tell(
                "In \(self.list.name): \(members.joined(separator: ", "))", members: members, isChanged: isChanged)
        }
    }

    /// `muster list remove`
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take users out of a list.")

        @OptionGroup var list: ListArguments

        @Argument(help: ArgumentHelp("Who is taken out.", valueName: "user"))
        var members: [String]

        func validate() throws { _ = try self.list.members(self.members) }

        func run() async throws {
            let document = try self.list.document()
            let members = try self.list.members(self.members)
            for member in members {
                _ = try await document.change { lists in
                    let list = try ListsDocument.list(self.list.name, in: lists)
                    guard let known = ListCommand.entries(of: list).first(where: { $0.identity[...].text == member })
                    else {
                        throw CommandFailure(
                            "\(member) is not in \(self.list.name)", advice: "`muster list show` shows who is.")
                    }
                    return .delete(
                        node: ListsDocument.node(self.list.name) + "/entry"
                            + DocumentClient.predicate("uri", known.uri[...].text))
                }
            }
            await document.client.close()
            self.list.tell(
                "No longer in \(self.list.name): \(members.joined(separator: ", "))", members: members,
                isChanged: true)
        }
    }

    /// The entries right in a list.
    fileprivate static func entries(of list: ResourceList) -> [ResourceList.Entry] {
        list.members.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
    }
}
