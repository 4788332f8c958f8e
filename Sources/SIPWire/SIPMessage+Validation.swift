extension SIPMessage {
    /// Checks what a server relies on: the start line, the headers that every message has exactly once, and the
    /// grammar of those that routing and transactions read. The verdicts of RFC 4475 come from here.
    ///
    /// A fault of a request is answered with ``ParseFault/status`` and ``ParseFault/reason``; a response with a
    /// fault is dropped.
    package func validate(limits: Limits = .standard) throws(ParseFault) {
        if let fault = self.structuralFault { throw ParseFault(fault) }
        _ = try self.topVia()
        _ = try self.from()
        _ = try self.to()
        guard self.first(.callID) != nil else { throw ParseFault(.missingCallID) }
        _ = try self.cseq()
    }
}
