/// The bounds of everything a peer can make grow in this room. Each has a ``ParseFault/Kind`` that is counted when
/// it is hit.
package struct Limits: Sendable, Equatable {
    /// Bytes of a whole message, start line to body. The default is what a UDP datagram can carry.
    package var maximumMessageBytes: Int = 65_535
    /// Bytes from the start line to the empty line.
    package var maximumHeadBytes: Int = 32_768
    /// Header lines of one message or of one body part.
    package var maximumHeaders: Int = 256
    /// Bytes of one header line, unfolded.
    package var maximumHeaderBytes: Int = 16_384
    /// Bytes of a Request-URI.
    package var maximumURIBytes: Int = 2_048
    /// Via entries of one message: a path longer than Max-Forwards allows is a loop.
    package var maximumVias: Int = 70
    /// Elements that a comma list of one header is read to (Route, Contact, Accept ...).
    package var maximumListElements: Int = 256
    /// Parts of a multipart body.
    package var maximumParts: Int = 64
    /// Keep-alive and empty lines in a row on a stream before the peer counts as a nuisance.
    package var maximumEmptyLines: Int = 64

    /// Parameters, and header components, of one URI. Comparing URIs takes the square of it.
    package static let maximumURIParameters = 64

    package init() {}

    /// The bounds that a server uses where nothing else is configured.
    package static let standard = Limits()
}
