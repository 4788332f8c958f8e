package import XMLTree

/// The names that the presence formats use, by their numbers in ``PresenceNames/vocabulary``.
enum Term {
    static let presence: UInt16 = 3
    static let tuple: UInt16 = 4
    static let status: UInt16 = 5
    static let basic: UInt16 = 6
    static let contact: UInt16 = 7
    static let note: UInt16 = 8
    static let timestamp: UInt16 = 9
    static let entity: UInt16 = 10
    static let id: UInt16 = 11
    static let priority: UInt16 = 12
    static let mustUnderstand: UInt16 = 13
    static let person: UInt16 = 14
    static let device: UInt16 = 15
    static let deviceID: UInt16 = 16
    static let lang: UInt16 = 17
    static let from: UInt16 = 18
    static let until: UInt16 = 19
    static let classification: UInt16 = 20
    static let activities: UInt16 = 21
    static let mood: UInt16 = 22
    static let placeIs: UInt16 = 23
    static let placeType: UInt16 = 24
    static let privacy: UInt16 = 25
    static let relationship: UInt16 = 26
    static let serviceClass: UInt16 = 27
    static let sphere: UInt16 = 28
    static let statusIcon: UInt16 = 29
    static let timeOffset: UInt16 = 30
    static let userInput: UInt16 = 31
    static let other: UInt16 = 32
    static let unknown: UInt16 = 33
    static let audio: UInt16 = 34
    static let video: UInt16 = 35
    static let text: UInt16 = 36
    static let description: UInt16 = 37
    static let idleThreshold: UInt16 = 38
    static let lastInput: UInt16 = 39
    static let active: UInt16 = 40
    static let idle: UInt16 = 41
    static let home: UInt16 = 42
    static let work: UInt16 = 43
    static let noisy: UInt16 = 44
    static let ok: UInt16 = 45
    static let quiet: UInt16 = 46
    static let toobright: UInt16 = 47
    static let dark: UInt16 = 48
    static let uncomfortable: UInt16 = 49
    static let inappropriate: UInt16 = 50
    static let appointment: UInt16 = 51
    static let away: UInt16 = 52
    static let breakfast: UInt16 = 53
    static let busy: UInt16 = 54
    static let dinner: UInt16 = 55
    static let holiday: UInt16 = 56
    static let inTransit: UInt16 = 57
    static let lookingForWork: UInt16 = 58
    static let meal: UInt16 = 59
    static let meeting: UInt16 = 60
    static let onThePhone: UInt16 = 61
    static let performance: UInt16 = 62
    static let permanentAbsence: UInt16 = 63
    static let playing: UInt16 = 64
    static let presentation: UInt16 = 65
    static let shopping: UInt16 = 66
    static let sleeping: UInt16 = 67
    static let spectator: UInt16 = 68
    static let steering: UInt16 = 69
    static let travel: UInt16 = 70
    static let tv: UInt16 = 71
    static let vacation: UInt16 = 72
    static let working: UInt16 = 73
    static let worship: UInt16 = 74
    static let afraid: UInt16 = 75
    static let amazed: UInt16 = 76
    static let angry: UInt16 = 77
    static let annoyed: UInt16 = 78
    static let anxious: UInt16 = 79
    static let ashamed: UInt16 = 80
    static let bored: UInt16 = 81
    static let brave: UInt16 = 82
    static let calm: UInt16 = 83
    static let cold: UInt16 = 84
    static let confused: UInt16 = 85
    static let contented: UInt16 = 86
    static let cranky: UInt16 = 87
    static let curious: UInt16 = 88
    static let depressed: UInt16 = 89
    static let disappointed: UInt16 = 90
    static let disgusted: UInt16 = 91
    static let distracted: UInt16 = 92
    static let embarrassed: UInt16 = 93
    static let excited: UInt16 = 94
    static let flirtatious: UInt16 = 95
    static let frustrated: UInt16 = 96
    static let grumpy: UInt16 = 97
    static let guilty: UInt16 = 98
    static let happy: UInt16 = 99
    static let hot: UInt16 = 100
    static let humbled: UInt16 = 101
    static let humiliated: UInt16 = 102
    static let hungry: UInt16 = 103
    static let hurt: UInt16 = 104
    static let impressed: UInt16 = 105
    static let inAwe: UInt16 = 106
    static let inLove: UInt16 = 107
    static let indignant: UInt16 = 108
    static let interested: UInt16 = 109
    static let invincible: UInt16 = 110
    static let jealous: UInt16 = 111
    static let lonely: UInt16 = 112
    static let mean: UInt16 = 113
    static let moody: UInt16 = 114
    static let nervous: UInt16 = 115
    static let neutral: UInt16 = 116
    static let offended: UInt16 = 117
    static let playful: UInt16 = 118
    static let proud: UInt16 = 119
    static let relieved: UInt16 = 120
    static let remorseful: UInt16 = 121
    static let restless: UInt16 = 122
    static let sad: UInt16 = 123
    static let sarcastic: UInt16 = 124
    static let serious: UInt16 = 125
    static let shocked: UInt16 = 126
    static let shy: UInt16 = 127
    static let sick: UInt16 = 128
    static let sleepy: UInt16 = 129
    static let stressed: UInt16 = 130
    static let surprised: UInt16 = 131
    static let thirsty: UInt16 = 132
    static let worried: UInt16 = 133
    static let assistant: UInt16 = 134
    static let associate: UInt16 = 135
    static let family: UInt16 = 136
    static let friend: UInt16 = 137
    static let oneself: UInt16 = 138
    static let supervisor: UInt16 = 139
    static let courier: UInt16 = 140
    static let electronic: UInt16 = 141
    static let freight: UInt16 = 142
    static let inPerson: UInt16 = 143
    static let postal: UInt16 = 144
    static let timedStatus: UInt16 = 145
    static let card: UInt16 = 146
    static let homepage: UInt16 = 147
    static let icon: UInt16 = 148
    static let map: UInt16 = 149
    static let sound: UInt16 = 150
    static let displayName: UInt16 = 151
    static let servcaps: UInt16 = 152
    static let devcaps: UInt16 = 153
    static let actor: UInt16 = 154
    static let application: UInt16 = 155
    static let automata: UInt16 = 156
    static let control: UInt16 = 157
    static let data: UInt16 = 158
    static let duplex: UInt16 = 159
    static let eventPackages: UInt16 = 160
    static let extensionsSet: UInt16 = 161
    static let isfocus: UInt16 = 162
    static let message: UInt16 = 163
    static let methods: UInt16 = 164
    static let languages: UInt16 = 165
    static let schemes: UInt16 = 166
    static let typeName: UInt16 = 167
    static let supported: UInt16 = 168
    static let notsupported: UInt16 = 169
    static let mobility: UInt16 = 170
    static let fixed: UInt16 = 171
    static let mobile: UInt16 = 172
    static let willingness: UInt16 = 173
    static let overridingWillingness: UInt16 = 174
    static let barringState: UInt16 = 175
    static let registrationState: UInt16 = 176
    static let sessionParticipation: UInt16 = 177
    static let sessionAnswermode: UInt16 = 178
    static let networkAvailability: UInt16 = 179
    static let network: UInt16 = 180
    static let serviceDescription: UInt16 = 181
    static let serviceId: UInt16 = 182
    static let version: UInt16 = 183
    static let terminated: UInt16 = 184
    static let pidfFull: UInt16 = 185
    static let pidfDiff: UInt16 = 186
    static let add: UInt16 = 187
    static let replace: UInt16 = 188
    static let remove: UInt16 = 189
    static let sel: UInt16 = 190
    static let pos: UInt16 = 191
    static let filterSet: UInt16 = 192
    static let nsBindings: UInt16 = 193
    static let nsBinding: UInt16 = 194
    static let prefix: UInt16 = 195
    static let urn: UInt16 = 196
    static let filter: UInt16 = 197
    static let uri: UInt16 = 198
    static let domain: UInt16 = 199
    static let enabled: UInt16 = 200
    static let what: UInt16 = 201
    static let include: UInt16 = 202
    static let exclude: UInt16 = 203
    static let trigger: UInt16 = 204
    static let changed: UInt16 = 205
    static let added: UInt16 = 206
    static let removed: UInt16 = 207
    static let to: UInt16 = 208
    static let by: UInt16 = 209
    static let packageName: UInt16 = 210

