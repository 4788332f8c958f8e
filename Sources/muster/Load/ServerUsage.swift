import Glibc

/// What the processes of a server have used, read from `/proc`: those named and all their descendants.
struct ServerUsage {
    private(set) var userSeconds = 0.0
    private(set) var systemSeconds = 0.0
    private(set) var proportionalKilobytes = 0
    private(set) var residentKilobytes = 0
    private(set) var processes = 0

    var seconds: Double { self.userSeconds + self.systemSeconds }

    /// One line of `/proc/PID/stat`, as far as it matters.
    struct ProcessLine: Equatable {
        var process: Int32
        var parent: Int32
        var user: UInt64
        var system: UInt64
        var childrenUser: UInt64
        var childrenSystem: UInt64

        /// Reads the line. The name of the program stands in parentheses and may contain anything.
        init?(process: Int32, text: String) {
            guard let end = text.lastIndex(of: ")") else { return nil }
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > 14, let parent = Int32(fields[1]), let user = UInt64(fields[11]),
                let system = UInt64(fields[12]), let childrenUser = UInt64(fields[13]),
                let childrenSystem = UInt64(fields[14])
            else { return nil }
            self.process = process
            self.parent = parent
            self.user = user
            self.system = system
            self.childrenUser = childrenUser
            self.childrenSystem = childrenSystem
        }
    }

    /// - Parameter roots: the processes to begin with; empty: nothing is read.
    static func measure(of roots: [Int32]) -> ServerUsage {
        var usage = ServerUsage()
        guard !roots.isEmpty, let directory = opendir("/proc") else { return usage }
        var lines: [ProcessLine] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let process = Int32(name), let text = Self.text(of: "/proc/\(name)/stat"),
                let line = ProcessLine(process: process, text: text)
            else { continue }
            lines.append(line)
        }
        closedir(directory)
        usage.add(lines, roots: Set(roots))
        return usage
    }

    private mutating func add(_ lines: [ProcessLine], roots: Set<Int32>) {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        for line in lines where Self.belongs(line, to: roots, among: lines) {
            self.processes += 1
            self.userSeconds += Double(line.user) / ticks
            self.systemSeconds += Double(line.system) / ticks
            if roots.contains(line.process) {
                self.userSeconds += Double(line.childrenUser) / ticks
                self.systemSeconds += Double(line.childrenSystem) / ticks
            }
            guard let memory = Self.text(of: "/proc/\(line.process)/smaps_rollup") else { continue }
            for row in memory.split(separator: "\n") {
                let fields = row.split(separator: " ")
                guard fields.count >= 2, let kilobytes = Int(fields[1]) else { continue }
                if fields[0] == "Pss:" { self.proportionalKilobytes += kilobytes }
                if fields[0] == "Rss:" { self.residentKilobytes += kilobytes }
            }
        }
    }

    /// Whether a process is one of the roots or descends from one.
    private static func belongs(_ line: ProcessLine, to roots: Set<Int32>, among lines: [ProcessLine]) -> Bool {
        var current = line
        for _ in 0..<64 {
            if roots.contains(current.process) { return true }
            guard let parent = lines.first(where: { $0.process == current.parent }) else { return false }
            current = parent
        }
        return false
    }

    /// A small file, read whole (at most 64 KiB). Nil where it cannot be read: processes come and go.
    private static func text(of path: String) -> String? {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
