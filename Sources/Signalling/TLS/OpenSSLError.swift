import COpenSSL

/// What OpenSSL reported when one of its calls failed: the call and every reason in this thread's error queue.
package struct OpenSSLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call, or the step of a connection, that failed.
    package let operation: String
    /// OpenSSL's reasons, the oldest first; empty where it gave none.
    package let reasons: [String]

    /// Takes the reasons from this thread's error queue and empties it.
    init(_ operation: String) {
        self.operation = operation
        var reasons: [String] = []
        while reasons.count < Limits.maximumErrorReasons {
            let code = ERR_get_error()
            if code == 0 { break }
            reasons.append(Self.text(of: code))
        }
        ERR_clear_error()
        self.reasons = reasons
    }

    /// - Parameter reason: a reason of our own, where OpenSSL itself saw no fault.
    init(_ operation: String, reason: String) {
        self.operation = operation
        self.reasons = [reason]
    }

    private static func text(of code: UInt) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            ERR_error_string_n(code, base, 256)
            return String(cString: base)
        }
    }

    package var description: String {
        self.reasons.isEmpty ? self.operation : "\(self.operation): \(self.reasons.joined(separator: "; "))"
    }
}
