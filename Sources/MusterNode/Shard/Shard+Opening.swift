import Cryptography
import Ground
import NIOCore
import PresenceServer
import SCSCF
import SIPTransactions
import Signalling
import Storage
import XDMServer

extension Shard {
    /// Brings the shard to life: sockets, rules and documents, then what else storage kept. What arrives before the last
    /// step waits, so that nobody meets half a memory.
    ///
    /// - Returns: where the listeners listen, in the order of their configuration.
    /// - Throws: `signalling.port-unavailable`, `signalling.tls-unusable`.
    package func open(
        rules: RuleChange?, restoring state: StoredState
    ) async throws -> [Endpoint] {
        let transports = try SIPTransports(
            loop: self.loop, configuration: self.parts.transports, clock: self.clock, entropy: .system)
        transports.receiver = self
        transports.trace = self.parts.trace
        self.transports = transports
        self.resolver = try self.parts.resolver?()
        var endpoints: [Endpoint] = []
        for listener in self.parts.listeners {
            endpoints.append(try await transports.listen(listener).get())
        }
        // Nothing was taken in yet, so these can begin anew now that they know by which ports they are reached.
        self.transactions = TransactionLayer(configuration: self.parts.transactions(endpoints), entropy: .system)
        self.registrar = self.parts.registrar(endpoints).map { SCSCF(configuration: $0, entropy: .system) }
        // What expired while the node was down is told to watchers now, so the sockets must be there already.
        self.turn { now in
            if let rules { self.tellPresence(.rulesChanged(rules), at: now) }
            // The rules before those whom they keep out.
            self.tellPresence(.documentsChanged(SubscriberDocument.all(of: state)), at: now)
            self.tellDocuments(.restored(state.documents), at: now)
            self.tellRegistrar(.restored(state.bindings), at: now)
            self.tellPresence(.restored(state.presence), at: now)
        }
        let held = self.heldBack ?? []
        self.heldBack = nil
        self.take(held)
        self.arrivalsEnded()
        return endpoints
    }

    /// Replaces the authorization rules; live subscriptions feel it in this turn.
    package func change(rules: RuleChange) {
        self.turn { now in self.tellPresence(.rulesChanged(rules), at: now) }
    }

    /// Tells the boxes who exists.
    package func change(users: KnownUsers) {
        self.turn { now in
            self.tellPresence(.usersChanged(users.ofPresence), at: now)
            self.tellDocuments(.usersChanged(users.ofDocuments), at: now)
        }
    }

    /// Ends the shard: peers are not told that subscriptions ended, because they have not: they live on in storage.
    package func close() async {
        // What waits for its commit is kept and answered still.
        self.nextCommit = .zero
        self.turn { now in
            self.tellPresence(.drained, at: now)
            self.tellDocuments(.drained, at: now)
        }
        self.isClosed = true
        self.isOpen.withLock { $0 = false }
        self.refuseWaiting()
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
