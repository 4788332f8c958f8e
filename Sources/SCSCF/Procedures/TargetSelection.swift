import Ground
import SIPTransactions
import SIPWire

/// Where a request goes (RFC 3261 §16.5, RFC 5626 §7, RFC 5627 §5.3), and what we write into Record-Route on its way.
extension SCSCF {
    /// The outcome of the search.
    enum Selection {
        case found([ProxyTarget])
        /// A user of ours whom no request can reach now.
        case noContact([UInt8])
        /// Nothing that we could find a way to.
        case unroutable
    }

    func targets(of request: SIPMessage, _ routing: ProxyRouting, _ origin: Origin, at now: Instant) -> Selection {
        let uri = routing.requestURI
        if routing.routes.isEmpty, self.names.isServed(uri), uri.user != nil {
            return self.contacts(of: uri, request, origin, at: now)
        }
        guard uri.isSIP || !routing.routes.isEmpty else { return .unroutable }
        guard !routing.routes.isEmpty || !self.names.leadsHere(uri) else { return .unroutable }
        let nextHop = routing.routes.first.flatMap { try? NameAddress.parse($0) }?.uri ?? uri
        var target = ProxyTarget(uri: Self.withoutHeaders(uri), isTrusted: self.names.isTrusted(nextHop))
        // RFC 5626 §5.3: inside a dialog the token of the last Route that was ours names the flow of the other end.
        if routing.routes.isEmpty, let route = self.dialogRoute(request, routing), let flow = route.flow,
            flow != origin.flow
        {
            target.flow = flow
        }
        target.recordRoutes = self.recordRoutes(request, origin, to: target, nextHop: nextHop)
        return .found([target])
    }

    /// The contacts of a user of ours; for a GRUU those of the one instance.
    private func contacts(of uri: SIPURI, _ request: SIPMessage, _ origin: Origin, at now: Instant) -> Selection {
        var user = self.names.identity(of: uri)
        var bindings: [Binding]
        if let gruu = self.temporaryGRUUs.open(uri) {
            user = gruu.user
            bindings = self.locations.bindings(of: user, at: now)
            let instance = bindings.first { $0.record.id == gruu.binding }?.record.instance
            // RFC 5627 §5.3: all flows of the instance will do.
            bindings = bindings.filter { Self.isSame($0.record.instance, instance) }
        } else {
            bindings = self.locations.bindings(of: user, at: now)
            if uri.isGRUU {
                let instance = PublicGRUU.instance(of: uri)
                bindings = bindings.filter { Self.isSame($0.record.instance, instance) }
            }
        }
        // RFC 5630 §3.3: a request to a sips URI never takes a hop without TLS.
        if uri.scheme == .sips { bindings = bindings.filter { Self.isSecure($0) } }
        bindings = bindings.filter { $0.uri.isSIP }
        guard !bindings.isEmpty else { return .noContact(user) }
        return .found(self.grouped(bindings).map { self.target($0, request, origin) })
    }

    /// RFC 5627 §3.1.1, RFC 4122 §3: neither a URN of this kind nor a URI parameter tells case apart.
    static func isSame(_ left: [UInt8]?, _ right: [UInt8]?) -> Bool {
        guard let left, let right else { return false }
        return left[...].equalsIgnoringCase(right[...])
    }

    private static func isSecure(_ binding: Binding) -> Bool {
        binding.uri.scheme == .sips || binding.flow?.transport.isSecure == true
    }

    /// Flows of the same instance stand for one target: the one that was registered last comes first, the others are there for
    /// when it has failed (RFC 5626 §7).
    private func grouped(_ bindings: [Binding]) -> [[Binding]] {
        var groups: [[Binding]] = []
        for binding in bindings {
            if binding.record.regID > 0, let instance = binding.record.instance,
                let index = groups.firstIndex(where: {
                    $0[0].record.regID > 0 && Self.isSame($0[0].record.instance, instance)
                })
            {
                groups[index].append(binding)
            } else {
                groups.append([binding])
            }
        }
        return groups.map { group in group.sorted { $0.record.refreshedAt > $1.record.refreshedAt } }
    }

    private func target(_ group: [Binding], _ request: SIPMessage, _ origin: Origin) -> ProxyTarget {
        var targets = group.map { binding in
            let routes = binding.record.path
            let nextHop = routes.first.flatMap { try? NameAddress.parse($0[...]) }?.uri ?? binding.uri
            var target = ProxyTarget(
                label: binding.record.id, uri: Self.withoutHeaders(binding.uri), routes: routes, flow: binding.flow,
                mayLeaveFlow: !binding.needsFlow, q: binding.record.q, isTrusted: self.names.isTrusted(nextHop))
            target.recordRoutes = self.recordRoutes(request, origin, to: target, nextHop: nextHop)
            return target
        }
        var first = targets.removeFirst()
        first.alternatives = targets
        return first
    }

    /// RFC 3261 §19.1.1: neither headers nor a method stand in a Request-URI.
    private static func withoutHeaders(_ uri: SIPURI) -> [UInt8] {
        guard uri.isSIP, let headers = uri.headers else { return uri.serialised() }
        return Array(uri.octets.dropLast(headers.count + 1))
    }

    /// What the Route that led the request here says, if we made it for this very dialog.
    func dialogRoute(_ request: SIPMessage, _ routing: ProxyRouting) -> RouteToken.Opened? {
        guard request.toTag() != nil, let last = routing.ownRoutes.last, let token = last.user else { return nil }
        return self.routeTokens.open(token, callID: request.callID)
    }

    /// The Record-Route values for a request, the topmost first (RFC 3261 §16.6, step 4). Two where the sides differ, each of them
    /// reachable for the side that it faces (RFC 5658).
    private func recordRoutes(
        _ request: SIPMessage, _ origin: Origin, to target: ProxyTarget, nextHop: SIPURI
    ) -> [[UInt8]] {
        guard self.configuration.recordsRoute else { return [] }
        switch request.method {
        // RFC 6665 §4.3: whoever stays on the path of SUBSCRIBE stays on that of NOTIFY.
        case .invite, .subscribe, .notify, .refer, .update: break
        case .ack, .bye, .cancel, .options, .register, .prack, .publish, .info, .message, .other: return []
        }
        // RFC 3261 §16.6, step 4: a request to a sips URI leaves sips in Record-Route.
        let isSecure = request.requestURI.prefix(5).equalsIgnoringCase("sips:")
        let incoming = origin.flow.transport
        // Whoever stands directly behind a connection, or behind an address translator, is reached over the same flow again.
        let isNear = !origin.isTrusted && request.list(.via).count <= 1
        let near = isNear && self.isBehindFlow(request, origin) ? origin.flow : nil
        let outgoing = target.flow?.transport ?? Self.transport(of: nextHop)
        let facing = self.names.recordRoute(
            incoming, token: self.routeTokens.make(callID: request.callID, flow: near), isSecure: isSecure)
        guard incoming != outgoing || target.flow != nil else { return [facing] }
        let far = self.names.recordRoute(
            outgoing, token: self.routeTokens.make(callID: request.callID, flow: target.flow), isSecure: isSecure)
        return [far, facing]
    }

    private func isBehindFlow(_ request: SIPMessage, _ origin: Origin) -> Bool {
        if origin.flow.transport != .udp { return true }
        guard let via = try? request.topVia() else { return false }
        return via.hasRPort && via.hostAddress != origin.flow.remote.address
    }

    private static func transport(of uri: SIPURI) -> Transport {
        if uri.scheme == .sips { return .tls }
        return uri.transport.flatMap { Transport(token: $0) } ?? .udp
    }
}
