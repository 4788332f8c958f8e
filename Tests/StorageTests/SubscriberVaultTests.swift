import Cryptography
import Foundation
import Ground
import SCSCF
import Storage
import Testing

@Suite("the vault of subscribers")
struct SubscriberVaultTests {
    @Test("opens what it sealed, and seals the same differently each time")
    func opensWhatItSealed() throws {
        let vault = Samples.vault()
        let record = Samples.subscriber("alice")
        let box = vault.seal(record)
        #expect(box != vault.seal(record))
        let opened = try vault.open(
            box, identity: record.identity, user: record.digestUser, realm: record.realm, createdAt: record.createdAt)
        #expect(opened == record)
    }

    @Test("refuses another key, another row, and every changed byte")
    func refusesChanges() {
        let record = Samples.subscriber("alice")
        let box = Samples.vault().seal(record)
        func opens(_ vault: SubscriberVault, _ box: [UInt8], user: String = "alice") -> Bool {
            do {
                _ = try vault.open(
                    box, identity: record.identity, user: user, realm: record.realm, createdAt: record.createdAt)
                return true
            } catch {
                #expect(error == .masterKeyUnusable(""))
                return false
            }
        }
        #expect(opens(Samples.vault(), box))
        #expect(!opens(Samples.vault(8), box))
        #expect(!opens(Samples.vault(), box, user: "mallory"))
        #expect(!opens(Samples.vault(), []))
        for index in box.indices {
            var changed = box
            changed[index] ^= 1
            #expect(!opens(Samples.vault(), changed))
        }
    }

    @Test("holds no secret in the clear")
    func hidesSecrets() {
        let record = Samples.subscriber("alice")
        let box = Samples.vault().seal(record)
        let secret = record.ha1SHA256.reveal()
        #expect(secret.count == 64)
        #expect(!Data(box).contains(Data(secret.prefix(8))))
    }

    @Test("makes a key file that only its owner reads, once")
    func makesKeyFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/master.key"
        let first = SubscriberVault(key: try MasterKey.loadOrCreate(path: path))
        let second = SubscriberVault(key: try MasterKey.loadOrCreate(path: path))
        #expect(second.opens(probe: first.makeProbe()))
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["master.key"])
    }

    @Test("refuses a key file that others can read, and one that is no key")
    func refusesBadKeyFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/master.key"
        _ = try MasterKey.loadOrCreate(path: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(throws: Fault.masterKeyUnusable("")) { try MasterKey.loadOrCreate(path: path) }
        for text in ["", "00", String(repeating: "g", count: 64), String(repeating: "0", count: 63)] {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(throws: Fault.masterKeyUnusable("")) { try MasterKey.loadOrCreate(path: path) }
        }
        #expect(throws: Fault.masterKeyUnusable("")) { try MasterKey.loadOrCreate(path: folder.path) }
        #expect(throws: Fault.masterKeyUnusable("")) { try MasterKey.loadOrCreate(path: folder.path + "/no/key") }
    }
}
