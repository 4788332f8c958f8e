import CAres
import Glibc
import Ground
import SIPTransactions

/// The resolver's thread: owns the library's channel, which nobody else touches.
///
/// It is made on another thread and then handed over whole, which is why it may cross.
final class ResolverWorker: @unchecked Sendable {
    /// One question that is open: RFC 3263 §4.2 asks for both kinds of address at once.
    private final class Open {
        var missing = 0
        var values: [DNSMessage.Value] = []
        var seconds = Limits.maximumCacheSeconds
        var hasFailed = false
    }

    /// One query on its way; the library holds it.
    private final class Query {
        let worker: ResolverWorker
        let question: ResolutionQuestion

        init(_ worker: ResolverWorker, _ question: ResolutionQuestion) {
            self.worker = worker
            self.question = question
        }
    }

    /// The library is initialized once in a process, before its first channel.
    private static let libraryStatus = ares_library_init(ARES_LIB_INIT_ALL)

    private let shared: ResolverState
    private var channel: ares_channel?
    private var open: [ResolutionQuestion: Open] = [:]

    init(_ shared: ResolverState) throws(Fault) {
        self.shared = shared
        guard Self.libraryStatus == ARES_SUCCESS else {
            throw Fault.resolverUnavailable("the resolver library cannot be started")
        }
        var options = ares_options()
        options.timeout = Int32(clamping: shared.configuration.timeout.wholeNanoseconds / 1_000_000)
        options.tries = Int32(clamping: max(1, shared.configuration.tries))
        options.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH
        options.ednspsz = 1232
        let mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ
        guard ares_init_options(&self.channel, &options, mask) == ARES_SUCCESS, let channel = self.channel
        else { throw Fault.resolverUnavailable("the resolver library cannot be set up") }
        if !shared.configuration.servers.isEmpty {
            let list = shared.configuration.servers.map(\.description).joined(separator: ",")
            guard ares_set_servers_ports_csv(channel, list) == ARES_SUCCESS else {
                throw Fault.resolverUnavailable("the name servers \(list) cannot be used")
            }
        }
    }

    deinit {
        if let channel = self.channel { ares_destroy(channel) }
    }

    /// Works until the resolver is closed.
    func run() {
        while let questions = self.shared.takeInbox() {
            for question in questions { self.ask(question) }
            self.wait()
        }
        if let channel = self.channel {
            self.channel = nil
            // Calls back with an error for every query that is open.
            ares_destroy(channel)
        }
        self.shared.abandonAll()
    }

