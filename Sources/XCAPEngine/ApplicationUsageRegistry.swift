/// The application usages that a server has, by AUID.
package struct ApplicationUsageRegistry: Sendable {
    /// In the order in which they were registered.
    package private(set) var all: [ApplicationUsage] = []
    private var index: [[UInt8]: Int] = [:]

    /// - Parameter usages: each AUID once; a later value takes the place of an earlier one.
    package init(_ usages: [ApplicationUsage]) {
        for usage in usages { self.register(usage) }
    }

    /// Adds a usage, or replaces the one with its AUID.
    package mutating func register(_ usage: ApplicationUsage) {
        if let known = self.index[usage.auid] {
            self.all[known] = usage
        } else {
            self.index[usage.auid] = self.all.count
            self.all.append(usage)
        }
    }

    /// The usage with an AUID.
    package subscript(auid auid: [UInt8]) -> ApplicationUsage? {
        self.index[auid].map { self.all[$0] }
    }

    /// All usages that Muster brings along.
    package static let standard = ApplicationUsageRegistry([
        .capabilities, .resourceLists, .listServices, .presenceRules, .openMobilePresenceRules, .hardState,
        .directory, .groupUsageList, .userProfile,
    ])
}
