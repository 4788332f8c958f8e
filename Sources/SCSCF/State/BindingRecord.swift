import Ground

/// One contact of a registered user, as storage keeps it: a row of the location table (RFC 3261 §10.3).
///
/// A plain record on purpose: everything in it is bytes or numbers, so that any storage can hold it.
package struct BindingRecord: Equatable, Sendable {
    /// Never reused, not even after a restart.
    package var id: UInt64
    /// The canonical identity (`sip:user@domain`) that the contact belongs to.
    package var addressOfRecord: [UInt8]
    /// The URI of the contact, as it was registered.
    package var contact: [UInt8]
    /// The other header parameters of the Contact, to be given back in answers: `;name=value`, without `q`, `expires`.
    package var parameters: [UInt8]
    /// `+sip.instance` without its quotes and angle brackets: `urn:uuid:…` (RFC 5626 §4.1).
    package var instance: [UInt8]?
    /// `reg-id` (RFC 5626 §4.2); 0 if the contact is not an outbound flow.
    package var regID: UInt32
    /// The Call-ID of the last REGISTER that touched the contact (RFC 3261 §10.3, step 7).
    package var callID: [UInt8]
    /// The CSeq number of the last REGISTER that touched the contact.
    package var cseq: UInt32
    /// Preference in thousandths: 0 to 1000.
    package var q: UInt16
    /// The Path header values, in order (RFC 3327).
    package var path: [[UInt8]]
    /// When the registration ends.
    package var expires: Instant
    /// The flow that the contact is reached over, in the encoding of the box; empty if its URI is resolved instead.
    package var flow: [UInt8]
    /// The User-Agent of the client, for the administrator.
    package var userAgent: [UInt8]
    /// When the contact was first registered.
    package var createdAt: Instant
    /// When the contact was last registered.
    package var refreshedAt: Instant

    package init(
        id: UInt64, addressOfRecord: [UInt8], contact: [UInt8], parameters: [UInt8] = [], instance: [UInt8]? = nil,
        regID: UInt32 = 0, callID: [UInt8], cseq: UInt32, q: UInt16 = 1000, path: [[UInt8]] = [], expires: Instant,
        flow: [UInt8] = [], userAgent: [UInt8] = [], createdAt: Instant, refreshedAt: Instant
    ) {
        self.id = id
        self.addressOfRecord = addressOfRecord
        self.contact = contact
        self.parameters = parameters
        self.instance = instance
        self.regID = regID
        self.callID = callID
        self.cseq = cseq
        self.q = q
        self.path = path
        self.expires = expires
        self.flow = flow
        self.userAgent = userAgent
        self.createdAt = createdAt
        self.refreshedAt = refreshedAt
    }
}
