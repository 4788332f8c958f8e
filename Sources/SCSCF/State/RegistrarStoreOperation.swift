import Ground

/// A change of the location table that must be durable before the answer leaves.
package enum RegistrarStoreOperation: Equatable, Sendable {
    /// Adds a binding, or replaces the one with the same number.
    case putBinding(BindingRecord)
    /// Takes a binding away. Nothing happens if there is none with that number.
    case removeBinding(UInt64)
}
