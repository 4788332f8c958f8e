import Glibc
import Ground

/// What is done with what arrives.
extension LoadEngine {
    func received(_ bytes: UnsafePointer<UInt8>, count: Int, from peer: LoadPeer) {
        self.statistics.packetsReceived += 1
        guard count >= 16 else { return }
        let now = LoadClock.now
        if memcmp(bytes, "SIP/2.0 ", 8) == 0 {
            self.responseReceived(bytes, count: count, at: now)
        } else if memcmp(bytes, "NOTIFY ", 7) == 0 {
            self.notifyReceived(bytes, count: count, from: peer, at: now)
        }
    }

    private func responseReceived(_ bytes: UnsafePointer<UInt8>, count: Int, at now: UInt64) {
        let status = LoadMessage.Piece(start: bytes + 8, count: 3).number()
        let message = LoadMessage(bytes, count: count)
        guard let via = message.vias[0], let start = via.end(of: "z9hG4bK.") else { return }
        let slot = via.number(from: start)
        guard let middle = via.end(of: ".", from: start), slot < self.capacity else { return }
        let operation = self.operations[slot]
        guard operation.isUsed, !operation.isAnswered, operation.generation == via.number(from: middle) else {
            self.statistics.lateResponses += 1
            return
        }
        guard (200..<700).contains(status) else { return }
        self.statistics.statuses[status] += 1
        self.operations[slot].isAnswered = true
        self.statistics.finalResponse.add(now - operation.startedAt)
        guard status < 300 else {
            if operation.kind == .publish { self.presentities[operation.index].entityTag = [] }
            self.fail(slot)
            return
        }
        switch operation.kind {
        case .publish:
            if let tag = message.entityTag, tag.count < 128 {
                self.presentities[operation.index].entityTag = tag.bytes
            }
        case .subscribe, .refresh, .unsubscribe:
            if self.subscriptions[operation.index].tag.isEmpty, let tag = message.to?.tag, tag.count < 128 {
                self.subscriptions[operation.index].tag = tag
            }
            if let contact = message.contact?.uri, contact.count < 256 {
                self.subscriptions[operation.index].target = contact
            }
        case .fetch: break
        }
        self.completeIfDone(slot)
    }

    private func notifyReceived(_ bytes: UnsafePointer<UInt8>, count: Int, from peer: LoadPeer, at now: UInt64) {
        let message = LoadMessage(bytes, count: count)
        guard message.viaCount > 0, let callID = message.callID else { return }
        self.answer(message, callID: callID, to: peer)
        guard callID.end(of: "s.") == 2, let middle = callID.end(of: ".", from: 2) else { return }
        let index = callID.number(from: 2)
        guard index < self.subscriptions.count else { return }
        guard self.isOurs(callID, from: middle) else {
            self.statistics.foreignNotifies += 1
            return
        }
        let slot = self.subscriptions[index].operation
        let isFetch = slot >= 0 && self.operations[slot].kind == .fetch
        let sequence = message.sequence?.number() ?? 0
        if !isFetch {
            guard sequence > self.subscriptions[index].notifySequence else {
                self.statistics.repeatedNotifies += 1
                return
            }
            self.subscriptions[index].notifySequence = sequence
        }
        self.statistics.notifies += 1
        self.statistics.notifyBytes += count
        let version = message.version
        if (message.body?.count ?? 0) == 0 { self.statistics.emptyNotifies += 1 }
        if slot >= 0 {
            self.notified(slot, subscription: index, version: version, at: now)
        } else {
            self.notified(ofPublication: index, version: version, at: now)
        }
    }

    private func isOurs(_ callID: LoadMessage.Piece, from offset: Int) -> Bool {
        guard callID.count - offset == self.names.runID.count else { return false }
        return self.names.runID.withUnsafeBufferPointer { expected in
            guard let start = expected.baseAddress else { return false }
            return memcmp(callID.start + offset, start, expected.count) == 0
        }
    }

    /// A NOTIFY that a SUBSCRIBE in flight waits for.
    private func notified(_ slot: Int, subscription index: Int, version: Int, at now: UInt64) {
        let operation = self.operations[slot]
        let hasState = version > 0 || operation.kind == .unsubscribe || !self.expectsState
        if hasState, operation.awaitsNotify {
            self.operations[slot].awaitsNotify = false
            self.statistics.lastNotify.add(now - operation.startedAt)
            self.completeIfDone(slot)
        }
        self.subscriptions[index].version = max(self.subscriptions[index].version, version)
    }

    /// A NOTIFY that a PUBLISH caused.
    private func notified(ofPublication index: Int, version: Int, at now: UInt64) {
        guard version > self.subscriptions[index].version else { return }
        self.subscriptions[index].version = version
        let presentity = self.subscriptions[index].presentity
        let slot = self.presentities[presentity].operation
        guard slot >= 0, version >= self.presentities[presentity].version,
            self.presentities[presentity].remaining > 0
        else { return }
        let startedAt = self.operations[slot].startedAt
        self.statistics.eachNotify.add(now - startedAt)
        self.presentities[presentity].remaining -= 1
        if self.presentities[presentity].remaining == 0 {
            self.operations[slot].awaitsNotify = false
            self.statistics.lastNotify.add(now - startedAt)
            self.completeIfDone(slot)
        }
    }

    /// 200 OK to a NOTIFY, at once and whatever it says.
    private func answer(_ message: LoadMessage, callID: LoadMessage.Piece, to peer: LoadPeer) {
        var packet = LoadPacket(self.responseBuffer)
        packet.put("SIP/2.0 200 OK\r\n")
        func line(_ name: StaticString, _ value: LoadMessage.Piece?) {
            guard let value else { return }
            packet.put(name)
            packet.put(value.start, value.count)
            packet.put("\r\n")
        }
        for index in 0..<message.viaCount { line("Via: ", message.vias[index]) }
        line("From: ", message.from)
        line("To: ", message.to)
        line("Call-ID: ", callID)
        line("CSeq: ", message.sequence)
        packet.put("Content-Length: 0\r\n\r\n")
        self.link.send(packet.bytes, count: packet.count, to: peer)
    }
}
