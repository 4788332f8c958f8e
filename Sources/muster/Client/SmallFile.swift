import Glibc
import Ground

/// Files that a person names on the command line: read whole, up to a bound.
enum SmallFile {
    /// The largest file that is read: far above any document that a server takes.
    static let maximumBytes = 4 << 20

    /// - Parameter path: `-` is standard input.
    static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        let file = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw CommandFailure("\(path) cannot be read: \(String(cString: strerror(errno)))") }
        defer { if file != STDIN_FILENO { close(file) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw CommandFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= Self.maximumBytes else {
                throw CommandFailure("\(path) is larger than \(Self.maximumBytes) bytes")
            }
        }
    }
}
