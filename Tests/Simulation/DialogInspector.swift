import Ground
import SIPWire

/// Watches the notifications that reach one watcher: in a dialog numbers go up by one, and a number stands for one
/// content (RFC 3261 §12.2.1.1).
struct DialogInspector {
    /// What is known of a dialog.
    private struct Account {
        var cseq: UInt32
        var epoch: Int
        /// What every number stood for: the hash of the NOTIFY without its Via.
        var contents: [UInt32: Int]
        /// Numbers that a crash left out, and that may still be on their way.
        var skipped: Set<UInt32> = []
    }

    private var dialogs: [[UInt8]: Account] = [:]
    private var violations: [String] = []

    mutating func takeViolations() -> [String] {
        defer { self.violations = [] }
        return self.violations
    }

    /// - Parameter epoch: a number that has changed if a number may be missing.
    mutating func received(_ message: SIPMessage, epoch: Int) {
        guard let cseq = try? message.cseq().number, let tag = message.fromTag() else { return }
        let dialog = Array(message.callID) + [0] + Array(tag)
        let content = Self.content(of: message)
        guard var account = self.dialogs[dialog] else {
            self.dialogs[dialog] = Account(cseq: cseq, epoch: epoch, contents: [cseq: content])
            return
        }
        if let known = account.contents[cseq] {
            if known != content { self.violations.append("CSeq \(cseq) is used for two contents") }
            return
        }
        // What left before a crash may be overtaken by what is sent after it; only such a number may come late.
        let isLate = account.skipped.remove(cseq) != nil
        let follows = epoch == account.epoch ? cseq == account.cseq &+ 1 : cseq > account.cseq
        if follows, cseq > account.cseq &+ 1, cseq - account.cseq < 1000 {
            account.skipped.formUnion((account.cseq + 1)..<cseq)
        }
        if !follows, !isLate {
            self.violations.append(
                "CSeq \(cseq) comes after \(account.cseq) in the dialog \(message.callID.text) \(tag.text)")
        }
        account.cseq = max(cseq, account.cseq)
        account.epoch = epoch
        account.contents[cseq] = content
        self.dialogs[dialog] = account
    }

    mutating func unreadable(_ reason: String) {
        self.violations.append("a notification cannot be read: \(reason)")
    }

    private static func content(of message: SIPMessage) -> Int {
        var hasher = Hasher()
        for field in message.headers where field.name != .via {
            hasher.combine(bytes: message.storage[field.valueRange])
        }
        hasher.combine(bytes: message.body)
        return hasher.finalize()
    }
}

extension Hasher {
    /// Takes a run of bytes in.
    fileprivate mutating func combine(bytes: Octets) {
        self.combine(bytes.count)
        bytes.withUnsafeBytes { self.combine(bytes: $0) }
    }
}
