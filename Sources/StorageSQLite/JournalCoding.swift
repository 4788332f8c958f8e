import EventNotification
import Ground
import PresenceServer
import SCSCF
import Storage
import XDMServer

/// The packed form of a commit: what a row of the table `journal` holds.
///
/// A format byte, then the operations one after another, each a kind and its fields in the order of the record.
enum JournalCoding {
    /// The first byte: how the rest is made.
    private static let format: UInt64 = 1

    /// What an operation does; the number stands before its fields.
    private enum Kind: UInt64 {
        case putPublication = 1
        case touchPublication, removePublication, putSubscription, removeSubscription, notified, putBinding
        case removeBinding, putDocument, removeDocument, putDocumentSubscription, removeDocumentSubscription
    }

    /// Begins a row in place of what the writer held.
    static func begin(_ writer: inout PackedWriter) {
        writer.removeAll()
        writer.append(number: Self.format)
    }

    /// Adds an operation to the row.
    static func encode(_ operation: StoreOperation, into writer: inout PackedWriter) {
        switch operation {
        case .presence(let change): Self.encode(change, into: &writer)
        case .registrar(.putBinding(let record)):
            writer.append(number: Kind.putBinding.rawValue)
            Self.encode(record, into: &writer)
        case .registrar(.removeBinding(let id)):
            writer.append(number: Kind.removeBinding.rawValue)
            writer.append(number: id)
        case .documents(let change): Self.encode(change, into: &writer)
        }
    }

    private static func encode(_ change: XDMStoreOperation, into writer: inout PackedWriter) {
        switch change {
        case .putDocument(let record):
            writer.append(number: Kind.putDocument.rawValue)
            writer.append(record.selector)
            writer.append(record.auid)
            writer.append(record.owner)
            writer.append(record.entityTag)
            writer.append(time: record.modified)
            writer.append(record.body)
        case .removeDocument(let selector):
            writer.append(number: Kind.removeDocument.rawValue)
            writer.append(selector)
        case .putSubscription(let record):
            writer.append(number: Kind.putDocumentSubscription.rawValue)
            writer.append(number: record.id)
            writer.append(record.resource)
            writer.append(record.watcher)
            writer.append(record.package)
            writer.append(number: UInt64(record.state))
            writer.append(time: record.expires)
            writer.append(number: UInt64(record.localCSeq))
            writer.append(record.dialog)
        case .removeSubscription(let id):
            writer.append(number: Kind.removeDocumentSubscription.rawValue)
            writer.append(number: id)
        }
    }

    private static func encode(_ change: PresenceServer.StoreOperation, into writer: inout PackedWriter) {
        switch change {
        case .putPublication(let record):
            writer.append(number: Kind.putPublication.rawValue)
            Self.encode(record, into: &writer)
        case .touchPublication(let id, let entityTag, let expires):
            writer.append(number: Kind.touchPublication.rawValue)
            writer.append(number: id)
            writer.append(entityTag)
            writer.append(time: expires)
        case .removePublication(let id):
            writer.append(number: Kind.removePublication.rawValue)
            writer.append(number: id)
        case .putSubscription(let record):
            writer.append(number: Kind.putSubscription.rawValue)
            Self.encode(record, into: &writer)
        case .removeSubscription(let id):
            writer.append(number: Kind.removeSubscription.rawValue)
            writer.append(number: id)
        case .notified(let marks):
            writer.append(number: Kind.notified.rawValue)
            writer.append(number: UInt64(marks.count))
            for mark in marks {
                writer.append(number: mark.subscription)
                writer.append(number: UInt64(mark.cseq))
                writer.append(number: UInt64(mark.partialVersion))
            }
        }
    }

    private static func encode(_ record: PublicationRecord, into writer: inout PackedWriter) {
        writer.append(number: record.id)
        writer.append(record.presentity)
        writer.append(record.package)
        writer.append(record.entityTag)
        writer.append(record.publisher)
        writer.append(record.contentType)
        writer.append(record.body)
        writer.append(time: record.publishedAt)
        writer.append(time: record.expires)
    }

    private static func encode(_ record: SubscriptionRecord, into writer: inout PackedWriter) {
        writer.append(number: record.id)
        writer.append(record.presentity)
        writer.append(record.watcher)
        writer.append(record.package)
        writer.append(number: UInt64(record.state))
        writer.append(time: record.expires)
        writer.append(number: UInt64(record.localCSeq))
        writer.append(number: UInt64(record.partialVersion))
        writer.append(record.dialog)
    }

    private static func encode(_ record: BindingRecord, into writer: inout PackedWriter) {
        writer.append(number: record.id)
        writer.append(record.addressOfRecord)
        writer.append(record.contact)
        writer.append(record.parameters)
        writer.append(number: record.instance == nil ? 0 : 1)
        if let instance = record.instance { writer.append(instance) }
        writer.append(number: UInt64(record.regID))
        writer.append(record.callID)
        writer.append(number: UInt64(record.cseq))
        writer.append(number: UInt64(record.q))
        writer.append(number: UInt64(record.path.count))
        for hop in record.path { writer.append(hop) }
        writer.append(time: record.expires)
        writer.append(record.flow)
        writer.append(record.userAgent)
        writer.append(time: record.createdAt)
        writer.append(time: record.refreshedAt)
    }

    /// Unpacks a commit and gives its operations to the body in their order.
    ///
    /// - Returns: false if the row is damaged; the body has then had the operations before the damaged place.
    static func decode(_ row: [UInt8], _ body: (StoreOperation) -> Void) -> Bool {
        var reader = PackedReader(row[...])
        guard reader.number() == Self.format else { return false }
        while !reader.isAtEnd {
            guard let operation = Self.operation(&reader) else { return false }
            body(operation)
        }
        return true
    }

