import CAres
import Glibc
import Ground
import NIOCore
import SIPTransactions
import Synchronization

/// A resolver that asks name servers, through the c-ares library.
///
/// The library's sockets live on one small thread of their own: questions are rare, because answers are kept for as
/// long as their records allow, and a slow name server must not hold up a shard. Equal questions are asked once.
package final class NetworkResolver: DomainResolver {
    /// Whom to ask, and how patiently.
    package struct Configuration: Hashable, Sendable {
        /// The name servers; empty for those of the operating system.
        package var servers: [Endpoint]
        /// How long to wait for one server before the next try.
        package var timeout: Duration
        /// How often each server is tried.
        package var tries: Int
        /// Questions that may be open at the same time; more are answered ``ResolutionAnswer/failed`` at once.
        package var maximumQuestions: Int
        /// Whether /etc/hosts is looked into before a server is asked for addresses.
        package var readsHostsFile: Bool

        package init(
            servers: [Endpoint] = [], timeout: Duration = .seconds(2), tries: Int = 2, maximumQuestions: Int = 256,
            readsHostsFile: Bool = true
        ) {
            self.servers = servers
            self.timeout = timeout
            self.tries = tries
            self.maximumQuestions = maximumQuestions
            self.readsHostsFile = readsHostsFile
        }
    }

    private let shared: ResolverState
    private let thread: Mutex<pthread_t?>

    /// - Throws: `signalling.resolver-unavailable` if the library or the thread cannot be started.
    package init(_ configuration: Configuration = Configuration(), clock: AnchoredClock = AnchoredClock())
        throws(Fault)
    {
        let shared = try ResolverState(configuration, clock: clock)
        let worker = try ResolverWorker(shared)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(worker)
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<ResolverWorker>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument.toOpaque())
        guard result == 0 else {
            argument.release()
            throw Fault.resolverUnavailable("no thread can be started for the resolver")
        }
        self.shared = shared
        self.thread = Mutex(thread)
    }

    deinit { self.close() }

    package func resolve(_ question: ResolutionQuestion, on loop: any EventLoop) -> EventLoopFuture<ResolutionAnswer> {
        let asked = question.normalized
        guard asked.isAskable else { return loop.makeSucceededFuture(asked.emptyAnswer) }
        if let answer = self.shared.cached(asked) { return loop.makeSucceededFuture(answer) }
        let promise = loop.makePromise(of: ResolutionAnswer.self)
        if !self.shared.ask(asked, promise) { promise.succeed(.failed) }
        return promise.futureResult
    }

    /// Ends the thread and waits for it, which takes no longer than what it is just doing.
    package func close() {
        self.shared.stop()
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    /// How many answers are kept.
    package var cachedAnswers: Int { self.shared.cacheCount }
}

extension Fault {
    /// The name system cannot be asked at all.
    package static func resolverUnavailable(_ reason: String) -> Fault {
        Fault(code: "signalling.resolver-unavailable", reason: reason)
    }
}

/// What loops and the resolver's thread share.
final class ResolverState: Sendable {
    /// What callers and the worker share, under one lock.
    private struct Content {
        var cache: [ResolutionQuestion: (answer: ResolutionAnswer, until: Instant)] = [:]
        var waiting: [ResolutionQuestion: [EventLoopPromise<ResolutionAnswer>]] = [:]
        var waitingCount = 0
        var inbox: [ResolutionQuestion] = []
        var isStopped = false
    }

    let configuration: NetworkResolver.Configuration
    let bell: Bell
    private let clock: AnchoredClock
    private let content = Mutex(Content())

    init(_ configuration: NetworkResolver.Configuration, clock: AnchoredClock) throws(Fault) {
        self.configuration = configuration
        self.clock = clock
        guard let bell = Bell() else { throw Fault.resolverUnavailable("no pipe can be made for the resolver") }
        self.bell = bell
    }

    var cacheCount: Int { self.content.withLock { $0.cache.count } }

    func cached(_ question: ResolutionQuestion) -> ResolutionAnswer? {
        let now = self.clock.now()
        return self.content.withLock { content in
            guard let entry = content.cache[question] else { return nil }
            if entry.until > now { return entry.answer }
            content.cache[question] = nil
            return nil
        }
    }

    /// Notes a question. False if there are too many already.
    func ask(_ question: ResolutionQuestion, _ promise: EventLoopPromise<ResolutionAnswer>) -> Bool {
        let accepted = self.content.withLock { content in
            guard !content.isStopped, content.waitingCount < self.configuration.maximumQuestions else { return false }
            content.waitingCount += 1
            if content.waiting[question]?.append(promise) == nil {
                content.waiting[question] = [promise]
                content.inbox.append(question)
            }
            return true
        }
        if accepted { self.bell.ring() }
        return accepted
    }

    func stop() {
        self.content.withLock { $0.isStopped = true }
        self.bell.ring()
    }

    /// The questions that came since the last time; nil when it is time to end.
    func takeInbox() -> [ResolutionQuestion]? {
        self.bell.heard()
        return self.content.withLock { content in
            if content.isStopped { return nil }
            defer { content.inbox.removeAll() }
            return content.inbox
        }
    }

    /// Answers everybody who waits for a question, and keeps the answer.
    func answered(_ question: ResolutionQuestion, _ answer: ResolutionAnswer, seconds: UInt32) {
        let now = self.clock.now()
        let waiting = self.content.withLock { content in
            if answer != .failed, seconds > 0 {
                if content.cache.count >= Limits.maximumCachedAnswers {
                    content.cache = content.cache.filter { $0.value.until > now }
                }
                // Still full of answers that hold: one of them goes, whichever comes first.
                if content.cache.count >= Limits.maximumCachedAnswers, let victim = content.cache.keys.first {
                    content.cache[victim] = nil
                }
                let until = now + .seconds(Int64(min(seconds, Limits.maximumCacheSeconds)))
                content.cache[question] = (answer, until)
            }
            let waiting = content.waiting.removeValue(forKey: question) ?? []
            content.waitingCount -= waiting.count
            return waiting
        }
        for promise in waiting { promise.succeed(answer) }
    }

    /// Answers everybody who still waits, at the end.
    func abandonAll() {
        let waiting = self.content.withLock { content in
            defer {
                content.waiting.removeAll()
                content.waitingCount = 0
            }
            return content.waiting.values.flatMap { $0 }
        }
        for promise in waiting { promise.succeed(.failed) }
    }
}

/// Wakes a thread that waits in poll(2): a pipe that becomes readable when it is rung.
final class Bell: Sendable {
    /// The end to wait for.
    let listening: Int32
    private let ringing: Int32

    /// Nil if the process has no file descriptors left.
    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        self.listening = ends[0]
        self.ringing = ends[1]
    }

    deinit {
        Glibc.close(self.listening)
        Glibc.close(self.ringing)
    }

    /// A pipe that is full has been rung often enough: nothing is lost if this byte does not fit.
    func ring() {
        var byte: UInt8 = 1
        _ = Glibc.write(self.ringing, &byte, 1)
    }

    /// Takes back all that was rung.
    func heard() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while Glibc.read(self.listening, &bytes, bytes.count) == bytes.count {}
    }
}
