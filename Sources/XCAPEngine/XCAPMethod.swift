/// What a request wants to do with a resource (RFC 4825 §7).
package enum XCAPMethod: Hashable, Sendable {
    case get, head, put, delete
    /// Any other; answered with 405.
    case other
}
