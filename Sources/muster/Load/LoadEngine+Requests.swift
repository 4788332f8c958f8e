import Ground

/// How operations begin.
extension LoadEngine {
    /// Publishes: first state, changed state, refresh (no body) or removal (no body, Expires 0).
    func startPublish(_ index: Int, initial: Bool, withBody: Bool, expires: Int) -> Bool {
        guard self.presentities[index].operation < 0, let slot = self.newOperation(.publish, index: index)
        else { return false }
        if initial { self.presentities[index].entityTag = [] }
        if withBody { self.presentities[index].version += 1 }
        self.presentities[index].sequence += 1
        self.presentities[index].operation = slot
        self.presentities[index].remaining = withBody ? self.watchers : 0
        self.operations[slot].awaitsNotify = withBody && self.watchers > 0
        let presentity = self.presentities[index]
        let number = index + self.plan.base
        var body = LoadPacket(self.responseBuffer)
        if withBody {
            self.names.putDocument(
                presentity: number, version: presentity.version, size: self.plan.documentBytes, into: &body)
        }
        var packet = LoadPacket(self.buffer(of: slot))
        packet.put("PUBLISH ")
        self.names.putPresentity(number, into: &packet)
        self.putVia(slot, into: &packet)
        packet.put("From: <")
        self.names.putPresentity(number, into: &packet)
        packet.put(">;tag=p")
        self.putUnique(slot, into: &packet)
        packet.put("\r\nTo: <")
        self.names.putPresentity(number, into: &packet)
        packet.put(">\r\nCall-ID: p")
        packet.put(number: index)
        packet.put(".")
        self.putUnique(slot, into: &packet)
        packet.put("\r\nCSeq: ")
        packet.put(number: presentity.sequence)
        packet.put(" PUBLISH\r\nEvent: ")
        packet.put(self.names.event)
        packet.put("\r\nExpires: ")
        packet.put(number: expires)
        if !presentity.entityTag.isEmpty {
            packet.put("\r\nSIP-If-Match: ")
            packet.put(presentity.entityTag)
        }
        if withBody { packet.put("\r\nContent-Type: application/pidf+xml") }
        packet.put("\r\nContent-Length: ")
        packet.put(number: body.count)
        packet.put("\r\n\r\n")
        packet.put(UnsafePointer(body.bytes), body.count)
        self.begin(slot, length: packet.count)
        return true
    }

    /// Subscribes, refreshes, fetches or unsubscribes.
    func startSubscribe(_ index: Int, kind: Kind, expires: Int) -> Bool {
        guard self.subscriptions[index].operation < 0, let slot = self.newOperation(kind, index: index)
        else { return false }
        self.subscriptions[index].operation = slot
        self.subscriptions[index].sequence += 1
        self.operations[slot].awaitsNotify = true
        let subscription = self.subscriptions[index]
        let number = subscription.presentity + self.plan.base
        let isInside = !subscription.tag.isEmpty && !subscription.target.isEmpty
        var packet = LoadPacket(self.buffer(of: slot))
        packet.put("SUBSCRIBE ")
        if isInside { packet.put(subscription.target) } else { self.names.putPresentity(number, into: &packet) }
        self.putVia(slot, into: &packet)
        packet.put("From: <sip:w")
        packet.put(number: index, width: 6)
        packet.put("@")
        packet.put(self.names.domain)
        packet.put(">;tag=w")
        packet.put(number: index)
        packet.put(self.names.runID)
        packet.put("\r\nTo: <")
        self.names.putPresentity(number, into: &packet)
        packet.put(">")
        if !subscription.tag.isEmpty {
            packet.put(";tag=")
            packet.put(subscription.tag)
        }
        packet.put("\r\nCall-ID: s.")
        packet.put(number: index)
        packet.put(".")
        packet.put(self.names.runID)
        packet.put("\r\nCSeq: ")
        packet.put(number: subscription.sequence)
        packet.put(" SUBSCRIBE\r\nContact: <sip:w")
        packet.put(number: index, width: 6)
        packet.put("@")
        packet.put(self.names.local)
        packet.put(self.names.contactParameters)
        packet.put(">\r\nEvent: ")
        packet.put(self.names.event)
        packet.put("\r\nAccept: application/pidf+xml\r\nExpires: ")
        packet.put(number: expires)
        packet.put("\r\nContent-Length: 0\r\n\r\n")
        self.begin(slot, length: packet.count)
        return true
    }

    private func putVia(_ slot: Int, into packet: inout LoadPacket) {
        packet.put(" SIP/2.0")
        packet.put(self.names.via)
        packet.put(number: slot)
        packet.put(".")
        self.putUnique(slot, into: &packet)
        packet.put("\r\nMax-Forwards: 70\r\n")
    }

    /// The generation of the slot and the identifier of the run: unique over all runs.
    private func putUnique(_ slot: Int, into packet: inout LoadPacket) {
        packet.put(number: self.operations[slot].generation)
        packet.put(".")
        packet.put(self.names.runID)
    }
}
