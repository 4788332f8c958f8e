import Ground

/// What a person says about itself in a few words, and the presence document that it makes (RFC 3863, 4479, 4480).
package struct PresenceStatus: Equatable, Sendable {
    /// Whether the person can be reached: the basic status of the one service.
    package var isOpen: Bool
    /// What the person does (RFC 4480 §3.2). What the standard has no word for is published as `other`.
    package var activities: [String]
    /// How the person feels (RFC 4480 §3.4).
    package var moods: [String]
    /// Texts for people.
    package var notes: [String]
    /// Where the service is reached.
    package var contact: String?

    package init(
        isOpen: Bool = true, activities: [String] = [], moods: [String] = [], notes: [String] = [],
        contact: String? = nil
    ) {
        self.isOpen = isOpen
        self.activities = activities
        self.moods = moods
        self.notes = notes
        self.contact = contact
    }

    /// The activities that RFC 4480 §3.2 knows.
    package static let knownActivities: Set<String> = [
        "appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "meal",
        "meeting", "on-the-phone", "performance", "permanent-absence", "playing", "presentation", "shopping",
        "sleeping", "spectator", "steering", "travel", "tv", "unknown", "vacation", "working", "worship",
    ]

    /// The moods that RFC 4480 §3.4 knows.
    package static let knownMoods: Set<String> = [
        "afraid", "amazed", "angry", "annoyed", "anxious", "ashamed", "bored", "brave", "calm", "cold", "confused",
        "contented", "cranky", "curious", "depressed", "disappointed", "disgusted", "distracted", "embarrassed",
        "excited", "flirtatious", "frustrated", "grumpy", "guilty", "happy", "hot", "humbled", "humiliated", "hungry",
        "hurt", "impressed", "in_awe", "in_love", "indignant", "interested", "invincible", "jealous", "lonely", "mean",
        "moody", "nervous", "neutral", "offended", "playful", "proud", "relieved", "remorseful", "restless", "sad",
        "sarcastic", "serious", "shocked", "shy", "sick", "sleepy", "stressed", "surprised", "thirsty", "unknown",
        "worried",
    ]

    /// The document.
    ///
    /// - Parameters:
    ///   - entity: the public user identity of the presentity (REQ-24141-40).
    ///   - service: the identifier of the one tuple, stable for this terminal (RFC 3863 §4.1.2): an XML name.
    ///   - now: the time of the status.
    package func document(entity: String, service: String, at now: Instant) -> [UInt8] {
        let time = CalendarTime(now).text
        var text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" \
            xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="\(Self.escaped(entity))">
             <tuple id="\(Self.escaped(service))">
              <status><basic>\(self.isOpen ? "open" : "closed")</basic></status>

            """
        if let contact = self.contact { text += "  <contact>\(Self.escaped(contact))</contact>\n" }
        for note in self.notes { text += "  <note>\(Self.escaped(note))</note>\n" }
        text += "  <timestamp>\(time)</timestamp>\n </tuple>\n"
        if !self.activities.isEmpty || !self.moods.isEmpty {
            text += " <dm:person id=\"person-\(Self.escaped(service))\">\n"
            text += Self.group("activities", self.activities, known: Self.knownActivities)
            text += Self.group("mood", self.moods, known: Self.knownMoods)
            text += "  <dm:timestamp>\(time)</dm:timestamp>\n </dm:person>\n"
        }
        return Array((text + "</presence>\n").utf8)
    }

    /// One RPID element with its values; `unknown` stands alone (RFC 4480 §3.2).
    private static func group(_ name: String, _ values: [String], known: Set<String>) -> String {
        guard !values.isEmpty else { return "" }
        var text = "  <rpid:\(name)>"
        let lowered = values.map { $0.lowercased() }
        if lowered.contains("unknown") {
            text += "<rpid:unknown/>"
        } else {
            for (value, plain) in zip(values, lowered) {
                text += known.contains(plain) ? "<rpid:\(plain)/>" : "<rpid:other>\(Self.escaped(value))</rpid:other>"
            }
        }
        return text + "</rpid:\(name)>\n"
    }

    /// Text as XML: the five characters with a meaning are escaped, those that XML 1.0 forbids become blanks.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&apos;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
