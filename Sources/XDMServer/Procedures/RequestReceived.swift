internal import DigestAuth
internal import Ground
internal import XCAPEngine

/// The checks that every request on Ut goes through, in the order of RFC 4825 §8: target, identity, authorization, body,
/// and then the method.
extension XDMServer {
    mutating func received(_ ticket: Ticket, _ request: UtRequest, at now: Instant, into effects: inout [Effect]) {
        let method = Self.method(request.method)
        self.counted.requests[method, default: 0] += 1
        do throws(UtRefusal) {
            if self.isDraining { throw self.unavailable(seconds: 5) }
            guard request.requestTarget.count <= self.configuration.limits.targetBytes,
                request.target.count <= self.configuration.limits.targetBytes
            else {
                self.observe(.targetLimit, into: &effects)
                throw UtRefusal(414)
            }
            let target = try self.target(of: request, into: &effects)
            let exchange = UtExchange(ticket: ticket, request: request, method: method, target: target)
            switch try self.identify(exchange, at: now, into: &effects) {
            case .awaited(let question, let response):
                self.awaiting[question] = AwaitedRequest(exchange: exchange, response: response)
            case .proven(let caller):
                try self.identified(exchange, caller, at: now, into: &effects)
            }
        } catch {
            self.answer(ticket, error.response, into: &effects)
        }
    }

    /// Who asks is known.
    mutating func identified(
        _ exchange: UtExchange, _ caller: Caller, at now: Instant, into effects: inout [Effect]
    ) throws(UtRefusal) {
        switch exchange.target {
        case .faulty(let fault): throw UtRefusal(fault)
        case .resource(let selector, let home):
            try self.authorize(caller, exchange.method, selector, home: home, into: &effects)
            try self.checkBody(of: exchange.request, into: &effects)
            try self.perform(exchange, selector, home: home, caller, at: now, into: &effects)
        }
    }

    /// RFC 4825 §6, §8: an application usage, a home directory or a form of target that is not known here is 404.
    private mutating func target(
        of request: UtRequest, into effects: inout [Effect]
    ) throws(UtRefusal) -> UtExchange.Target {
        let selector: XCAPSelector
        do {
            selector = try XCAPSelector.parse(request.target[...], limits: self.configuration.engineLimits)
        } catch {
            self.observe(.badTarget, into: &effects)
            if error.status == 404 || error.status == 414 { throw UtRefusal(error.status) }
            return .faulty(error)
        }
        guard let usage = self.registry[auid: selector.auid], usage.hasTree(selector.tree) else {
            throw UtRefusal(404)
        }
        self.counted.usages[selector.auid, default: 0] += 1
        guard !Self.isMisleading(selector.path) else {
            self.observe(.badTarget, into: &effects)
            throw UtRefusal(404)
        }
        switch selector.tree {
        case .global: return .resource(selector, home: nil)
        case .user(let name):
            guard let home = self.home(of: name) else {
                self.observe(.badTarget, into: &effects)
                throw UtRefusal(404)
            }
            return .resource(selector, home: home)
        }
    }

    /// The home directory that an XUI means: the canonical identity behind its spelling, or behind its alias. Nil for
    /// what can be no user of the served domains.
    func home(of name: [UInt8]) -> [UInt8]? {
        if let alias = self.configuration.aliases[name] { return alias }
        guard let identity = UserIdentity.canonical(name[...]) else { return nil }
        if let alias = self.configuration.aliases[identity] { return alias }
        let domain = UserIdentity.domain(of: identity)
        if domain.isEmpty { return self.configuration.servesTelephone ? identity : nil }
        return self.configuration.servedDomains.contains { $0[...] == domain } ? identity : nil
    }

    /// Whether somebody of that name has a home directory (REQ-22141-28).
    func isUser(_ home: [UInt8]) -> Bool {
        guard case .provisioned(let users) = self.users else { return true }
        return users.contains(home)
    }

    /// Whether the path of a document is written so that it looks like another one: with dots that mean a folder above,
    /// empty names, control characters or backslashes.
    private static func isMisleading(_ path: [UInt8]) -> Bool {
        if path.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) { return true }
        return path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).contains { segment in
            segment.isEmpty || segment.equals(".") || segment.equals("..") || segment.equals("~~")
        }
    }

    /// What the listener could not read is refused before anything looks at it.
    private mutating func checkBody(of request: UtRequest, into effects: inout [Effect]) throws(UtRefusal) {
        guard let fault = request.bodyFault else { return }
        self.observe(.badBody, into: &effects)
        switch fault {
        case .tooLarge: throw UtRefusal(413)
        case .unknownEncoding: throw UtRefusal(415, fields: [.init("Accept-Encoding", Array("gzip, identity".utf8))])
        case .broken: throw UtRefusal(400)
        }
    }

    /// Methods are compared as they are written (RFC 9110 §9.1).
    private static func method(_ name: [UInt8]) -> XCAPMethod {
        if name[...].equals("GET") { return .get }
        if name[...].equals("PUT") { return .put }
        if name[...].equals("DELETE") { return .delete }
        return name[...].equals("HEAD") ? .head : .other
    }
}
