internal import Ground
internal import XMLTree

/// What an XCAP server does with a document (RFC 4825 §8): reads it and its nodes, creates, replaces and removes them.
///
/// It keeps nothing: the document comes with the request, and what became of it leaves with the reply. An edit changes
/// the bytes of the node that is meant and no other; the result is read and validated as if it had been put whole.
package struct XCAPEngine: Sendable {
    /// The usages that are served.
    package let registry: ApplicationUsageRegistry
    /// The bounds of documents.
    package let limits: XCAPLimits

    package init(registry: ApplicationUsageRegistry = .standard, limits: XCAPLimits = .standard) {
        self.registry = registry
        self.limits = limits
    }

    /// Answers a request.
    /// - Parameters:
    ///   - current: the document that the selector names, if it exists.
    ///   - newEntityTag: the entity tag, without quotes, that the document gets if it changes.
    /// - Returns: the reply, and the change that must be kept before the reply leaves; nil if nothing changed.
    package func perform(
        _ request: XCAPRequest, on current: XCAPDocument?, context: UsageContext, newEntityTag: [UInt8]
    ) -> (reply: XCAPReply, change: XCAPChange?) {
        do {
            return try self.answer(request, on: current, context: context, newEntityTag: newEntityTag)
        } catch {
            return (XCAPReply(error), nil)
        }
    }

    private func answer(
        _ request: XCAPRequest, on current: XCAPDocument?, context: UsageContext, newEntityTag: [UInt8]
    ) throws(XCAPFault) -> (XCAPReply, XCAPChange?) {
        let selector = request.selector
        guard let usage = self.registry[auid: selector.auid], usage.hasTree(selector.tree) else {
            throw XCAPFault(status: 404)
        }
        try Self.checkMethod(request, usage: usage)
        switch request.method {
        case .get, .head:
            return (try self.read(request, from: current, usage: usage), nil)
        case .put, .delete:
            guard request.preconditions.guardHolds(for: current),
                request.preconditions.ifNoneMatchHolds(for: current?.entityTag)
            else { throw XCAPFault(status: 412) }
            let change =
                request.method == .put
                ? try self.put(request, on: current, usage: usage, context: context, newEntityTag: newEntityTag)
                : try self.delete(request, from: current, usage: usage, context: context, newEntityTag: newEntityTag)
            return (Self.reply(to: change), change.change)
        case .other: throw XCAPFault(status: 405, allow: [.get])
        }
    }

    /// RFC 4825 §8.1, §8.2, §8.4: what no resource of the kind allows is answered with 405.
    private static func checkMethod(_ request: XCAPRequest, usage: ApplicationUsage) throws(XCAPFault) {
        let isBindings = request.selector.node?.terminal == .namespaces
        switch request.method {
        case .get, .head: return
        case .put, .delete:
            if isBindings { throw XCAPFault(status: 405, allow: [.get]) }
            if !usage.isWritable(request.selector) { throw XCAPFault(status: 405, allow: [.get, .head]) }
        case .other:
            if isBindings { throw XCAPFault(status: 405, allow: [.get]) }
            let isWritable = usage.isWritable(request.selector)
            throw XCAPFault(status: 405, allow: isWritable ? [.get, .head, .put, .delete] : [.get, .head])
        }
    }

    /// What an edit came to.
    struct Edit {
        /// 201 for what is new, otherwise 200.
        let status: Int
        /// The tag of the document as it is now; nil when it was removed.
        let entityTag: [UInt8]?
        /// Nil when every byte is as before.
        let change: XCAPChange?
    }

    private static func reply(to edit: Edit) -> XCAPReply {
        XCAPReply(status: edit.status, entityTag: edit.entityTag)
    }

    /// Reads a stored document again. It was accepted when it was stored, so that a fault is the store's.
    func parse(_ document: XCAPDocument, usage: ApplicationUsage) throws(XCAPFault) -> XMLDocument {
        do {
            return try XMLDocument.parseUTF8(document.bytes[...], vocabulary: usage.vocabulary, limits: self.limits.xml)
        } catch {
            throw XCAPFault(status: 500)
        }
    }
}
