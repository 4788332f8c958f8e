import PresenceDocuments

/// Presence as people like to read it, and as scripts do.
package enum PresenceText {
    /// How text may look.
    package enum Style: Sendable {
        case plain
        /// With the colours of a terminal (ECMA-48).
        case coloured
    }

    /// The kinds of emphasis that the command line uses.
    package enum Emphasis: Sendable {
        case good, muted, warning, bad, strong
    }

    /// Wraps a text in the colour of an emphasis, if colours are wanted.
    package static func emphasised(_ text: String, _ emphasis: Emphasis, _ style: Style) -> String {
        guard style == .coloured else { return text }
        let code =
            switch emphasis {
            case .good: "32"
            case .muted: "2"
            case .warning: "33"
            case .bad: "31"
            case .strong: "1"
            }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }

    /// Text from the network for a terminal: control characters, which could move the cursor or worse, become blanks.
    package static func harmless(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            // Marks that turn the direction of text can make one name look like another.
            let turns = (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            if isControl || turns { result += " " } else { result.unicodeScalars.append(scalar) }
        }
        return result
    }

    /// A text filled up with blanks to a width.
    package static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// The words for what a person does and feels, and its texts: `away, happy  "back at ten"`.
    package static func words(of summary: PresenceSummary) -> String {
        var words = self.activities(of: summary) + summary.persons.flatMap(\.moods)
        words += summary.persons.flatMap(\.places)
        var parts: [String] = []
        if !words.isEmpty { parts.append(words.map(self.harmless).joined(separator: ", ")) }
        parts += self.notes(of: summary).map { "\"\(self.harmless($0))\"" }
        return parts.joined(separator: "  ")
    }

    private static func activities(of summary: PresenceSummary) -> [String] {
        self.unique(summary.persons.flatMap(\.activities) + summary.services.flatMap(\.activities))
    }

    private static func notes(of summary: PresenceSummary) -> [String] {
        self.unique(summary.services.flatMap(\.notes) + summary.persons.flatMap(\.notes) + summary.notes)
    }

    private static func unique(_ texts: [String]) -> [String] {
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }

    /// `open`, `closed` or `unknown`.
    package static func status(of summary: PresenceSummary) -> String {
        switch summary.isOpen {
        case true?: "open"
        case false?: "closed"
        case nil: "unknown"
        }
    }

    /// One line: the presentity, its status, and what else it says.
    package static func line(for presentity: String, _ summary: PresenceSummary, style: Style) -> String {
        let words = self.words(of: summary)
        let status = words.isEmpty ? self.status(of: summary) : self.padded(self.status(of: summary), 7)
        let emphasis: Emphasis =
            switch summary.isOpen {
            case true?: .good
            case false?: .muted
            case nil: .warning
            }
        return self.padded(self.harmless(presentity), 28) + "  " + self.emphasised(status, emphasis, style)
            + (words.isEmpty ? "" : "  " + words)
    }

    /// Several lines: all services, persons and devices, for one who asks once.
    package static func details(of summary: PresenceSummary, style: Style) -> String {
        var lines: [String] = []
        for service in summary.services {
            let status = service.isOpen.map { $0 ? "open" : "closed" } ?? "unknown"
            let emphasis: Emphasis = service.isOpen == true ? .good : .muted
            var line = "  service  " + self.emphasised(self.padded(status, 7), emphasis, style)
            line += "  " + self.harmless(service.contact ?? service.serviceID ?? service.id)
            if let priority = service.priority { line += " (priority \(self.harmless(priority)))" }
            for note in service.notes { line += "  \"\(self.harmless(note))\"" }
            if let time = service.timestamp { line += "  since " + self.harmless(time) }
            lines.append(line)
        }
        for person in summary.persons {
            var words = person.activities + person.moods + person.places
            if let sphere = person.sphere { words.append(sphere) }
            var line = "  person   " + words.map(self.harmless).joined(separator: ", ")
            if let name = person.displayName { line += "  " + self.harmless(name) }
            for note in person.notes { line += "  \"\(self.harmless(note))\"" }
            lines.append(line)
        }
        for device in summary.devices {
            var line = "  device   " + self.harmless(device.deviceID)
            for note in device.notes { line += "  \"\(self.harmless(note))\"" }
            lines.append(line)
        }
        for note in summary.notes { lines.append("  note     \"\(self.harmless(note))\"") }
        return lines.joined(separator: "\n")
    }

    /// The members of a JSON object that say what a document says.
    package static func describe(_ summary: PresenceSummary, in object: inout JSONObject) {
        object.add("entity", text: summary.entity)
        object.add("status", text: self.status(of: summary))
        object.add("activities", texts: self.activities(of: summary))
        object.add("moods", texts: self.unique(summary.persons.flatMap(\.moods)))
        object.add("notes", texts: self.notes(of: summary))
        object.add("services", objects: summary.services.map(self.object))
        object.add("devices", texts: summary.devices.map(\.deviceID))
    }

    private static func object(_ service: PresenceSummary.Service) -> JSONObject {
        var object = JSONObject()
        object.add("id", text: service.id)
        object.add("status", text: service.isOpen.map { $0 ? "open" : "closed" })
        object.add("contact", text: service.contact)
        object.add("priority", text: service.priority)
        object.add("service", text: service.serviceID)
        object.add("notes", texts: service.notes)
        object.add("timestamp", text: service.timestamp)
        return object
    }
}
