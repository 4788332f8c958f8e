internal import Ground
internal import XCAPEngine

/// Who may touch which document (RFC 4825 §5.7, REQ-33141-D5): users their own, everybody what is public, trusted readers
/// all of it without changing any.
extension XDMServer {
    /// - Throws: 403; 404 where the caller may know that there is no such user.
    mutating func authorize(
        _ caller: Caller, _ method: XCAPMethod, _ selector: XCAPSelector, home: [UInt8]?,
        into effects: inout [Effect]
    ) throws(UtRefusal) {
        let isReading = method == .get || method == .head
        guard let home else {
            // What nobody may write is refused by its kind, not by who asks.
            if !isReading, self.isGenerated(selector) { return }
            guard isReading, !Self.isServiceIndex(selector) || self.isTrustedReader(caller) else {
                self.observe(.foreignDocument, into: &effects)
                throw UtRefusal(403)
            }
            return
        }
        let isOwn = caller.identities.contains { self.home(of: $0) == home }
        guard isOwn || isReading && self.isTrustedReader(caller) else {
            // Also where there is no such user: who may not ask does not learn that.
            self.observe(.foreignDocument, into: &effects)
            throw UtRefusal(403)
        }
        guard self.isUser(home) else { throw UtRefusal(404) }
    }

    /// Whether somebody may read a document, for those who do not come over Ut.
    /// - Parameters:
    ///   - identities: canonical identities of who asks.
    ///   - owner: the canonical owner; empty for the global tree.
    func mayRead(identities: [[UInt8]], auid: [UInt8], owner: [UInt8]) -> Bool {
        if identities.contains(where: { self.configuration.trustedReaders.contains($0) }) { return true }
        guard !owner.isEmpty else { return auid[...].equals("rls-services") ? false : !identities.isEmpty }
        return identities.contains { self.home(of: $0) == owner } && self.isUser(owner)
    }

    private func isTrustedReader(_ caller: Caller) -> Bool {
        caller.identities.contains { self.configuration.trustedReaders.contains($0) }
    }

    /// Whether a selector names the index of all list services, or something in it.
    static func isServiceIndex(_ selector: XCAPSelector) -> Bool {
        selector.tree == .global && selector.auid[...].equals("rls-services")
    }
}
