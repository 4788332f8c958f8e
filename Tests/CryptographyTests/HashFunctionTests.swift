import Cryptography
import Ground
import MusterTesting
import Testing

/// Published vectors of the hash functions, HMAC and AES-GCM, and the small tools around secrets.
@Suite("Cryptography")
struct HashFunctionTests {
    private func hex(_ bytes: [UInt8]) -> String { String(decoding: Hexadecimal.encode(bytes), as: UTF8.self) }
    private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hexadecimal.decode(Array(hex.utf8))) }

    @Test("the hash functions give the published results", .spec("RFC 1321", "FIPS 180-4", "RFC 7616 §3.2"))
    func vectors() {
        let abc = Array("abc".utf8)
        #expect(self.hex(HashFunction.md5.hash(abc)) == "900150983cd24fb0d6963f7d28e17f72")
        #expect(self.hex(HashFunction.md5.hash([])) == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(self.hex(HashFunction.sha1.hash(abc)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            self.hex(HashFunction.sha256.hash(abc))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            self.hex(HashFunction.sha512_256.hash(abc))
                == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23")
    }

    @Test("bytes may come in pieces")
    func pieces() {
        var hashing = Hashing(.sha256)
        hashing.update(UInt8(ascii: "a"))
        hashing.update([])
        hashing.update(Array("bc".utf8))
        let result = hashing.finish()
        #expect(result == HashFunction.sha256.hash(Array("abc".utf8)))
    }

    @Test("HMAC gives the published results", .spec("RFC 2104", "RFC 2202", "RFC 4231"))
    func authenticationCodes() {
        let text = Array("what do ya want for nothing?".utf8)
        let key = Array("Jefe".utf8)
        #expect(
            self.hex(MessageAuthenticationKey(key, function: .md5).code(text)) == "750c783e6ab0b503eaa86e310a5db738")
        #expect(
            self.hex(MessageAuthenticationKey(key, function: .sha1).code(text))
                == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        let prepared = MessageAuthenticationKey(key)
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        #expect(self.hex(prepared.code(text)) == expected)
        #expect(self.hex(prepared.code(text)) == expected, "a prepared key can be used again")
        #expect(prepared.verifies(prepared.code(text).prefix(16), of: text[...]))
        #expect(!prepared.verifies(prepared.code(text).prefix(4), of: text[...]), "too short to prove anything")
        #expect(!prepared.verifies(prepared.code(text + [0])[...], of: text[...]))
    }

    @Test("a sealed box opens with its key and place only", .spec("NIST SP 800-38D"))
    func sealing() throws {
        var entropy = Entropy.seeded(1)
        let key = try #require(SealingKey(Array(0..<32)))
        #expect(SealingKey(Array(0..<16)) == nil)
        let secret = Array("H(A1) of somebody".utf8)
        let place = Array("subscriber:1".utf8)
        let box = key.seal(secret[...], context: place[...], entropy: &entropy)
        #expect(box.count == secret.count + SealingKey.overhead)
        #expect(key.open(box[...], context: place[...]) == secret)
        #expect(key.open(box[...], context: []) == nil)
        for index in box.indices {
            var damaged = box
            damaged[index] ^= 1
            #expect(key.open(damaged[...], context: place[...]) == nil)
        }
        for length in 0..<SealingKey.overhead { #expect(key.open(box.prefix(length), context: place[...]) == nil) }
        #expect(key.seal(secret[...], context: place[...], entropy: &entropy) != box, "nonces differ")
        #expect(key.open(key.seal([], context: [], entropy: &entropy)[...], context: []) == [])
    }

    @Test("constant-time comparison compares", .spec("REQ-33141-D7"))
    func comparison() {
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
        #expect(constantTimeEquals([UInt8](), []))
    }

    @Test("hexadecimal and base 64 read back what they write", .spec("RFC 4648 §5", "RFC 4648 §8"))
    func encodings() throws {
        var entropy = Entropy.seeded(7)
        for length in 0..<40 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
            #expect(Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        #expect(String(decoding: Base64URL.encode(Array("fooba".utf8)), as: UTF8.self) == "Zm9vYmE")
        #expect(Hexadecimal.decode(Array("abc".utf8)) == nil)
        #expect(Hexadecimal.decode(Array("zz".utf8)) == nil)
        #expect(Base64URL.decode(Array("Zm9vYmF".utf8)) == nil, "bits that belong to no byte must be zero")
        #expect(Base64URL.decode(Array("a".utf8)) == nil)
        #expect(Base64URL.decode(Array("a+b/".utf8)) == nil)
    }

    @Test("random bytes come in the number asked for and differ")
    func randomness() {
        #expect(SecureRandom.bytes(0).isEmpty)
        #expect(SecureRandom.bytes(33).count == 33)
        #expect(SecureRandom.bytes(32) != SecureRandom.bytes(32))
        var entropy = Entropy.system
        #expect(entropy.next() != entropy.next())
    }

    @Test("wiped bytes are gone")
    func wiping() {
        var secret: [UInt8] = [1, 2, 3]
        secret.wipe()
        #expect(secret.isEmpty)
    }

    @Test("derived keys are the same for the same purpose and differ otherwise", .spec("NIST SP 800-108 §4.1"))
    func derivation() throws {
        let key = try #require(SealingKey(Array(0..<32)))
        #expect(key.derived(for: "one").reveal() == key.derived(for: "one").reveal())
        #expect(key.derived(for: "one").reveal() != key.derived(for: "two").reveal())
        #expect(key.derived(for: "one").reveal().count == SealingKey.size)
    }
}
