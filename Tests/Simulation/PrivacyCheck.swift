import Ground
import XMLTree

/// Looks for what a watcher must not see in the body of a NOTIFY, whole or partial, without the code that made it.
enum PrivacyCheck {
    /// What is shown although it may not be; nil if all is well.
    static func offence(in body: Octets, shown: Shown) -> String? {
        guard let document = try? XMLDocument.parse(body), let root = document.rootElement else {
            return "a document that is no XML"
        }
        guard root.name.elementsEqual("pidf-diff".utf8) else { return Self.offence(below: root, shown) }
        for operation in root.children where !operation.name.elementsEqual("remove".utf8) {
            // What a removal names is gone, and was shown before.
            let selector = operation.attribute("sel")?.text ?? ""
            if let found = Self.offence(in: selector, shown) ?? Self.offence(below: operation, shown) { return found }
        }
        return nil
    }

    private static func offence(below parent: XMLElement, _ shown: Shown) -> String? {
        for element in parent.children {
            switch element.name.text {
            case "tuple":
                let id = element.attribute("id")?.text ?? ""
                if !shown.shows(tuple: id) { return "the tuple \(id)" }
            case "person": if !shown.persons { return "a person" }
            case "activities": if !shown.activities { return "activities" }
            case "note": if !shown.notes { return "a note" }
            case "class": if !shown.classification { return "a class" }
            default: break
            }
            if let found = Self.offence(below: element, shown) { return found }
        }
        return nil
    }

    /// What the selector of a change points at.
    private static func offence(in selector: String, _ shown: Shown) -> String? {
        var rest = selector[...]
        while let mark = rest.firstRange(of: "dev-") {
            let id = rest[mark.lowerBound...].prefix { $0 != "\"" && $0 != "'" && $0 != "]" }
            if !shown.shows(tuple: String(id)) { return "a change of the tuple \(id)" }
            rest = rest[id.endIndex...]
        }
        if !shown.persons, selector.contains("person") { return "a change of a person" }
        if !shown.activities, selector.contains("activities") { return "a change of activities" }
        if !shown.notes, selector.contains("note") { return "a change of a note" }
        return nil
    }
}
