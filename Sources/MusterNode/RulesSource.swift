import Foundation
import Ground
import PresenceServer
import Settings

/// The file-backed side of the rules port: reads the rules file and notices when it changes.
///
/// A file with mistakes changes nothing: the rules that were in force stay, and the mistakes are reported. A file that
/// disappears leaves the rules in force too, because an editor may be about to put it back.
package struct RulesSource: Sendable {
    /// What a look at the file found.
    package enum Finding: Sendable {
        case unchanged
        case changed([AuthorizationRule])
        case unusable(Fault)
    }

    /// What changes when a file does.
    private struct Stamp: Equatable {
        var modified: Date
        var size: Int
        var number: Int
    }

    package let path: String
    private var stamp: Stamp?

    package init(path: String) { self.path = path }

    /// Looks at the file; cheap while nothing changed.
    package mutating func look() -> Finding {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: self.path) else {
            guard self.stamp == nil else { return .unchanged }
            return .unusable(
                .fileUnusable("the rules file \(self.path) cannot be read; create it or change presence.rules-file"))
        }
        let now = Stamp(
            modified: attributes[.modificationDate] as? Date ?? .distantPast,
            size: attributes[.size] as? Int ?? 0, number: attributes[.systemFileNumber] as? Int ?? 0)
        guard now != self.stamp else { return .unchanged }
        self.stamp = now
        do {
            let text = try String(contentsOfFile: self.path, encoding: .utf8)
            let rules = try RulesFile.parse(text, name: self.path)
            var mapped: [AuthorizationRule] = []
            for rule in rules {
                guard let one = AuthorizationRule(rule) else {
                    return .unusable(.configurationInvalid("\(self.path):\(rule.line): not a SIP or telephone URI"))
                }
                mapped.append(one)
            }
            return .changed(mapped)
        } catch let mistakes as Mistakes {
            return .unusable(.configurationInvalid("\(mistakes)"))
        } catch {
            return .unusable(.fileUnusable("the rules file \(self.path) cannot be read: \(error.localizedDescription)"))
        }
    }
}