    private static func operation(_ reader: inout PackedReader) -> StoreOperation? {
        guard let kind = reader.number().flatMap({ Kind(rawValue: $0) }) else { return nil }
        switch kind {
        case .putPublication: return Self.publication(&reader).map { .presence(.putPublication($0)) }
        case .touchPublication:
            guard let id = reader.number(), let tag = reader.string(), let expires = reader.time() else { return nil }
            return .presence(.touchPublication(id, entityTag: tag, expires: expires))
        case .removePublication: return reader.number().map { .presence(.removePublication($0)) }
        case .putSubscription: return Self.subscription(&reader).map { .presence(.putSubscription($0)) }
        case .removeSubscription: return reader.number().map { .presence(.removeSubscription($0)) }
        case .notified: return Self.marks(&reader).map { .presence(.notified($0)) }
        case .putBinding: return Self.binding(&reader).map { .registrar(.putBinding($0)) }
        case .removeBinding: return reader.number().map { .registrar(.removeBinding($0)) }
        case .putDocument: return Self.document(&reader).map { .documents(.putDocument($0)) }
        case .removeDocument: return reader.string().map { .documents(.removeDocument(selector: $0)) }
        case .putDocumentSubscription:
            return Self.documentSubscription(&reader).map { .documents(.putSubscription($0)) }
        case .removeDocumentSubscription: return reader.number().map { .documents(.removeSubscription($0)) }
        }
    }

    private static func marks(_ reader: inout PackedReader) -> [NotificationMark]? {
        guard let count = reader.number() else { return nil }
        var marks: [NotificationMark] = []
        // The count of a damaged row can be anything, so it reserves nothing; the end of the row ends the loop.
        while UInt64(marks.count) < count {
            guard let id = reader.number(), let cseq = reader.number32(), let version = reader.number32() else {
                return nil
            }
            marks.append(NotificationMark(subscription: id, cseq: cseq, partialVersion: version))
        }
        return marks
    }

    private static func publication(_ reader: inout PackedReader) -> PublicationRecord? {
        guard let id = reader.number(), let presentity = reader.string(), let package = reader.string(),
            let entityTag = reader.string(), let publisher = reader.string(), let type = reader.string(),
            let body = reader.string(), let publishedAt = reader.time(), let expires = reader.time()
        else { return nil }
        return PublicationRecord(
            id: id, presentity: presentity, package: package, entityTag: entityTag, publisher: publisher,
            contentType: type, body: body, publishedAt: publishedAt, expires: expires)
    }

    private static func subscription(_ reader: inout PackedReader) -> SubscriptionRecord? {
        guard let id = reader.number(), let presentity = reader.string(), let watcher = reader.string(),
            let package = reader.string(), let state = reader.number().flatMap({ UInt8(exactly: $0) }),
            let expires = reader.time(), let cseq = reader.number32(), let version = reader.number32(),
            let dialog = reader.string()
        else { return nil }
        return SubscriptionRecord(
            id: id, presentity: presentity, watcher: watcher, package: package, state: state, expires: expires,
            localCSeq: cseq, partialVersion: version, dialog: dialog)
    }

    private static func binding(_ reader: inout PackedReader) -> BindingRecord? {
        guard let id = reader.number(), let addressOfRecord = reader.string(), let contact = reader.string(),
            let parameters = reader.string(), let hasInstance = reader.number()
        else { return nil }
        let instance = hasInstance == 0 ? nil : reader.string()
        guard (instance == nil) == (hasInstance == 0), let regID = reader.number32(), let callID = reader.string(),
            let cseq = reader.number32(), let q = reader.number().flatMap({ UInt16(exactly: $0) }),
            let hops = reader.number()
        else { return nil }
        var path: [[UInt8]] = []
        while UInt64(path.count) < hops {
            guard let hop = reader.string() else { return nil }
            path.append(hop)
        }
        guard let expires = reader.time(), let flow = reader.string(), let userAgent = reader.string(),
            let createdAt = reader.time(), let refreshedAt = reader.time()
        else { return nil }
        return BindingRecord(
            id: id, addressOfRecord: addressOfRecord, contact: contact, parameters: parameters, instance: instance,
            regID: regID, callID: callID, cseq: cseq, q: q, path: path, expires: expires, flow: flow,
            userAgent: userAgent, createdAt: createdAt, refreshedAt: refreshedAt)
    }

    private static func document(_ reader: inout PackedReader) -> DocumentRecord? {
        guard let selector = reader.string(), let auid = reader.string(), let owner = reader.string(),
            let entityTag = reader.string(), let modified = reader.time(), let body = reader.string()
        else { return nil }
        return DocumentRecord(
            selector: selector, auid: auid, owner: owner, entityTag: entityTag, modified: modified, body: body)
    }

    private static func documentSubscription(_ reader: inout PackedReader) -> NotifierRecord? {
        guard let id = reader.number(), let resource = reader.string(), let watcher = reader.string(),
            let package = reader.string(), let state = reader.number().flatMap({ UInt8(exactly: $0) }),
            let expires = reader.time(), let cseq = reader.number32(), let dialog = reader.string()
        else { return nil }
        return NotifierRecord(
            id: id, resource: resource, watcher: watcher, package: package, state: state, expires: expires,
            localCSeq: cseq, dialog: dialog)
    }
}

extension PackedWriter {
    fileprivate mutating func append(time: Instant) { self.append(number: UInt64(bitPattern: time.nanoseconds)) }
}

extension PackedReader {
    fileprivate mutating func time() -> Instant? { self.number().map { Instant(nanoseconds: Int64(bitPattern: $0)) } }
}
