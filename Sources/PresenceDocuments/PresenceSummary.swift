/// What a person wants to know of a presence document.
package struct PresenceSummary: Sendable, Equatable {
    /// A service of the presentity: one tuple.
    package struct Service: Sendable, Equatable {
        package var id: String
        /// True for open, false for closed, nil if not said.
        package var isOpen: Bool?
        package var contact: String?
        package var priority: String?
        package var serviceID: String?
        package var serviceClass: String?
        package var notes: [String]
        package var activities: [String]
        package var timestamp: String?
    }

    /// What is said about the person.
    package struct Person: Sendable, Equatable {
        package var id: String
        package var activities: [String]
        package var moods: [String]
        package var places: [String]
        package var sphere: String?
        package var notes: [String]
        package var displayName: String?
        package var timestamp: String?
    }

    /// A device of the person.
    package struct Device: Sendable, Equatable {
        package var id: String
        package var deviceID: String
        package var notes: [String]
    }

    package var entity: String
    package var services: [Service]
    package var persons: [Person]
    package var devices: [Device]
    package var notes: [String]

    /// Open if one service is, closed if services are known and none is, nil if nothing is known.
    package var isOpen: Bool? {
        if self.services.contains(where: { $0.isOpen == true }) { return true }
        return self.services.contains { $0.isOpen == false } ? false : nil
    }
}

extension PresenceDocument {
    /// The document for a person to read.
    package var summary: PresenceSummary {
        PresenceSummary(entity: self.entity, services: [], persons: [], devices: [], notes: [])
    }
}
