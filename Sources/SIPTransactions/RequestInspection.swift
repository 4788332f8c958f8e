package import Ground
package import SIPWire

/// The checks that RFC 3261 §8.2 asks of every server before it looks at what a request means, in their order. Each
/// gives the refusal to finish and send, or nil if the request passes.
///
/// Authentication comes before them; that the user is known, that merged requests are found and that the event
/// package is known is judged elsewhere.
package enum RequestInspection {
    /// What a server can do: what the checks compare with.
    package struct Capabilities: Sendable {
        /// The methods of the Allow header.
        package var methods: [Method]
        /// Option tags for Supported; one of these in Require passes.
        package var extensions: [StaticString]
        /// Media types that bodies may have; nil where every type passes.
        package var contentTypes: [StaticString]?
        /// Schemes that a Request-URI may have.
        package var schemes: [SIPURI.Scheme]

        package init(
            methods: [Method], extensions: [StaticString] = [], contentTypes: [StaticString]? = nil,
            schemes: [SIPURI.Scheme] = [.sip, .sips]
        ) {
            self.methods = methods
            self.extensions = extensions
            self.contentTypes = contentTypes
            self.schemes = schemes
        }
    }

    /// Runs all checks in the order of RFC 3261 §8.2.
    /// - Parameters:
    ///   - toTag: the tag of our side in the refusal.
    ///   - source: where the request came from, for `received` and `rport`.
    package static func inspect(
        _ request: SIPMessage, _ capabilities: Capabilities, toTag: Octets?, receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        self.method(request, capabilities, toTag: toTag, receivedFrom: source)
            ?? self.scheme(request, capabilities, toTag: toTag, receivedFrom: source)
            ?? self.requirements(request, capabilities, toTag: toTag, receivedFrom: source)
            ?? self.content(request, capabilities, toTag: toTag, receivedFrom: source)
    }

    /// RFC 3261 §8.2.1: a method that we have not gets a 405 that names those that we have.
    package static func method(
        _ request: SIPMessage, _ capabilities: Capabilities, toTag: Octets?, receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        guard !capabilities.methods.contains(request.method) else { return nil }
        var writer = request.response(405, toTag: toTag, receivedFrom: source)
        writer.header(.allow, self.allow(capabilities.methods)[...])
        return writer
    }

    /// The value of an Allow header.
    package static func allow(_ methods: [Method]) -> [UInt8] {
        var value: [UInt8] = []
        for method in methods {
            if !value.isEmpty { value.append(literal: ", ") }
            value.append(contentsOf: method.token)
        }
        return value
    }

    /// RFC 3261 §8.2.2.1: a Request-URI of a scheme that we do not know gets a 416.
    package static func scheme(
        _ request: SIPMessage, _ capabilities: Capabilities, toTag: Octets?, receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        if let uri = try? request.readRequestURI(), capabilities.schemes.contains(uri.scheme) { return nil }
        return request.response(416, toTag: toTag, receivedFrom: source)
    }

    /// RFC 3261 §8.2.2.3: option tags in Require that we do not know get a 420 that names them. ACK and CANCEL are
    /// exempt.
    package static func requirements(
        _ request: SIPMessage, _ capabilities: Capabilities, toTag: Octets?, receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        self.unsupported(in: .require, request, capabilities.extensions, toTag: toTag, receivedFrom: source)
    }

    /// RFC 3261 §16.3: the same for a proxy, with Proxy-Require.
    package static func proxyRequirements(
        _ request: SIPMessage, extensions: [StaticString], receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        self.unsupported(in: .proxyRequire, request, extensions, toTag: nil, receivedFrom: source)
    }

    private static func unsupported(
        in header: HeaderName, _ request: SIPMessage, _ extensions: [StaticString], toTag: Octets?,
        receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        guard request.first(header) != nil, request.method != .ack, request.method != .cancel else { return nil }
        let unknown = request.list(header).filter { tag in
            !tag.isEmpty && !extensions.contains { tag.equalsIgnoringCase($0) }
        }
        guard !unknown.isEmpty else { return nil }
        var writer = request.response(420, toTag: toTag, receivedFrom: source)
        var value: [UInt8] = []
        for tag in unknown {
            if !value.isEmpty { value.append(literal: ", ") }
            value.append(contentsOf: tag)
        }
        writer.header(.unsupported, value[...])
        return writer
    }

    /// RFC 3261 §8.2.3: a body in an encoding or of a type that we do not understand gets a 415 that names those that we
    /// do, unless the sender calls the body optional (§20.11).
    package static func content(
        _ request: SIPMessage, _ capabilities: Capabilities, toTag: Octets?, receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        guard let known = capabilities.contentTypes, !request.body.isEmpty, !self.isBodyOptional(request) else {
            return nil
        }
        if let encoding = request.first(.contentEncoding), !encoding.equalsIgnoringCase("identity") {
            var writer = request.response(415, toTag: toTag, receivedFrom: source)
            writer.header(.acceptEncoding, "identity" as StaticString)
            return writer
        }
        if let type = try? request.contentType(), known.contains(where: { type.matches($0) }) { return nil }
        var writer = request.response(415, toTag: toTag, receivedFrom: source)
        writer.header(.accept, self.list(known)[...])
        return writer
    }

    /// Whether `Content-Disposition: …;handling=optional` allows the body to be left aside (RFC 3261 §20.11).
    package static func isBodyOptional(_ request: SIPMessage) -> Bool {
        guard let value = request.first(.contentDisposition), let semicolon = value.firstIndex(of: UInt8(ascii: ";"))
        else { return false }
        return Parameters(value[semicolon...]).value(of: "handling")?.equalsIgnoringCase("optional") ?? false
    }

    /// RFC 3261 §8.2.3, §21.4.7: a request that accepts none of the types that we could answer with gets a 406 that names
    /// them. A request without Accept takes the default type.
    package static func acceptable(
        _ request: SIPMessage, offered: [StaticString], toTag: Octets?, receivedFrom source: Endpoint?
    ) -> MessageWriter? {
        let entries: [AcceptEntry]
        do {
            guard let read = try request.accept() else { return nil }
            entries = read
        } catch {
            return request.response(error.status, error.reason, toTag: toTag, receivedFrom: source)
        }
        if offered.contains(where: { type in entries.contains { $0.quality > 0 && $0.accepts(type) } }) { return nil }
        var writer = request.response(406, toTag: toTag, receivedFrom: source)
        writer.header(.accept, self.list(offered)[...])
        return writer
    }

    private static func list(_ values: [StaticString]) -> [UInt8] {
        var bytes: [UInt8] = []
        for value in values {
            if !bytes.isEmpty { bytes.append(literal: ", ") }
            bytes.append(literal: value)
        }
        return bytes
    }

    /// RFC 3261 §16.3: a proxy does not pass on a request whose Max-Forwards is used up: 483.
    package static func hopLimit(_ request: SIPMessage, receivedFrom source: Endpoint?) -> MessageWriter? {
        guard let left = try? request.maxForwards(), left == 0 else { return nil }
        return request.response(483, receivedFrom: source)
    }

    /// RFC 3261 §16.3: whether a request has passed here before and comes back unchanged.
    /// - Parameters:
    ///   - isOurs: whether a Via is one that we wrote.
    ///   - loopMark: what our branch ends with when the request is the same as before; the proxy computes it from what
    ///     decides the way of a request and writes it behind its branch.
    package static func isLooped(_ request: SIPMessage, isOurs: (Via) -> Bool, loopMark: Octets) -> Bool {
        guard !loopMark.isEmpty, let vias = try? request.vias() else { return false }
        return vias.contains { via in
            guard isOurs(via), let branch = via.branch, branch.count >= loopMark.count else { return false }
            return branch.suffix(loopMark.count) == loopMark
        }
    }
}
