import GRDB
import GRDBSQLite
import Ground
import Storage

/// The raw face of SQLite that the hot path uses: statements that are prepared once, bound and stepped without objects.
///
/// GRDB opens, configures, serialises and closes the connection; this type only borrows it. Not thread-safe: it is used
/// inside the database queue.
final class Connection {
    let handle: OpaquePointer
    private var statements: [Statement] = []

    init(_ handle: OpaquePointer) { self.handle = handle }

    /// Prepares a statement that lives until ``finalize()``.
    func prepare(_ sql: String) throws(Fault) -> Statement {
        var pointer: OpaquePointer?
        let result = sqlite3_prepare_v3(self.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil)
        guard result == SQLITE_OK, let pointer else { throw self.fault("prepare a statement") }
        let statement = Statement(pointer, self)
        self.statements.append(statement)
        return statement
    }

    /// Runs statements that give no rows and are needed once.
    func execute(_ sql: String) throws(Fault) {
        guard sqlite3_exec(self.handle, sql, nil, nil, nil) == SQLITE_OK else { throw self.fault("run a statement") }
    }

    /// Ends all statements, before the connection is closed.
    func finalize() {
        for statement in self.statements { statement.finalize() }
        self.statements = []
    }

    var isInTransaction: Bool { sqlite3_get_autocommit(self.handle) == 0 }
    var changes: Int32 { sqlite3_changes(self.handle) }

    /// What the last call failed with, as a fault that tells the operator what to do.
    func fault(_ what: String) -> Fault {
        Self.fault(
            code: sqlite3_errcode(self.handle), message: String(cString: sqlite3_errmsg(self.handle)), what: what)
    }

    /// Translates a primary or extended result code.
    static func fault(code: Int32, message: String, what: String) -> Fault {
        let cause = "The database cannot \(what): \(message)."
        switch code & 0xFF {
        case SQLITE_FULL:
            return .storageFull(cause + " Make room on the disk; nothing was half-written.")
        case SQLITE_BUSY, SQLITE_LOCKED:
            return .storageInUse(cause + " Another process holds it; end that process.")
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return .storageDamaged(cause + " The file is damaged; put back a copy of it.")
        default:
            return .storageUnavailable(cause + " Check the disk and who may write to the data directory.")
        }
    }
}

/// A prepared statement.
final class Statement {
    private let pointer: OpaquePointer
    private unowned let connection: Connection
    private var isFinalized = false

    /// SQLite copies the bytes before the call returns.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(_ pointer: OpaquePointer, _ connection: Connection) {
        self.pointer = pointer
        self.connection = connection
    }

    func finalize() {
        guard !self.isFinalized else { return }
        self.isFinalized = true
        sqlite3_finalize(self.pointer)
    }

    /// Binds the parameter with this number, counted from 1.
    @inline(__always)
    func bind(_ index: Int32, _ number: Int64) { sqlite3_bind_int64(self.pointer, index, number) }

    @inline(__always)
    func bind(_ index: Int32, id: UInt64) { sqlite3_bind_int64(self.pointer, index, Int64(bitPattern: id)) }

    @inline(__always)
    func bind(_ index: Int32, _ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { buffer in
            // An empty array may have no address, which SQLite would read as NULL.
            if let base = buffer.baseAddress, !buffer.isEmpty {
                _ = sqlite3_bind_blob64(self.pointer, index, base, UInt64(buffer.count), Self.transient)
            } else {
                _ = sqlite3_bind_zeroblob(self.pointer, index, 0)
            }
        }
    }

    /// Runs a statement that gives no row, with these bytes as a parameter, which SQLite reads in place.
    func run(_ what: StaticString, _ index: Int32, inPlace bytes: [UInt8]) throws(Fault) {
        // Before the bytes can move, the statement lets go of them.
        defer { sqlite3_clear_bindings(self.pointer) }
        try bytes.withUnsafeBufferPointer { (buffer) throws(Fault) in
            // An empty array may have no address, which SQLite would read as NULL.
            if let base = buffer.baseAddress, !buffer.isEmpty {
                sqlite3_bind_blob64(self.pointer, index, base, UInt64(buffer.count), nil)
            } else {
                sqlite3_bind_zeroblob(self.pointer, index, 0)
            }
            try self.run(what)
        }
    }

    func bind(_ index: Int32, optional bytes: [UInt8]?) {
        if let bytes { self.bind(index, bytes) } else { sqlite3_bind_null(self.pointer, index) }
    }

    func bind(_ index: Int32, text: String) {
        var text = text
        _ = text.withUTF8 { buffer in
            sqlite3_bind_text64(
                self.pointer, index, UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self),
                UInt64(buffer.count), Self.transient, UInt8(SQLITE_UTF8))
        }
    }

    /// Runs a statement that gives no row.
    @inline(__always)
    func run(_ what: StaticString) throws(Fault) {
        let result = sqlite3_step(self.pointer)
        guard result == SQLITE_DONE || result == SQLITE_ROW else {
            let fault = self.connection.fault("\(what)")
            sqlite3_reset(self.pointer)
            throw fault
        }
        sqlite3_reset(self.pointer)
    }

    /// Moves to the next row; false after the last.
    func next(_ what: @autoclosure () -> String) throws(Fault) -> Bool {
        switch sqlite3_step(self.pointer) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw self.connection.fault(what())
        }
    }

    /// Makes the statement ready to run again.
    func reset() { sqlite3_reset(self.pointer) }

    // MARK: columns, counted from 0. Nil where the type is another.

    func int64(_ column: Int32) -> Int64? {
        guard sqlite3_column_type(self.pointer, column) == SQLITE_INTEGER else { return nil }
        return sqlite3_column_int64(self.pointer, column)
    }

    func integer<Value: FixedWidthInteger>(_ column: Int32, as: Value.Type = Value.self) -> Value? {
        self.int64(column).flatMap { Value(exactly: $0) }
    }

    func blob(_ column: Int32) -> [UInt8]? {
        guard sqlite3_column_type(self.pointer, column) == SQLITE_BLOB else { return nil }
        guard let base = sqlite3_column_blob(self.pointer, column) else { return [] }
        let count = Int(sqlite3_column_bytes(self.pointer, column))
        return Array(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Like ``blob(_:)``, but gives `previous` when it is equal, so that many rows share one array.
    func blob(_ column: Int32, sharing previous: inout [UInt8]) -> [UInt8]? {
        guard sqlite3_column_type(self.pointer, column) == SQLITE_BLOB else { return nil }
        guard let base = sqlite3_column_blob(self.pointer, column) else { return [] }
        let buffer = UnsafeRawBufferPointer(start: base, count: Int(sqlite3_column_bytes(self.pointer, column)))
        if !previous.elementsEqual(buffer) { previous = Array(buffer) }
        return previous
    }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(self.pointer, column) == SQLITE_NULL }

    /// A blob or NULL: nil where it is neither.
    func optionalBlob(_ column: Int32) -> [UInt8]?? {
        if sqlite3_column_type(self.pointer, column) == SQLITE_NULL { return .some(nil) }
        return self.blob(column).map { .some($0) }
    }

    func text(_ column: Int32) -> String? {
        guard sqlite3_column_type(self.pointer, column) == SQLITE_TEXT,
            let base = sqlite3_column_text(self.pointer, column)
        else { return nil }
        let count = Int(sqlite3_column_bytes(self.pointer, column))
        return String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
    }
}
