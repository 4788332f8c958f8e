package import Ground
package import SIPWire

extension RequestRefusal.Remedy {
    /// ``accept(_:)`` with a list of media types.
    package static func accept(anyOf types: [StaticString]) -> Self {
        var value: [UInt8] = []
        for type in types {
            if !value.isEmpty { value.append(literal: ", ") }
            value.append(literal: type)
        }
        return .accept(value)
    }

    /// Writes the header that stands beside the refusal.
    /// - Parameters:
    ///   - methods: the value of Allow.
    ///   - events: the value of Allow-Events.
    package func write(into writer: inout MessageWriter, methods: StaticString, events: Octets) {
        switch self {
        case .none: break
        case .allow: writer.header(.allow, methods)
        case .allowEvents: writer.header(.allowEvents, events)
        case .accept(let types): writer.header(.accept, types)
        case .acceptEncoding: writer.header(.acceptEncoding, "identity")
        case .unsupported(let tags): writer.header(.unsupported, tags)
        case .minExpires(let seconds): writer.header(.minExpires, number: UInt64(seconds))
        case .retryAfter(let seconds): writer.header(.retryAfter, number: UInt64(seconds))
        case .challenges(let challenges):
            for challenge in challenges { writer.header(.wwwAuthenticate, challenge) }
        case .warning(let code, let text):
            writer.header(.warning, "\(code) muster \"\(text.filter { $0 != "\"" && $0 != "\\" })\"")
        }
    }
}
