import Cryptography
import Glibc
import Ground

/// The key under which long-term secrets are sealed at rest: 32 bytes in a file that only its owner can read.
package enum MasterKey {
    /// Reads the key file, or makes it with a fresh key where there is none.
    ///
    /// The file holds 64 hexadecimal digits and a line feed.
    /// - Throws: `storage.master-key-unusable` if the file is readable by others, is no key, or cannot be read or made.
    package static func loadOrCreate(path: String) throws(Fault) -> SealingKey {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        if descriptor >= 0 {
            defer { Glibc.close(descriptor) }
            return try Self.read(descriptor, path: path)
        }
        guard errno == ENOENT else {
            throw .masterKeyUnusable("The master key \(path) cannot be read: \(Self.systemError).")
        }
        return try Self.create(path: path)
    }

    private static func read(_ descriptor: Int32, path: String) throws(Fault) -> SealingKey {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .masterKeyUnusable("The master key \(path) is not a regular file.")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .masterKeyUnusable(
                "The master key \(path) can be read by others. Forbid it with: chmod 600 \(path)")
        }
        var text: [UInt8] = Array(repeating: 0, count: 128)
        let count = text.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        defer { text.wipe() }
        guard count >= 0 else {
            throw .masterKeyUnusable("The master key \(path) cannot be read: \(Self.systemError).")
        }
        var digits = text.prefix(count)
        while let last = digits.last, last == 0x0A || last == 0x0D || last == 0x20 { digits.removeLast() }
        guard var bytes = Hexadecimal.decode(digits), let key = SealingKey(bytes) else {
            throw .masterKeyUnusable(
                "The master key \(path) is damaged: it has to be \(SealingKey.size * 2) hexadecimal digits. "
                    + "Put back your copy of it.")
        }
        bytes.wipe()
        return key
    }

    /// Writes beside the file and links it into place, so that neither half a key is ever seen nor one that another
    /// process just made is overwritten.
    private static func create(path: String) throws(Fault) -> SealingKey {
        var bytes = SecureRandom.bytes(SealingKey.size)
        var text = Hexadecimal.encode(bytes)
        text.append(0x0A)
        defer {
            bytes.wipe()
            text.wipe()
        }
        let fresh = "\(path).\(getpid()).new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .masterKeyUnusable("The master key \(path) cannot be made: \(Self.systemError).")
        }
        defer { unlink(fresh) }
        let written = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let synced = fsync(descriptor)
        let problem = Self.systemError
        Glibc.close(descriptor)
        guard written == text.count, synced == 0 else {
            throw .masterKeyUnusable("The master key \(path) cannot be written: \(problem).")
        }
        guard link(fresh, path) == 0 else {
            if errno == EEXIST { return try Self.loadOrCreate(path: path) }
            throw .masterKeyUnusable("The master key \(path) cannot be made: \(Self.systemError).")
        }
        try DirectorySync.sync(directoryOf: path)
        guard let key = SealingKey(bytes) else { preconditionFailure("a fresh key has the size of a key") }
        return key
    }

    private static var systemError: String { String(cString: strerror(errno)) }
}

/// Makes the name of a new file durable, not only its contents.
package enum DirectorySync {
    package static func sync(directoryOf path: String) throws(Fault) {
        let parts = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let directory = parts.isEmpty ? "/" : parts
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .storageUnavailable("The folder \(directory) cannot be opened: \(String(cString: strerror(errno))).")
        }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw .storageUnavailable("The folder \(directory) cannot be synced: \(String(cString: strerror(errno))).")
        }
    }
}
