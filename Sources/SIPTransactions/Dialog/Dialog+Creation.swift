package import Ground
package import SIPWire

extension Dialog {
    /// The dialog that a request of the peer's makes when we answer it with a 2xx (RFC 3261 §12.1.1), or that a NOTIFY
    /// makes for the subscriber (RFC 6665 §4.4.1).
    ///
    /// - Parameters:
    ///   - request: a dialog-forming request with one Contact.
    ///   - localTag: the To tag of our response; for a NOTIFY its To tag.
    ///   - isOverTLS: whether the request came over TLS.
    /// - Returns: nil if the request lacks what a dialog needs, or what it has is too large or unusable: answer 400.
    package init?(
        accepting request: SIPMessage, localTag: Octets, isOverTLS: Bool = false, state: State = .confirmed
    ) {
        guard let from = try? request.from(), let to = try? request.to(), let sequence = try? request.cseq(),
            let contact = try? request.firstContact(), let routes = try? request.recordRoutes()
        else { return nil }
        // A SIPS Request-URI over TLS makes the dialog secure.
        let isSecure = isOverTLS && request.requestURI.prefix(5).equalsIgnoringCase("sips:")
        self.init(
            Parts(
                callID: request.callID, localURI: to.uriOctets, localTag: localTag, remoteURI: from.uriOctets,
                remoteTag: from.tag ?? [], remoteTarget: contact.uriOctets, routes: routes.map(Self.route)),
            state: state, isSecure: isSecure, localSequence: 0, remoteSequence: sequence.number)
    }

    /// The dialog that a response to a request of ours makes (RFC 3261 §12.1.2).
    ///
    /// - Parameters:
    ///   - response: a 1xx with a To tag, or a 2xx, with one Contact.
    ///   - isSecure: whether the request went over TLS to a SIPS URI.
    /// - Returns: nil if the response lacks what a dialog needs.
    package init?(establishedBy response: SIPMessage, isSecure: Bool = false) {
        guard !response.isRequest, response.status > 100, response.status < 300,
            let from = try? response.from(), let to = try? response.to(), let localTag = from.tag,
            let sequence = try? response.cseq(), let contact = try? response.firstContact(),
            let routes = try? response.recordRoutes()
        else { return nil }
        if response.status < 200, to.tag == nil { return nil }
        self.init(
            Parts(
                callID: response.callID, localURI: from.uriOctets, localTag: localTag, remoteURI: to.uriOctets,
                remoteTag: to.tag ?? [], remoteTarget: contact.uriOctets,
                routes: routes.reversed().map(Self.route)),
            state: response.status < 200 ? .early : .confirmed, isSecure: isSecure,
            localSequence: sequence.number, remoteSequence: nil)
    }

    /// A Record-Route entry as it will stand in a Route.
    private static func route(_ address: NameAddress) -> Octets { address.octets }
}
