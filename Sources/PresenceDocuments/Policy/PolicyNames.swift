package import XMLTree

/// The names that authorization rules use, by their numbers in ``PolicyNames/vocabulary``.
enum PolicyTerm {
    static let ruleset: UInt16 = 3
    static let rule: UInt16 = 4
    static let conditions: UInt16 = 5
    static let actions: UInt16 = 6
    static let transformations: UInt16 = 7
    static let identity: UInt16 = 8
    static let one: UInt16 = 9
    static let many: UInt16 = 10
    static let exception: UInt16 = 11
    static let domain: UInt16 = 12
    static let id: UInt16 = 13
    static let sphere: UInt16 = 14
    static let value: UInt16 = 15
    static let validity: UInt16 = 16
    static let from: UInt16 = 17
    static let until: UInt16 = 18
    static let subHandling: UInt16 = 19
    static let provideDevices: UInt16 = 20
    static let allDevices: UInt16 = 21
    static let deviceID: UInt16 = 22
    static let occurrenceID: UInt16 = 23
    static let classification: UInt16 = 24
    static let providePersons: UInt16 = 25
    static let allPersons: UInt16 = 26
    static let provideServices: UInt16 = 27
    static let allServices: UInt16 = 28
    static let serviceURI: UInt16 = 29
    static let serviceURIScheme: UInt16 = 30
    static let serviceID: UInt16 = 31
    static let provideActivities: UInt16 = 32
    static let provideClass: UInt16 = 33
    static let provideDeviceID: UInt16 = 34
    static let provideMood: UInt16 = 35
    static let providePlaceIs: UInt16 = 36
    static let providePlaceType: UInt16 = 37
    static let providePrivacy: UInt16 = 38
    static let provideRelationship: UInt16 = 39
    static let provideSphere: UInt16 = 40
    static let provideStatusIcon: UInt16 = 41
    static let provideTimeOffset: UInt16 = 42
    static let provideUserInput: UInt16 = 43
    static let provideNote: UInt16 = 44
    static let provideUnknownAttribute: UInt16 = 45
    static let provideAllAttributes: UInt16 = 46
    static let name: UInt16 = 47
    static let namespace: UInt16 = 48
    static let otherIdentity: UInt16 = 49
    static let externalList: UInt16 = 50
    static let entry: UInt16 = 51
    static let anchor: UInt16 = 52
    static let anonymousRequest: UInt16 = 53
    static let provideWillingness: UInt16 = 54
    static let provideNetworkAvailability: UInt16 = 55
    static let provideSessionParticipation: UInt16 = 56
    static let provideRegistrationState: UInt16 = 57
    static let provideBarringState: UInt16 = 58
    static let provideGeopriv: UInt16 = 59

    /// The names in the order of their numbers.
    static let texts: [StaticString] = [
        "ruleset", "rule", "conditions", "actions", "transformations", "identity", "one", "many", "except",
        "domain", "id", "sphere", "value", "validity", "from", "until", "sub-handling", "provide-devices",
        "all-devices", "deviceID", "occurrence-id", "class", "provide-persons", "all-persons", "provide-services",
        "all-services", "service-uri", "service-uri-scheme", "service-id", "provide-activities", "provide-class",
        "provide-deviceID", "provide-mood", "provide-place-is", "provide-place-type", "provide-privacy",
        "provide-relationship", "provide-sphere", "provide-status-icon", "provide-time-offset",
        "provide-user-input", "provide-note", "provide-unknown-attribute", "provide-all-attributes", "name", "ns",
        "other-identity", "external-list", "entry", "anc", "anonymous-request", "provide-willingness",
        "provide-network-availability", "provide-session-participation", "provide-registration-state",
        "provide-barring-state", "provide-geopriv",
    ]
}

/// The namespaces that authorization rules use, by their numbers in ``PolicyNames/vocabulary``.
enum PolicySpace {
    /// urn:ietf:params:xml:ns:common-policy (RFC 4745)
    static let common: UInt16 = 3
    /// urn:ietf:params:xml:ns:pres-rules (RFC 5025)
    static let presence: UInt16 = 4
    /// urn:oma:xml:xdm:common-policy
    static let omaCommon: UInt16 = 5
    /// urn:oma:xml:prs:pres-rules
    static let omaPresence: UInt16 = 6
}

/// What the formats of authorization rules share.
package enum PolicyNames {
    /// The names and namespaces that rulesets are read with.
    package static let vocabulary = XMLVocabulary(
        names: PolicyTerm.texts,
        namespaces: [
            .init("urn:ietf:params:xml:ns:common-policy", prefix: nil),
            .init("urn:ietf:params:xml:ns:pres-rules", prefix: nil),
            .init("urn:oma:xml:xdm:common-policy", prefix: nil),
            .init("urn:oma:xml:prs:pres-rules", prefix: nil),
        ])
}
