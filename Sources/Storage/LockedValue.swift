import Glibc

/// A value behind a POSIX mutex that conditions can be waited for with; `Synchronization.Mutex` has no conditions.
///
/// `@unchecked`: ``value`` is touched only between ``acquire()`` and ``release()``, which the two users of this type
/// (both in this room) keep to.
final class LockedValue<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    var value: Value

    init(_ value: Value) {
        self.value = value
        self.mutex = .allocate(capacity: 1)
        self.mutex.initialize(to: pthread_mutex_t())
        let result = pthread_mutex_init(self.mutex, nil)
        precondition(result == 0, "a mutex can be made")
    }

    deinit {
        pthread_mutex_destroy(self.mutex)
        self.mutex.deallocate()
    }

    func acquire() {
        let result = pthread_mutex_lock(self.mutex)
        precondition(result == 0, "a mutex is not taken twice by one thread")
    }

    func release() { pthread_mutex_unlock(self.mutex) }

    /// Releases the mutex, sleeps until the condition is signalled (or for no reason), and takes the mutex again.
    func wait(for condition: Condition) {
        let result = pthread_cond_wait(condition.condition, self.mutex)
        precondition(result == 0, "a condition is waited for by the holder of the mutex")
    }
}

/// Something that threads sleep for.
final class Condition {
    fileprivate let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        self.condition = .allocate(capacity: 1)
        self.condition.initialize(to: pthread_cond_t())
        let result = pthread_cond_init(self.condition, nil)
        precondition(result == 0, "a condition can be made")
    }

    deinit {
        pthread_cond_destroy(self.condition)
        self.condition.deallocate()
    }

    /// Wakes one sleeper.
    func signal() { pthread_cond_signal(self.condition) }

    /// Wakes all sleepers.
    func broadcast() { pthread_cond_broadcast(self.condition) }
}
