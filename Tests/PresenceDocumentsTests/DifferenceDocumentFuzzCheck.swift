import Ground
import PresenceDocuments
import XMLTree

/// What must hold for every `xcap-diff` document and every pair of documents: the fuzz target calls it, and so does the
/// test that replays findings.
enum DifferenceFuzzCheck {
    private static let sample = Array(
        """
        <?xml version="1.0"?><!--lists--><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">
         <list name="friends"><entry uri="sip:bo@h.net"><display-name>Bo</display-name></entry>
         <?keep this?><entry uri="sip:cy@h.net" x:k="1"/></list> text <list name="b"/></resource-lists>
        """.utf8)

    /// An xcap-diff document is read and applied to a copy; the same bytes as a document are told apart from a sample.
    static func check(_ input: [UInt8]) -> String? {
        if let violation = Self.checkChange(from: Self.sample, to: input) { return violation }
        if let violation = Self.checkChange(from: input, to: Self.sample) { return violation }
        guard let received = try? DifferenceDocument.Received.parse(input[...]) else { return nil }
        var mirror = DocumentMirror()
        for entry in received.entries {
            guard entry.kind == .document, let tag = entry.previousTag else { continue }
            do { try mirror.fetched(entry.selector, tag: tag, body: Self.sample[...]) } catch {
                return "the sample cannot be read"
            }
        }
        let outcomes = mirror.apply(received)
        if outcomes.count != received.entries.count { return "an entry was passed over" }
        for copy in mirror.copies.values {
            guard let document = copy.document else { continue }
            guard let again = try? XMLDocument.parse(document.serialised()[...]) else {
                return "a patched document cannot be read"
            }
            if again != document { return "a patched document reads differently" }
        }
        return nil
    }

    /// Whatever two documents are: operations that are given away lead from the one to the other.
    static func checkChange(from old: [UInt8], to new: [UInt8]) -> String? {
        guard case .patched(let operations) = DifferenceDocument.change(from: old, to: new),
            let before = try? XMLDocument.parse(old[...]), let after = try? XMLDocument.parse(new[...])
        else { return nil }
        let text = DifferenceDocument(
            root: Array("http://h/".utf8),
            entries: [
                .document(selector: [0x64], previousTag: [0x31], newTag: [0x32], .patched(operations))
            ]
        ).serialised()
        guard let received = try? DifferenceDocument.Received.parse(text[...]), let entry = received.entries.first,
            let result = try? received.applying(entry, to: before)
        else { return "operations cannot be applied" }
        return result == after ? nil : "operations lead elsewhere"
    }
}
