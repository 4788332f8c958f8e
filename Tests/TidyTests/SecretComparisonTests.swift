import Foundation
import MusterTesting
import Testing

/// What proves an identity must not tell by the time of its comparison how much of a guess was right.
@Suite("Comparison of secrets")
struct SecretComparisonTests {
    /// Names that stand for a computed proof in the rooms that check proofs.
    private static let pattern =
        #"(==|!=)\s*(self\.)?(expected|given|proof|code|ha1|digest)\b|\b(expected|given|proof|code|ha1|digest)(\[\.\.\.\])?\s*(==|!=)|\b(expected|given|proof|ha1)\.elementsEqual\("#

    @Test("digests and proofs are compared by the comparison of constant time only", .spec("REQ-33141-D7"))
    func comparisons() throws {
        var users: Set<String> = []
        for file in try SourceTree.files(in: ["Sources"])
        where ["Cryptography", "DigestAuth", "SCSCF", "PresenceServer", "WebEdge"].contains(file.room) {
            for (number, line) in file.lines.enumerated() {
                let found = line.range(of: Self.pattern, options: .regularExpression) != nil
                #expect(!found, "\(file.path):\(number + 1): write constantTimeEquals: \(line)")
                if line.contains("constantTimeEquals("), !line.contains("func ") { users.insert(file.room) }
            }
        }
        #expect(users.isSuperset(of: ["Cryptography", "DigestAuth", "SCSCF"]))
    }

    @Test(
        "the rule sees what it forbids",
        arguments: [
            "guard given == expected else { return .wrong }", "if expected[...] == response {", "return proof != other",
            "guard mine == self.proof(of: cookie) else {", "expected.elementsEqual(response)",
        ])
    func sees(line: String) {
        #expect(line.range(of: Self.pattern, options: .regularExpression) != nil)
    }
}
