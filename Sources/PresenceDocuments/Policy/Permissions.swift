internal import Ground
internal import XMLTree

/// What of a presence document a watcher is shown (RFC 5025 §3.3): the union of what the matching rules grant.
///
/// Equal permissions are equal values, cheap to hash and to compare, so that watchers who may see the same share a
/// view.
package struct Permissions: Hashable, Sendable {
    /// The grants with what is worked out of them once; shared by all copies.
    private final class Storage: Sendable {
        let grants: Grants
        let hash: Int
        /// The service URIs that are granted, by what equal ones share.
        let serviceURIs: [[UInt8]: [GrantedServiceURI]]

        init(_ grants: Grants) {
            self.grants = grants
            self.hash = grants.hashValue
            var serviceURIs: [[UInt8]: [GrantedServiceURI]] = [:]
            if case .some(let selectors) = grants.services {
                for selector in selectors where selector.kind == .serviceURI {
                    let uri = GrantedServiceURI(selector.value[...])
                    serviceURIs[uri.base, default: []].append(uri)
                }
            }
            self.serviceURIs = serviceURIs
        }
    }

    private let storage: Storage

    init(_ grants: Grants) { self.storage = Storage(grants.canonical) }

    var grants: Grants { self.storage.grants }

    /// Whether a service URI is granted by itself.
    func grants(serviceURI: Octets) -> Bool {
        guard !self.storage.serviceURIs.isEmpty else { return false }
        let uri = GrantedServiceURI(serviceURI)
        return self.storage.serviceURIs[uri.base]?.contains { $0.isEquivalent(to: uri) } ?? false
    }

    /// Nothing beyond the name of the presentity.
    package static let nothing = Permissions(Grants())

    /// All there is.
    package static let everything: Permissions = {
        var grants = Grants()
        grants.devices = .all
        grants.persons = .all
        grants.services = .all
        grants.providesAll = true
        return Permissions(grants)
    }()

    /// What either grants (RFC 4745 §10.2).
    package func union(_ other: Permissions) -> Permissions {
        if self == other || other == .nothing { return self }
        if self == .nothing { return other }
        var grants = self.grants
        grants.formUnion(other.grants)
        return Permissions(grants)
    }

    package static func == (left: Permissions, right: Permissions) -> Bool {
        left.storage === right.storage
            || (left.storage.hash == right.storage.hash && left.storage.grants == right.storage.grants)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.storage.hash) }
}

// MARK: In words

extension Permissions: CustomStringConvertible {
    /// What is shown, for people: "all services; persons of class work; activities, note".
    package var description: String {
        if self == .nothing { return "nothing" }
        let grants = self.grants
        var parts = [
            Self.words(grants.services, "services"), Self.words(grants.persons, "persons"),
            Self.words(grants.devices, "devices"),
        ].compactMap { $0 }
        if grants.providesAll {
            parts.append("all attributes")
            return parts.joined(separator: "; ")
        }
        var attributes = Grants.Attributes.words.enumerated().compactMap { index, word in
            grants.attributes.rawValue & 1 << UInt32(index) != 0 ? "\(word)" : nil
        }
        switch grants.userInput {
        case .none: break
        case .bare: attributes.append("user-input")
        case .thresholds: attributes.append("user-input with its threshold")
        case .full: attributes.append("user-input in full")
        }
        attributes += grants.unknown.map { "\($0.name[...].text) of \($0.namespace[...].text)" }.sorted()
        if !attributes.isEmpty { parts.append(attributes.joined(separator: ", ")) }
        return parts.joined(separator: "; ")
    }

    private static func words(_ occurrences: Grants.Occurrences, _ what: String) -> String? {
        switch occurrences {
        case .all: return "all \(what)"
        case .some(let selectors):
            if selectors.isEmpty { return nil }
            return "\(what) with "
                + selectors.map { "\($0.kind.word) \($0.value[...].text)" }.sorted().joined(separator: " or ")
        }
    }
}

extension Grants.Selector.Kind {
    /// The name of the element.
    var word: String {
        switch self {
        case .deviceID: "device ID"
        case .occurrenceID: "occurrence ID"
        case .classification: "class"
        case .serviceURI: "service URI"
        case .serviceURIScheme: "scheme"
        case .serviceID: "service ID"
        }
    }
}