    /// The names in the order of their numbers.
    static let texts: [StaticString] = [
        "presence", "tuple", "status", "basic", "contact", "note", "timestamp", "entity", "id", "priority",
        "mustUnderstand", "person", "device", "deviceID", "lang", "from", "until", "class", "activities", "mood",
        "place-is", "place-type", "privacy", "relationship", "service-class", "sphere", "status-icon", "time-offset",
        "user-input", "other", "unknown", "audio", "video", "text", "description", "idle-threshold", "last-input",
        "active", "idle", "home", "work", "noisy", "ok", "quiet", "toobright", "dark", "uncomfortable",
        "inappropriate", "appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit",
        "looking-for-work", "meal", "meeting", "on-the-phone", "performance", "permanent-absence", "playing",
        "presentation", "shopping", "sleeping", "spectator", "steering", "travel", "tv", "vacation", "working",
        "worship", "afraid", "amazed", "angry", "annoyed", "anxious", "ashamed", "bored", "brave", "calm", "cold",
        "confused", "contented", "cranky", "curious", "depressed", "disappointed", "disgusted", "distracted",
        "embarrassed", "excited", "flirtatious", "frustrated", "grumpy", "guilty", "happy", "hot", "humbled",
        "humiliated", "hungry", "hurt", "impressed", "in_awe", "in_love", "indignant", "interested", "invincible",
        "jealous", "lonely", "mean", "moody", "nervous", "neutral", "offended", "playful", "proud", "relieved",
        "remorseful", "restless", "sad", "sarcastic", "serious", "shocked", "shy", "sick", "sleepy", "stressed",
        "surprised", "thirsty", "worried", "assistant", "associate", "family", "friend", "self", "supervisor",
        "courier", "electronic", "freight", "in-person", "postal", "timed-status", "card", "homepage", "icon", "map",
        "sound", "display-name", "servcaps", "devcaps", "actor", "application", "automata", "control", "data",
        "duplex", "event-packages", "extensions", "isfocus", "message", "methods", "languages", "schemes", "type",
        "supported", "notsupported", "mobility", "fixed", "mobile", "willingness", "overriding-willingness",
        "barring-state", "registration-state", "session-participation", "session-answermode", "network-availability",
        "network", "service-description", "service-id", "version", "terminated", "pidf-full", "pidf-diff", "add",
        "replace", "remove", "sel", "pos", "filter-set", "ns-bindings", "ns-binding", "prefix", "urn", "filter",
        "uri", "domain", "enabled", "what", "include", "exclude", "trigger", "changed", "added", "removed", "to",
        "by", "package",
    ]
}

