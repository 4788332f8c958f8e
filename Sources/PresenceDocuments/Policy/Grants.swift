internal import Ground
internal import XMLTree

/// What transformations grant, as values that combine (RFC 4745 §10.2, RFC 5025 §3.3): sets unite, booleans are
/// or-ed, of levels the greatest counts.
struct Grants: Hashable, Sendable {
    /// A way to name devices, persons or services.
    struct Selector: Hashable, Sendable {
        /// By what it names them: the elements of the `provide-…` sets.
        enum Kind: UInt8, Hashable, Sendable, CaseIterable {
            case deviceID, occurrenceID, classification, serviceURI, serviceURIScheme, serviceID
        }
        var kind: Kind
        var value: [UInt8]
    }

    /// Which of the devices, persons or services are shown.
    enum Occurrences: Hashable, Sendable {
        case all
        case some(Set<Selector>)

        static let none = Occurrences.some([])

        mutating func formUnion(_ other: Occurrences) {
            switch (self, other) {
            case (.all, _): break
            case (_, .all): self = .all
            case (.some(let mine), .some(let theirs)): if !theirs.isEmpty { self = .some(mine.union(theirs)) }
            }
        }
    }

    /// Elements that are shown where they stand in what is shown (RFC 5025 §3.3.2, OMA).
    struct Attributes: OptionSet, Hashable, Sendable {
        let rawValue: UInt32

        static let activities = Attributes(rawValue: 1 << 0)
        static let classification = Attributes(rawValue: 1 << 1)
        static let deviceID = Attributes(rawValue: 1 << 2)
        static let mood = Attributes(rawValue: 1 << 3)
        static let placeIs = Attributes(rawValue: 1 << 4)
        static let placeType = Attributes(rawValue: 1 << 5)
        static let privacy = Attributes(rawValue: 1 << 6)
        static let relationship = Attributes(rawValue: 1 << 7)
        static let sphere = Attributes(rawValue: 1 << 8)
        static let statusIcon = Attributes(rawValue: 1 << 9)
        static let timeOffset = Attributes(rawValue: 1 << 10)
        static let note = Attributes(rawValue: 1 << 11)
        static let willingness = Attributes(rawValue: 1 << 12)
        static let networkAvailability = Attributes(rawValue: 1 << 13)
        static let sessionParticipation = Attributes(rawValue: 1 << 14)
        static let registrationState = Attributes(rawValue: 1 << 15)
        static let barringState = Attributes(rawValue: 1 << 16)
        static let geopriv = Attributes(rawValue: 1 << 17)

        /// What a `provide-…` element with a boolean grants; nil if it is none.
        init?(provider node: XMLDocument.Node) {
            switch (node.namespace, node.name) {
            case (PolicySpace.presence, PolicyTerm.provideActivities): self = .activities
            case (PolicySpace.presence, PolicyTerm.provideClass): self = .classification
            case (PolicySpace.presence, PolicyTerm.provideDeviceID): self = .deviceID
            case (PolicySpace.presence, PolicyTerm.provideMood): self = .mood
            case (PolicySpace.presence, PolicyTerm.providePlaceIs): self = .placeIs
            case (PolicySpace.presence, PolicyTerm.providePlaceType): self = .placeType
            case (PolicySpace.presence, PolicyTerm.providePrivacy): self = .privacy
            case (PolicySpace.presence, PolicyTerm.provideRelationship): self = .relationship
            case (PolicySpace.presence, PolicyTerm.provideSphere): self = .sphere
            case (PolicySpace.presence, PolicyTerm.provideStatusIcon): self = .statusIcon
            case (PolicySpace.presence, PolicyTerm.provideTimeOffset): self = .timeOffset
            case (PolicySpace.presence, PolicyTerm.provideNote): self = .note
            case (PolicySpace.omaPresence, PolicyTerm.provideWillingness): self = .willingness
            case (PolicySpace.omaPresence, PolicyTerm.provideNetworkAvailability): self = .networkAvailability
            case (PolicySpace.omaPresence, PolicyTerm.provideSessionParticipation): self = .sessionParticipation
            case (PolicySpace.omaPresence, PolicyTerm.provideRegistrationState): self = .registrationState
            case (PolicySpace.omaPresence, PolicyTerm.provideBarringState): self = .barringState
            default: return nil
            }
        }

        init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The words after `provide-`, in the order of the bits.
        static let words: [StaticString] = [
            "activities", "class", "deviceID", "mood", "place-is", "place-type", "privacy", "relationship", "sphere",
            "status-icon", "time-offset", "note", "willingness", "network-availability", "session-participation",
            "registration-state", "barring-state", "geopriv",
        ]
    }

