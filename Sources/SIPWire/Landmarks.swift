package import Ground

/// Where the parts of a message lie that nearly every reader of it asks for, found while the message is judged, so that
/// nobody has to scan for them again.
///
/// All places count from the first byte of the message. Nil says nothing about the message: whoever asks then scans for
/// itself. It is so in a message that was found malformed before its end.
struct Landmarks: Sendable {
    /// The Request-URI of a request.
    var requestURI: URIPieces?
    var topVia: TopVia?
    var from: Party?
    var to: Party?
    /// The number of the CSeq, and where its method stands.
    var cseq: (number: UInt32, method: Piece)?
    /// The Contact, if there is one address and no more.
    var contact: Party?
    var event: (value: Piece, parameters: Piece)?

    /// A From, To or Contact header.
    struct Party: Sendable {
        var address: NameAddressPieces
        var uri: URIPieces
        var tag: Piece?
    }
}

/// What was found when a message was judged.
struct Verdict: Sendable {
    /// What splitting has noticed, or else what is wrong with a header.
    var fault: ParseFault.Kind?
    var landmarks = Landmarks()
}

/// The first entry of a Via header, and those of its parameters that a server looks at.
struct TopVia: Sendable {
    /// Where the parts of the entry lie.
    private(set) var pieces: ViaPieces
    /// The value of the first branch; nil where it has none or it is quoted.
    private(set) var branch: Piece?
    private(set) var maddr: Piece?
    /// The parameter with the semicolon before it.
    private(set) var rport: Piece?
    private(set) var received: Piece?
    /// Whether one of the two is there more than once, which RFC 3261 §7.3.1 forbids.
    private(set) var claimsTwice = false
    /// Whether a branch is there that is no value, or a second one.
    private(set) var hasBadBranch = false

    /// Reads one entry and leaves the cursor at its end: the end of the bytes or a comma.
    init(_ cursor: inout Cursor) throws(ParseFault) {
        self.pieces = try ViaGrammar.beginning(&cursor)
        let base = cursor.base
        do throws(ParseFault) {
            self.pieces.parameters = try Parameters.walk(&cursor) { (found) throws(ParseFault) in
                self.note(found, base)
            }
        } catch { throw ParseFault(.badVia) }
        self.pieces.end = UInt32(truncatingIfNeeded: cursor.position)
    }

    @inline(__always)
    private mutating func note(_ found: Parameters.Found, _ base: UnsafePointer<UInt8>) {
        switch found.name.end &- found.name.start {
        case 5 where Bytes.equalIgnoringCase(base, found.name.range, "rport"):
            if self.rport != nil { self.claimsTwice = true }
            self.rport = found.whole
        case 5 where Bytes.equalIgnoringCase(base, found.name.range, "maddr"):
            self.maddr = found.value ?? Piece.none
        case 6 where Bytes.equalIgnoringCase(base, found.name.range, "branch"):
            if self.branch != nil || found.isWithoutPlainValue(base) {
                self.hasBadBranch = true
            } else {
                self.branch = found.value
            }
        case 8 where Bytes.equalIgnoringCase(base, found.name.range, "received"):
            if self.received != nil { self.claimsTwice = true }
            self.received = found.whole
        default: break
        }
    }

    /// Whether a parameter says where a request came from.
    static func isClaim(_ base: UnsafePointer<UInt8>, _ name: Range<Int>) -> Bool {
        Bytes.equalIgnoringCase(base, name, "rport") || Bytes.equalIgnoringCase(base, name, "received")
    }
}

/// What a transaction layer needs of the top Via of a message.
package struct ViaOutline: Sendable {
    /// The value of the Via header line, of whose indices the ranges are.
    package let octets: Octets
    /// The transport of the sent-protocol.
    package let transport: Range<Int>
    /// The host of the sent-by.
    package let host: Range<Int>
    /// The port of the sent-by, if one is written.
    package let port: UInt16?
    /// The identifier of the transaction.
    package let branch: Range<Int>?
    /// Where a multicast response goes.
    package let maddr: Range<Int>?
    /// Whether the sender asks for symmetric responses (RFC 3581 §3).
    package let hasRPort: Bool

    package init(
        octets: Octets, transport: Range<Int>, host: Range<Int>, port: UInt16?, branch: Range<Int>?, maddr: Range<Int>?,
        hasRPort: Bool
    ) {
        self.octets = octets
        self.transport = transport
        self.host = host
        self.port = port
        self.branch = branch
        self.maddr = maddr
        self.hasRPort = hasRPort
    }
}

extension SIPMessage {
    /// The top Via as it was found when the message was judged; nil where that did not come so far.
    package var topViaOutline: ViaOutline? {
        guard let found = self.landmarks.topVia, !found.hasBadBranch, let field = self.field(.via) else { return nil }
        return ViaOutline(
            octets: self.storage[field.valueRange], transport: found.pieces.transport.range,
            host: found.pieces.host.range, port: found.pieces.port, branch: found.branch?.range,
            maddr: found.maddr?.range, hasRPort: found.rport != nil)
    }
}

extension Piece {
    /// The same bytes, counted from a byte that lies behind the one they were counted from.
    @inline(__always)
    func counted(from start: UInt32) -> Piece {
        // What stands for nothing at all stands nowhere; no part of a header begins with the message.
        if self == .none { return self }
        var piece = self
        piece.start &-= start
        piece.end &-= start
        return piece
    }
}

extension URIPieces {
    /// The same parts, counted from a byte that lies behind the one they were counted from.
    func counted(from start: UInt32) -> URIPieces {
        var pieces = self
        pieces.scheme = self.scheme.counted(from: start)
        pieces.user = self.user?.counted(from: start)
        pieces.password = self.password?.counted(from: start)
        pieces.host = self.host.counted(from: start)
        pieces.parameters = self.parameters.counted(from: start)
        pieces.headers = self.headers?.counted(from: start)
        return pieces
    }
}

extension NameAddressPieces {
    /// The same parts, counted from a byte that lies behind the one they were counted from.
    func counted(from start: UInt32) -> NameAddressPieces {
        NameAddressPieces(
            displayName: self.displayName?.counted(from: start), uri: self.uri.counted(from: start),
            isBracketed: self.isBracketed, parameters: self.parameters.counted(from: start))
    }
}