    /// Waits for the bell, for sockets and for time-outs, and lets the library work.
    private func wait() {
        guard let channel = self.channel else { return }
        var sockets = [ares_socket_t](repeating: ARES_SOCKET_BAD, count: Int(ARES_GETSOCK_MAXNUM))
        let bits = UInt32(bitPattern: ares_getsock(channel, &sockets, ARES_GETSOCK_MAXNUM))
        var watched = [pollfd(fd: self.shared.bell.listening, events: Int16(POLLIN), revents: 0)]
        for index in 0..<Int(ARES_GETSOCK_MAXNUM) {
            let readable = bits & (1 << UInt32(index)) != 0
            let writable = bits & (1 << UInt32(index + Int(ARES_GETSOCK_MAXNUM))) != 0
            guard readable || writable else { continue }
            let events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0)
            watched.append(pollfd(fd: sockets[index], events: Int16(events), revents: 0))
        }
        var milliseconds: Int32 = -1
        var time = timeval()
        if ares_timeout(channel, nil, &time) != nil {
            milliseconds = Int32(clamping: time.tv_sec * 1000 + (time.tv_usec + 999) / 1000)
        }
        let ready = poll(&watched, nfds_t(watched.count), milliseconds)
        if ready > 0 {
            for entry in watched.dropFirst() where entry.revents != 0 {
                let canRead = Int32(entry.revents) & (POLLIN | POLLERR | POLLHUP) != 0
                let canWrite = Int32(entry.revents) & POLLOUT != 0
                ares_process_fd(
                    channel, canRead ? entry.fd : ARES_SOCKET_BAD, canWrite ? entry.fd : ARES_SOCKET_BAD)
            }
        }
        ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD)
    }

    // MARK: Questions

    private func ask(_ question: ResolutionQuestion) {
        let kinds: [DNSRecordKind]
        switch question {
        case .naptr: kinds = [.naptr]
        case .service: kinds = [.srv]
        case .addresses(let name):
            let known = self.shared.configuration.readsHostsFile ? self.hostsFile(name) : []
            if !known.isEmpty {
                // The file may change at any time: kept for a moment only.
                self.shared.answered(question, .addresses(known), seconds: 5)
                return
            }
            kinds = [.a, .aaaa]
        }
        let open = Open()
        open.missing = kinds.count
        self.open[question] = open
        for kind in kinds {
            guard let channel = self.channel else { return }
            let query = Unmanaged.passRetained(Query(self, question))
            ares_query(
                channel, question.name, 1, Int32(kind.rawValue),
                { argument, status, _, bytes, count in
                    guard let argument else { return }
                    let query = Unmanaged<Query>.fromOpaque(argument).takeRetainedValue()
                    let message = bytes.map { [UInt8](UnsafeBufferPointer(start: $0, count: Int(max(0, count)))) }
                    query.worker.answered(query.question, status, message ?? [])
                }, query.toOpaque())
        }
    }

    /// The addresses that /etc/hosts gives a name.
    private func hostsFile(_ name: String) -> [IPAddress] {
        guard let channel = self.channel else { return [] }
        var addresses: [IPAddress] = []
        for family in [AF_INET, AF_INET6] {
            var host: UnsafeMutablePointer<hostent>?
            guard ares_gethostbyname_file(channel, name, family, &host) == ARES_SUCCESS, let host else {
                continue
            }
            defer { ares_free_hostent(host) }
            guard let list = host.pointee.h_addr_list, host.pointee.h_addrtype == family else { continue }
            var index = 0
            while let pointer = list[index] {
                let raw = UnsafeRawPointer(pointer)
                if family == AF_INET {
                    addresses.append(IPAddress(ipv4: UInt32(bigEndian: raw.loadUnaligned(as: UInt32.self))))
                } else {
                    let high = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
                    let low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                    addresses.append(IPAddress(ipv6High: high, low: low))
                }
                index += 1
            }
        }
        return addresses
    }

    // MARK: Answers

    private func answered(_ question: ResolutionQuestion, _ status: Int32, _ bytes: [UInt8]) {
        guard let open = self.open[question] else { return }
        open.missing -= 1
        let isAnswer = [ARES_SUCCESS, ARES_ENODATA, ARES_ENOTFOUND].contains(status)
        if isAnswer {
            // A name without such a record, or that does not exist, is an answer; the message says how long it holds.
            let message = DNSMessage(bytes)
            let found = message?.values(of: question.name)
            if let found, !found.values.isEmpty {
                open.values += found.values
                open.seconds = min(open.seconds, found.seconds)
            } else {
                open.seconds = min(open.seconds, message?.negativeSeconds ?? Limits.negativeCacheSeconds)
            }
        } else {
            open.hasFailed = true
        }
        guard open.missing == 0 else { return }
        self.open[question] = nil
        self.shared.answered(question, Self.answer(to: question, open.values, open.hasFailed), seconds: open.seconds)
    }

    private static func answer(to question: ResolutionQuestion, _ values: [DNSMessage.Value], _ hasFailed: Bool)
        -> ResolutionAnswer
    {
        var addresses: [IPAddress] = []
        var services: [ServiceRecord] = []
        var naptrs: [NAPTRRecord] = []
        for value in values {
            switch value {
            case .address(let address): addresses.append(address)
            case .service(let record): services.append(record)
            case .naptr(let record): naptrs.append(record)
            case .alias, .authority: break
            }
        }
        switch question {
        case .naptr: return hasFailed ? .failed : .naptr(naptrs)
        case .service: return hasFailed ? .failed : .service(services)
        case .addresses:
            // One family may fail while the other one answers. IPv4 first: it is the one that works everywhere.
            if addresses.isEmpty, hasFailed { return .failed }
            return .addresses(addresses.filter { !$0.isIPv6 } + addresses.filter(\.isIPv6))
        }
    }
}
