import Ground
import UserAgent
import WebEdge
import XCAPEngine
import XMLTree

/// What an XCAP server refuses, in the words of people.
enum DocumentProblem {
    /// The failure that an answer means.
    ///
    /// - Parameter selector: what the request was about, escaped, below the root.
    static func failure(_ answer: HTTPClient.Answer, _ selector: String) -> CommandFailure {
        let selector = Self.readable(selector)
        if answer.status == 409, let conflict = Conflict(answer.body) {
            let phrase = conflict.phrase.isEmpty ? "" : ": " + PresenceText.harmless(conflict.phrase)
            return CommandFailure(
                "\(selector): \(conflict.words)\(phrase) [409 \(PresenceText.harmless(conflict.element))]",
                advice: conflict.advice)
        }
        let (words, advice) = Self.words(for: answer)
        return CommandFailure("\(selector): \(words) [\(answer.status)]", advice: advice)
    }

    /// A selector without its escapes.
    private static func readable(_ selector: String) -> String {
        PresenceText.harmless(PercentEncoding.decoded(Array(selector.utf8)[...])?[...].text ?? selector)
    }

    private static func words(for answer: HTTPClient.Answer) -> (String, String?) {
        switch answer.status {
        case 304: ("it has not changed", nil)
        case 400: ("the server does not understand the selector", "A prefix needs a binding: --namespace prefix=uri.")
        case 403: ("you may not do that with this document", "Everybody has documents of their own: check --as.")
        case 404: ("there is no such thing", "`muster xcap get` shows the document that it should be in.")
        case 405:
            ("that cannot be done with it", answer["Allow"].map { "Possible: \(PresenceText.harmless($0))." })
        case 409: ("it does not fit", nil)
        case 412:
            ("it is not what you expected: somebody changed it, or it is there already", "Get it again and look.")
        case 413: ("it is too large", "The setting xcap.document-bytes of the server says how large it can be.")
        case 414: ("the selector is too long", nil)
        case 415: ("the server does not take this type for it", "Name the right one with --type.")
        case 503: ("the server is too busy", "Try again in a while.")
        case 507:
            (
                "there is no room left for you",
                "The settings xcap.documents-per-user and xcap.bytes-per-user of the server say how much there is."
            )
        default: ("the server refused", nil)
        }
    }

    /// The failure of a connection.
    static func failure(_ fault: Fault, at root: HTTPAddress) -> CommandFailure {
        switch fault.code {
        case "http.unreachable":
            // The network's own words are for programmers.
            CommandFailure(
                "\(root.origin) cannot be reached [\(fault.code)]",
                advice: "Check that the server runs and serves documents (its setting xcap.listen), and --xcap-root.")
        case "http.timeout":
            CommandFailure(
                fault.description,
                advice: "Check that the server runs and serves documents (its setting xcap.listen), and --xcap-root.")
        case "http.password-needed":
            CommandFailure(
                fault.description,
                advice: "Give the password with --password-file, or in the environment as MUSTER_PASSWORD.")
        case "http.password-wrong":
            CommandFailure(fault.description, advice: "Check the user name (--user) and the password.")
        default: CommandFailure(fault.description)
        }
    }

    /// An `xcap-error` document (RFC 4825 §11).
    struct Conflict: Equatable {
        /// The name of the error element.
        let element: String
        /// What the server says about it.
        let phrase: String
        /// For `no-parent`, what exists closest to what was asked for.
        var ancestor = ""
        /// For `uniqueness-failure`, what exists already.
        var fields: [String] = []
        /// For `uniqueness-failure`, values that are free.
        var alternatives: [String] = []

        /// Nil for what is no such document.
        init?(_ body: [UInt8]) {
            guard let tree = try? XMLDocument.parse(body[...]), let root = tree.rootElement,
                root.name.equals("xcap-error"), let error = root.children.first
            else { return nil }
            self.element = error.name.text
            self.phrase = error.attribute("phrase")?.text ?? ""
            self.ancestor = error.child("ancestor")?.text.text ?? ""
            for exists in error.children("exists") {
                if let field = exists.attribute("field") { self.fields.append(field.text) }
                self.alternatives += exists.children("alt-value").map(\.text.text)
            }
        }

        /// What is wrong (RFC 4825 §11.1).
        var words: String {
            switch self.element {
            case "not-well-formed": return "what was sent is no well-formed XML"
            case "not-xml-frag": return "what was sent is not one XML element"
            case "not-xml-att-value": return "what was sent cannot be the value of an attribute"
            case "not-utf-8": return "what was sent is not in UTF-8"
            case "no-parent": return "there is nothing to put it into"
            case "cannot-insert": return "the selector would not lead to what was sent"
            case "cannot-delete": return "the selector would still lead to something"
            case "schema-validation-error": return "the document would break its schema"
            case "constraint-failure": return "the document would break a rule of its kind"
            case "uniqueness-failure":
                let fields = self.fields.map(PresenceText.harmless).joined(separator: ", ")
                return fields.isEmpty ? "something would be there twice" : "it would be there twice: \(fields)"
            default: return "the document would break a rule of its kind"
            }
        }

        /// What to do next.
        var advice: String? {
            switch self.element {
            case "no-parent":
                return self.ancestor.isEmpty
                    ? "Put the document first." : "What exists of it: \(PresenceText.harmless(self.ancestor))"
            case "cannot-insert":
                return "Let the element have the name and the attributes that the last step of the selector names."
            case "cannot-delete":
                return "Name it by an attribute instead of its position, or delete the last one first."
            case "uniqueness-failure":
                return self.alternatives.isEmpty
                    ? nil : "Free: \(self.alternatives.map(PresenceText.harmless).joined(separator: ", "))"
            case "not-well-formed", "not-xml-frag": return "Check the file with `xmllint --noout FILE`."
            default: return nil
            }
        }
    }
}
