import Ground
import SIPWire

/// The bytes of a text.
func octets(_ text: String) -> Octets { Array(text.utf8)[...] }

/// A message from its lines: CRLF between them, and an empty line behind.
func message(_ lines: String..., body: String = "") -> [UInt8] {
    Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
}

/// A SUBSCRIBE as a watcher sends it, with more header lines behind the usual ones.
func subscribe(_ more: String..., without: [String] = []) -> [UInt8] {
    let lines =
        [
            "SUBSCRIBE sip:alice@example.com SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK-1",
            "Max-Forwards: 70",
            "From: \"Bob\" <sip:bob@example.com>;tag=b0b",
            "To: <sip:alice@example.com>",
            "Call-ID: 843817637684230@998sdasdh09",
            "CSeq: 1826 SUBSCRIBE",
            "Contact: <sip:bob@192.0.2.7:5060>",
            "Event: presence",
            "Expires: 3600",
        ].filter { line in !without.contains { line.hasPrefix($0) } } + more + ["Content-Length: 0"]
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
}
