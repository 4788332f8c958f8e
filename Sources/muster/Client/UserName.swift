import Ground
import SIPWire

/// The ways in which people name a user on the command line, and the identity that each means.
enum UserName {
    /// The canonical identity: of `sip:bob@home.example`, of `bob@home.example`, or of `bob` where the domain is known.
    /// Nil for what names no user.
    static func identity(_ text: String, domain: String? = nil) -> String? {
        var text = text
        if !text.contains(":") {
            if !text.contains("@") {
                guard let domain, !domain.isEmpty else { return nil }
                text += "@" + domain
            }
            text = "sip:" + text
        }
        guard let uri = SIPURI(text) else { return nil }
        switch uri.scheme {
        case .sip, .sips, .pres: guard uri.user?.isEmpty == false, !uri.host.isEmpty else { return nil }
        case .tel: break
        case .im, .other: return nil
        }
        return uri.canonicalIdentity[...].text
    }

    /// The domain of an identity; nil for a telephone number.
    static func domain(of identity: String) -> String? {
        guard let uri = SIPURI(identity), uri.isSIP else { return nil }
        return uri.host.text
    }
}
