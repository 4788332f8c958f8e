internal import XMLTree

// The schemas of the application usages, each read once when it is first needed. That they can be read is proven by
// tests; they are ours, so that a fault in one is ours too.
//
// URIs of users are xs:token in them: clients write the brackets of selectors and of IPv6 addresses as they are, which
// XML Schema 1.1 lets pass for xs:anyURI and the library does not. What a URI must be, the constraints say.
extension XMLSchema {
    static let resourceLists = XMLSchema.ours(.resourceLists, [.xmlAttributes])
    static let listServices = XMLSchema.ours(.listServices, [.resourceLists, .xmlAttributes])
    static let presenceRules = XMLSchema.ours(
        .commonPolicy, [.presenceRules, .openMobileCommonPolicy, .openMobilePresenceRules])
    static let capabilities = XMLSchema.ours(.capabilities, [])
    static let directory = XMLSchema.ours(.directory, [])
    static let userProfile = XMLSchema.ours(.userProfile, [])

    private static func ours(_ source: Source, _ imports: [Source]) -> XMLSchema {
        do {
            return try XMLSchema(source, imports: imports)
        } catch {
            preconditionFailure("the schema \(source.name) can be read: \(error.reason)")
        }
    }
}
