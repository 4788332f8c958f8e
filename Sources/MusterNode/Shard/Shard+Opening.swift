import Ground
import NIOCore
import PresenceServer
import SCSCF
import Signalling

extension Shard {
    /// Brings the shard to life: sockets, rules, then what storage kept. What arrives
    /// before the last step waits, so that nobody meets half a memory.
    ///
    /// - Returns: where the listeners listen, in the order of their configuration.
    /// - Throws: `signalling.port-unavailable`, `signalling.tls-unusable`.
    package func open(
        rules: RuleChange?, presence: StoredPresence, bindings: [BindingRecord]
    ) async throws -> [Endpoint] {
        let transports = try SIPTransports(
            loop: self.loop, configuration: self.parts.transports, clock: self.clock)
        transports.receiver = self
        transports.trace = self.parts.trace
        self.transports = transports
        self.resolver = try self.parts.resolver?()
        var endpoints: [Endpoint] = []
        for listener in self.parts.listeners {
            endpoints.append(try await transports.listen(listener).get())
        }
        // What expired while the node was down is told to watchers now, so the sockets must be there already.
        self.turn { now in
            if let rules { self.tellPresence(.rulesChanged(rules), at: now) }
            self.tellRegistrar(.restored(bindings), at: now)
            self.tellPresence(.restored(presence), at: now)
        }
        let held = self.heldBack ?? []
        self.heldBack = nil
        self.take(held)
        return endpoints
    }

    /// Replaces the authorization rules; live subscriptions feel it in this turn.
    package func change(rules: RuleChange) {
        self.turn { now in self.tellPresence(.rulesChanged(rules), at: now) }
    }

    /// Tells the Presence Server who exists.
    package func change(users: PresenceServer.Configuration.Users) {
        self.turn { now in self.tellPresence(.usersChanged(users), at: now) }
    }

    /// Ends the shard: peers are not told that subscriptions ended, because they have not: they live on in storage.
    package func close() async {
        self.turn { now in self.tellPresence(.drained, at: now) }
        self.alarm?.cancel()
        self.alarm = nil
        self.commitAlarm?.cancel()
        self.commitAlarm = nil
        try? await self.transports?.close().get()
        self.resolver?.close()
        self.transports = nil
        self.resolver = nil
    }
}
