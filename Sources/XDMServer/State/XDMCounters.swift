package import EventNotification
package import XCAPEngine

/// What the XDM server has done and holds, for metrics.
package struct XDMCounters: Equatable, Sendable {
    /// Gauges: what there is now.
    package var documents = 0
    /// Bytes of all documents.
    package var documentBytes = 0
    /// Users who have a document.
    package var owners = 0
    /// List services in the index of all.
    package var services = 0
    /// Subscriptions to changes of documents.
    package var subscriptions = 0
    /// What the notifier of changes has done and holds.
    package var notifications = NotifierCounters()

    /// Counts since the start: requests on Ut by method.
    package var requests: [XCAPMethod: UInt64] = [:]
    /// Answers on Ut by status.
    package var answers: [Int: UInt64] = [:]
    /// Requests on Ut by application usage, known ones only.
    package var usages: [[UInt8]: UInt64] = [:]
    package var challenges: UInt64 = 0
    package var documentsCreated: UInt64 = 0
    package var documentsReplaced: UInt64 = 0
    package var documentsRemoved: UInt64 = 0
    /// How often each observation was made.
    package var observations: [XDMServer.Observation: UInt64] = [:]

    package init() {}
}
