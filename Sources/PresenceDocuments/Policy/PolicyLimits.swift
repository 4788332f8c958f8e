/// The bounds of authorization rules.
package enum PolicyLimits {
    /// How many rules one ruleset may have.
    package static let rules = 10_000
    /// How many identities, domains, exceptions and list anchors the conditions of one ruleset may name together.
    package static let names = 20_000
    /// How many conditions one rule may have.
    package static let conditions = 64
    /// How many periods the validity conditions of one ruleset may have together.
    package static let periods = 10_000
    /// How many members the sets of one rule (devices, persons, services, unknown attributes) may have each.
    package static let members = 1_024
    /// How many rules a set needs before it keeps an index of the identities that its rules name.
    static let indexedRules = 16

    /// What is read as one ruleset: a large address book with a rule for each entry.
    package static let document = 4 * 1024 * 1024
}
