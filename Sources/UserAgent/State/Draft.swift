import Ground
import SIPTransactions
import SIPWire

/// A request in the making: all of it but the Via, the CSeq and the credentials, which differ each time it is sent.
struct Draft: Sendable {
    var method: Method
    var uri: [UInt8]
    var routes: [[UInt8]] = []
    /// The value of From, with its tag.
    var from: [UInt8]
    /// The value of To, with its tag inside a dialog.
    var to: [UInt8]
    var callID: [UInt8]
    /// Further header lines, each with its CRLF.
    var lines: [UInt8] = []
    var contentType: String?
    var body: [UInt8] = []
    var isInsideDialog = false

    /// Adds a header line.
    mutating func add(_ name: StaticString, _ value: some Sequence<UInt8>) {
        self.lines.append(literal: name)
        self.lines.append(literal: ": ")
        self.lines.append(contentsOf: value)
        self.lines.append(literal: "\r\n")
    }

    mutating func add(_ name: StaticString, text: String) { self.add(name, text.utf8) }

    mutating func add(_ name: StaticString, number: UInt32) { self.add(name, String(number).utf8) }

    /// The whole request without a Via, and where the Via goes.
    func serialised(cseq: UInt32, credentials: [UInt8], product: String) -> (bytes: [UInt8], viaOffset: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1024 + self.body.count)
        bytes.append(contentsOf: self.method.token)
        bytes.append(0x20)
        bytes.append(contentsOf: self.uri)
        bytes.append(literal: " SIP/2.0\r\n")
        let viaOffset = bytes.count
        func line(_ name: StaticString, _ value: [UInt8]) {
            bytes.append(literal: name)
            bytes.append(contentsOf: value)
            bytes.append(literal: "\r\n")
        }
        line("Max-Forwards: ", Array("70".utf8))
        for route in self.routes { line("Route: ", route) }
        line("From: ", self.from)
        line("To: ", self.to)
        line("Call-ID: ", self.callID)
        line("CSeq: ", Array(String(cseq).utf8) + [0x20] + self.method.token)
        bytes.append(contentsOf: self.lines)
        bytes.append(contentsOf: credentials)
        line("User-Agent: ", Array(product.utf8))
        if let contentType = self.contentType { line("Content-Type: ", Array(contentType.utf8)) }
        line("Content-Length: ", Array(String(self.body.count).utf8))
        bytes.append(literal: "\r\n")
        bytes.append(contentsOf: self.body)
        return (bytes, viaOffset)
    }
}
