package import Ground

/// A request method. Methods are case-sensitive (RFC 3261 §7.1); one that is not known here is kept as it came.
package enum Method: Hashable, Sendable {
    case invite, ack, bye, cancel, options, register
    case prack, subscribe, notify, publish, info, refer, message, update
    case other([UInt8])

    package init(_ token: Octets) {
        self = token.withUnsafeBufferPointer { Method($0) }
    }

    /// Reads a method without making anything but the value; only an unknown method allocates.
    init(_ token: UnsafeBufferPointer<UInt8>) {
        self =
            switch token.count {
            case 3 where Bytes.equal(token, "ACK"): .ack
            case 3 where Bytes.equal(token, "BYE"): .bye
            case 4 where Bytes.equal(token, "INFO"): .info
            case 5 where Bytes.equal(token, "REFER"): .refer
            case 5 where Bytes.equal(token, "PRACK"): .prack
            case 6 where Bytes.equal(token, "NOTIFY"): .notify
            case 6 where Bytes.equal(token, "INVITE"): .invite
            case 6 where Bytes.equal(token, "CANCEL"): .cancel
            case 6 where Bytes.equal(token, "UPDATE"): .update
            case 7 where Bytes.equal(token, "PUBLISH"): .publish
            case 7 where Bytes.equal(token, "OPTIONS"): .options
            case 7 where Bytes.equal(token, "MESSAGE"): .message
            case 8 where Bytes.equal(token, "REGISTER"): .register
            case 9 where Bytes.equal(token, "SUBSCRIBE"): .subscribe
            default: .other(Array(token))
            }
    }

    /// The token as it stands on the wire.
    package var token: [UInt8] {
        if case .other(let token) = self { return token }
        return self.literal.withUTF8Buffer { Array($0) }
    }

    /// The token as a literal; empty for ``other(_:)``.
    package var literal: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .publish: "PUBLISH"
        case .info: "INFO"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .update: "UPDATE"
        case .other: ""
        }
    }

    /// Whether a token on the wire is this method.
    package func matches(_ token: Octets) -> Bool {
        if case .other(let mine) = self { return mine[...] == token }
        return token.equals(self.literal)
    }
}