    /// How much of `user-input` is shown (RFC 5025 §3.3.2.12).
    enum UserInput: UInt8, Hashable, Sendable, Comparable, CaseIterable {
        case none = 0
        /// Active or idle alone.
        case bare = 10
        /// With the idle threshold.
        case thresholds = 20
        /// With the time of the last input too.
        case full = 30

        init?(word: Octets) {
            if word.equals("false") {
                self = .none
            } else if word.equals("bare") {
                self = .bare
            } else if word.equals("thresholds") {
                self = .thresholds
            } else if word.equals("full") {
                self = .full
            } else {
                return nil
            }
        }

        static func < (left: UserInput, right: UserInput) -> Bool { left.rawValue < right.rawValue }
    }

    /// The name of an element for which there is no permission of its own.
    struct UnknownAttribute: Hashable, Sendable {
        var name: [UInt8]
        var namespace: [UInt8]
    }

    var devices = Occurrences.none
    var persons = Occurrences.none
    var services = Occurrences.none
    var attributes: Attributes = []
    var userInput = UserInput.none
    var unknown: Set<UnknownAttribute> = []
    /// `provide-all-attributes`.
    var providesAll = false

    mutating func formUnion(_ other: Grants) {
        self.devices.formUnion(other.devices)
        self.persons.formUnion(other.persons)
        self.services.formUnion(other.services)
        self.attributes.formUnion(other.attributes)
        self.userInput = Swift.max(self.userInput, other.userInput)
        if !other.unknown.isEmpty { self.unknown.formUnion(other.unknown) }
        self.providesAll = self.providesAll || other.providesAll
    }

    /// The same grants said in the one way that equal grants share.
    var canonical: Grants {
        guard self.providesAll else { return self }
        var grants = self
        grants.attributes = []
        grants.userInput = .none
        grants.unknown = []
        return grants
    }

    /// Whether a name has a permission of its own, or needs none.
    static func isKnown(_ attribute: UnknownAttribute) -> Bool {
        let vocabulary = XMLDocument(vocabulary: PresenceNames.vocabulary)
        if attribute.namespace.elementsEqual(Self.geoprivNamespace.utf8) {
            return attribute.name.elementsEqual("geopriv".utf8)
        }
        guard let namespace = vocabulary.namespaceNumber(attribute.namespace[...]) else { return false }
        if namespace == Space.pidf || namespace == Space.dataModel { return true }
        guard let name = vocabulary.nameNumber(attribute.name[...]) else { return false }
        return AttributeKind(name: name, namespace: namespace) != .unknown
    }

    /// The namespace of location objects (RFC 4119 §2.2).
    static let geoprivNamespace = "urn:ietf:params:xml:ns:pidf:geopriv10"
}

/// What an element inside a tuple, person, device or status needs to be shown.
enum AttributeKind: Equatable {
    /// Shown wherever its parent is.
    case always
    /// Shown with a permission of its own.
    case granted(Grants.Attributes)
    /// Shown with a level of `provide-user-input`.
    case userInput
    /// Shown where it is named, or where all is shown.
    case unknown

    /// For names of ``PresenceNames/vocabulary``.
    init(name: UInt16, namespace: UInt16) {
        switch (namespace, name) {
        case (Space.pidf, Term.note), (Space.dataModel, Term.note): self = .granted(.note)
        case (Space.pidf, _): self = .always
        case (Space.dataModel, Term.timestamp): self = .always
        case (Space.dataModel, Term.deviceID): self = .granted(.deviceID)
        case (Space.rpid, Term.activities): self = .granted(.activities)
        case (Space.rpid, Term.classification): self = .granted(.classification)
        case (Space.rpid, Term.mood): self = .granted(.mood)
        case (Space.rpid, Term.placeIs): self = .granted(.placeIs)
        case (Space.rpid, Term.placeType): self = .granted(.placeType)
        case (Space.rpid, Term.privacy): self = .granted(.privacy)
        case (Space.rpid, Term.relationship): self = .granted(.relationship)
        case (Space.rpid, Term.sphere): self = .granted(.sphere)
        case (Space.rpid, Term.statusIcon): self = .granted(.statusIcon)
        case (Space.rpid, Term.timeOffset): self = .granted(.timeOffset)
        case (Space.rpid, Term.userInput): self = .userInput
        case (Space.rpid, Term.serviceClass): self = .always
        case (Space.oma, Term.willingness), (Space.oma, Term.overridingWillingness): self = .granted(.willingness)
        case (Space.oma, Term.networkAvailability): self = .granted(.networkAvailability)
        case (Space.oma, Term.sessionParticipation): self = .granted(.sessionParticipation)
        case (Space.oma, Term.registrationState): self = .granted(.registrationState)
        case (Space.oma, Term.barringState): self = .granted(.barringState)
        // What identifies a service is as public as its contact.
        case (Space.oma, Term.serviceDescription): self = .always
        default: self = .unknown
        }
    }
}