/// The namespaces that the presence formats use, by their numbers in ``PresenceNames/vocabulary``.
enum Space {
    /// urn:ietf:params:xml:ns:pidf
    static let pidf: UInt16 = 3
    /// urn:ietf:params:xml:ns:pidf:data-model
    static let dataModel: UInt16 = 4
    /// urn:ietf:params:xml:ns:pidf:rpid
    static let rpid: UInt16 = 5
    /// urn:ietf:params:xml:ns:pidf:cipid
    static let cipid: UInt16 = 6
    /// urn:ietf:params:xml:ns:pidf:caps
    static let caps: UInt16 = 7
    /// urn:ietf:params:xml:ns:pidf:timed-status
    static let timedStatus: UInt16 = 8
    /// urn:oma:xml:prs:pidf:oma-pres
    static let oma: UInt16 = 9
    /// urn:ietf:params:xml:ns:pidf-diff
    static let pidfDiff: UInt16 = 10
    /// urn:ietf:params:xml:ns:simple-filter
    static let simpleFilter: UInt16 = 11
    /// The namespaces whose elements Muster validates and writes with prefixes of its own.
    static let known: ClosedRange<UInt16> = pidf...oma
}

/// What the presence formats share.
package enum PresenceNames {
    /// The names and namespaces that presence documents are read with.
    package static let vocabulary = XMLVocabulary(
        names: Term.texts,
        namespaces: [
            .init("urn:ietf:params:xml:ns:pidf", prefix: ""),
            .init("urn:ietf:params:xml:ns:pidf:data-model", prefix: "dm"),
            .init("urn:ietf:params:xml:ns:pidf:rpid", prefix: "rpid"),
            .init("urn:ietf:params:xml:ns:pidf:cipid", prefix: "c"),
            .init("urn:ietf:params:xml:ns:pidf:caps", prefix: "caps"),
            .init("urn:ietf:params:xml:ns:pidf:timed-status", prefix: "ts"),
            .init("urn:oma:xml:prs:pidf:oma-pres", prefix: "op"),
            .init("urn:ietf:params:xml:ns:pidf-diff", prefix: nil),
            .init("urn:ietf:params:xml:ns:simple-filter", prefix: nil),
        ])

    /// The number of the canonical prefix of a known namespace.
    static func prefix(of namespace: UInt16) -> UInt16 { Self.vocabulary.canonicalPrefix(of: namespace) }
}
