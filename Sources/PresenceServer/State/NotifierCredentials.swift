package import Ground

/// A name and a password that the server shows where a NOTIFY is challenged.
package struct NotifierCredentials: Sendable {
    package var realm: String
    package var user: String
    package var password: Redacted<String>

    package init(realm: String, user: String, password: Redacted<String>) {
        self.realm = realm
        self.user = user
        self.password = password
    }
}
