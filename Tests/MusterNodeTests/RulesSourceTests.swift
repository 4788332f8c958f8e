import Foundation
import MusterNode
import PresenceServer
import Testing

/// The rules file as a node reads it.
@Suite("Rules file of a node")
struct RulesSourceTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("rules-\(UUID().uuidString)").path

    private func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: self.path)) }

    @Test("a change is found once, mistakes and disappearance change nothing")
    func changes() throws {
        var source = RulesSource(path: self.path)
        guard case .unusable = source.look() else {
            Issue.record("a missing file was not reported")
            return
        }
        try self.write("sip:alice@home.test sip:bob@home.test allow one\n* anonymous block two\n")
        guard case .changed(let rules) = source.look() else {
            Issue.record("the rules were not read")
            return
        }
        #expect(rules.map(\.id) == ["one", "two"])
        #expect(rules.map(\.handling) == [.allow, .block])
        #expect(rules.first?.watcher == .identity(Array("sip:bob@home.test".utf8)))
        #expect(rules.last?.presentity == .every)
        guard case .unchanged = source.look() else {
            Issue.record("the same file was read twice")
            return
        }
        try self.write("sip:alice@home.test sip:bob@home.test perhaps\n")
        guard case .unusable(let fault) = source.look() else {
            Issue.record("a mistake was not reported")
            return
        }
        #expect(fault.reason.contains("perhaps"))
        try FileManager.default.removeItem(atPath: self.path)
        guard case .unchanged = source.look() else {
            Issue.record("a file that disappeared changed the rules")
            return
        }
    }
}
