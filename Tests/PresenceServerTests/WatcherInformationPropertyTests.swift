import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import PresenceServer

@Suite("Watcher information: whatever happens")
struct WatcherInformationPropertyTests {
    /// A random life of one presentity and some watchers, of whom it is told.
    private struct Life {
        var bench: Bench
        var chance: Entropy
        var table = WatcherInformationTable()
        var dialogs: [(dialog: WatcherDialogUnderTest, cseq: UInt32)] = []
        let own: WatcherDialogUnderTest
        let names = (0..<6).map { "w\($0)" }

        init(seed: UInt64) throws {
            self.chance = .seeded(seed)
            let interval = [0, 0, 2, 5][Int(self.chance.next(below: 4))]
            let bytes = [48_000, 700, 1_500][Int(self.chance.next(below: 3))]
            let changes = [4_096, 3][Int(self.chance.next(below: 2))]
            self.bench = Bench.ofWatchers {
                $0.watcherInformationInterval = .seconds(interval)
                $0.limits.watcherInformationBytes = bytes
                $0.limits.watcherChanges = changes
                $0.waitingPeriod = .seconds(300)
                $0.limits.waitingPerPresentity = 4
            }
            self.own = try self.bench.watchWatchers("ann", expires: "7200")
            try self.take()
        }

        mutating func pick(_ bound: Int) -> Int { Int(self.chance.next(below: UInt64(bound))) }

        /// Merges what arrived. Documents follow each other without a gap, but after a NOTIFY that was refused or lost
        /// the next one is full.
        mutating func take() throws {
            for notification in self.bench.drainInformation() where notification.callID == self.own.callID {
                switch self.table.merge(try notification.information()) {
                case .applied: break
                case .appliedWithGap, .discarded, .overLimit: Issue.record("a document does not follow")
                }
            }
        }

        mutating func step() throws {
            switch self.pick(12) {
            case 0...3:
                let watcher = self.names[self.pick(self.names.count)]
                let expires = ["0", "20", "600"][self.pick(3)]
                let dialog = try self.bench.subscribe("ann", as: watcher, expires: expires)
                if dialog.answer.status == 200, expires != "0" { self.dialogs.append((dialog, 1)) }
            case 4, 5:
                guard !self.dialogs.isEmpty else { return }
                let index = self.pick(self.dialogs.count)
                self.dialogs[index].cseq += 1
                _ = try self.bench.resubscribe(
                    self.dialogs[index].dialog, cseq: self.dialogs[index].cseq, expires: ["0", "60"][self.pick(2)])
            case 6, 7:
                let handlings = AuthorizationRule.Handling.allCases
                let rules = self.names.map { name in
                    (name, handlings[self.pick(handlings.count)])
                }
                self.bench.setRules("ann", rules.map { Bench.rule("ann", $0.0, $0.1) })
            case 8: self.bench.answer = self.bench.answer == nil ? 200 : nil
            case 9: self.bench.answerAll(200)
            default: self.bench.advance(.seconds(Int64(self.pick(30))))
            }
            try self.take()
        }

        /// Lets everything that is under way arrive.
        mutating func settle() throws {
            self.bench.answer = 200
            for _ in 0..<50 where !self.bench.unanswered.isEmpty {
                self.bench.answerAll(200)
                try self.take()
            }
            // Until nothing waits for the rate, whatever ends meanwhile.
            let server = self.bench.server
            let place = try #require(
                server.subscriptions.places.first { server.subscriptions[$0].dialog.callID.text == self.own.callID })
            for _ in 0..<60 {
                self.bench.advance(.seconds(1))
                try self.take()
                if self.bench.server.subscriptions[place].machine.delivery == .idle { return }
            }
            Issue.record("the presentity is never told everything")
        }

        /// What somebody is told who asks now.
        mutating func truth() throws -> [WatcherInformation.Watcher] {
            var fresh = WatcherInformationTable()
            let dialog = try self.bench.watchWatchers("ann")
            for notification in self.bench.drainInformation() where notification.callID == dialog.callID {
                _ = fresh.merge(try notification.information())
            }
            _ = try self.bench.resubscribe(dialog, cseq: 2, event: "presence.winfo", expires: "0")
            _ = self.bench.drain()
            return fresh.watchers
        }
    }

    /// What does not change by time alone.
    private func constant(_ watchers: [WatcherInformation.Watcher]) -> [String] {
        watchers.map { "\($0.id[...].text) \($0.uri[...].text) \($0.status) \($0.event)" }
    }

    @Test(
        "the first full document and all partial ones after it lead to what a new full one says",
        .spec("RFC 3857 §4.7/2", "RFC 3858 §4/2", "RFC 3858 §4/3", "RFC 3857 §4.7/5"), arguments: 0..<120)
    func converges(_ seed: Int) throws {
        var life = try Life(seed: UInt64(seed))
        for _ in 0..<60 {
            try life.step()
        }
        try life.settle()
        let known = self.constant(life.table.watchers)
        let truth = self.constant(try life.truth())
        #expect(known == truth, "seed \(seed)")
        // At the end of all subscriptions nothing is left but who waits, and in the end nobody waits.
        for dialog in life.dialogs {
            _ = try life.bench.resubscribe(dialog.dialog, cseq: dialog.cseq + 1, expires: "0")
        }
        _ = try life.bench.resubscribe(life.own, cseq: 2, event: "presence.winfo", expires: "0")
        life.bench.advance(.seconds(7300))
        #expect(life.bench.server.counters.presentities == 0)
        #expect(life.bench.server.counters.waitingWatchers == 0)
        #expect(life.bench.server.watcherInformation.count == 0)
        #expect(life.bench.subscriptions.isEmpty)
        #expect(life.bench.server.waitingCounts.isEmpty)
    }
}
