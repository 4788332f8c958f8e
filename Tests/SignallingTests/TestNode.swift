import Ground
import NIOCore
import NIOPosix
import SIPTransactions
import SIPWire
import Testing

@testable import Signalling

/// Something that did not happen in time.
struct Overdue: Error, CustomStringConvertible {
    let description: String
}

/// What a node's transports told their receiver.
enum NodeEvent: Sendable {
    case arrived(Arrival)
    case failed([UInt8], Path)
    case closed(Flow)
    case framingFailed(ParseFault, head: [UInt8], Origin)
    case keepAliveAnswered(Flow)
}

/// Keeps events until a test asks for them; lets a test wait, but not for ever.
final class EventBuffer<Element: Sendable> {
    private let loop: any EventLoop
    private var elements: CircularBuffer<Element> = []
    private var waiting: [(promise: EventLoopPromise<Element>, timer: Scheduled<Void>)] = []

    init(_ loop: any EventLoop) { self.loop = loop }

    func append(_ element: Element) {
        if self.waiting.isEmpty {
            self.elements.append(element)
        } else {
            let (promise, timer) = self.waiting.removeFirst()
            timer.cancel()
            promise.succeed(element)
        }
    }

    func next(_ what: String) -> EventLoopFuture<Element> {
        if let element = self.elements.popFirst() { return self.loop.makeSucceededFuture(element) }
        let promise = self.loop.makePromise(of: Element.self)
        let timer = self.loop.scheduleTask(in: .seconds(10)) {
            promise.fail(Overdue(description: "no \(what) in time"))
        }
        self.waiting.append((promise, timer))
        return promise.futureResult
    }
}

/// One set of transports on a loop of its own, driven by asynchronous tests.
final class TestNode: Sendable {
    /// All that lives on the loop.
    final class Content: ArrivalReceiver {
        let transports: SIPTransports
        let events: EventBuffer<NodeEvent>
        var echoes = false
        /// What is sent on a stream that lost its framing, while it can still be.
        var faultAnswer: [UInt8]?
        var turns: [Int] = []
        /// How often a turn was said to be at its end.
        var ends = 0

        init(_ transports: SIPTransports) {
            self.transports = transports
            self.events = EventBuffer(transports.loop)
            transports.receiver = self
        }

        func arrived(_ turn: [Arrival]) {
            self.turns.append(turn.count)
            for arrival in turn {
                if self.echoes { self.transports.transmit(arrival.bytes, arrival.origin.flow) }
                self.events.append(.arrived(arrival))
            }
            self.transports.flush()
        }

        func arrivalsEnded() { self.ends += 1 }
        func transmissionFailed(_ bytes: [UInt8], _ path: Path) { self.events.append(.failed(bytes, path)) }
        func connectionClosed(_ flow: Flow) { self.events.append(.closed(flow)) }
        func framingFailed(_ fault: ParseFault, head: [UInt8], _ origin: Origin) {
            if let answer = self.faultAnswer {
                self.transports.transmit(answer, origin.flow)
                self.transports.flush()
            }
            self.events.append(.framingFailed(fault, head: head, origin))
        }
        func keepAliveAnswered(_ flow: Flow) { self.events.append(.keepAliveAnswered(flow)) }
    }

    let loop: any EventLoop
    private let content: NIOLoopBound<Content>

    init(_ configure: @escaping @Sendable (inout TransportConfiguration) -> Void = { _ in }) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        self.content = try await loop.submit {
            var configuration = TransportConfiguration()
            configuration.sweepInterval = .milliseconds(10)
            configure(&configuration)
            return NIOLoopBound(
                Content(try SIPTransports(loop: loop, configuration: configuration, entropy: .seeded(1))),
                eventLoop: loop)
        }.get()
    }

    func perform<Result: Sendable>(_ body: @escaping @Sendable (Content) throws -> Result) async throws -> Result {
        let content = self.content
        return try await self.loop.submit { try body(content.value) }.get()
    }

    func listen(_ transport: Transport, _ address: String = "127.0.0.1", tls: TLSConfiguration? = nil)
        async throws -> Endpoint
    {
        let endpoint = Endpoint(try #require(IPAddress(address)), 0)
        return try await self.listen(ListenerConfiguration(transport, endpoint, tls: tls))
    }

    func listen(_ configuration: ListenerConfiguration) async throws -> Endpoint {
        let content = self.content
        return try await self.loop.flatSubmit {
            do { return try content.value.transports.listen(configuration) } catch {
                return content.eventLoop.makeFailedFuture(error)
            }
        }.get()
    }

    func echo() async throws { try await self.perform { $0.echoes = true } }

    func open(_ messages: [UInt8]..., to hop: Hop) async throws {
        try await self.perform { content in
            for message in messages { content.transports.open(message, hop) }
            content.transports.flush()
        }
    }

    func transmit(_ messages: [UInt8]..., on flow: Flow) async throws {
        try await self.perform { content in
            for message in messages { content.transports.transmit(message, flow) }
            content.transports.flush()
        }
    }

    var counters: TransportCounters { get async throws { try await self.perform { $0.transports.counters } } }
    var connectionCount: Int { get async throws { try await self.perform { $0.transports.connectionCount } } }

    func event() async throws -> NodeEvent {
        let content = self.content
        return try await self.loop.flatSubmit { content.value.events.next("event") }.get()
    }

    /// The next event, which must be a message.
    func message() async throws -> Arrival {
        let event = try await self.event()
        guard case .arrived(let arrival) = event else { throw Overdue(description: "\(event) instead of a message") }
        return arrival
    }

    /// The next event, which must be a failure.
    func failure() async throws -> (bytes: [UInt8], path: Path) {
        let event = try await self.event()
        guard case .failed(let bytes, let path) = event else {
            throw Overdue(description: "\(event) instead of a failure")
        }
        return (bytes, path)
    }

    /// The next event, which must be the end of a connection.
    func closed() async throws -> Flow {
        let event = try await self.event()
        guard case .closed(let flow) = event else { throw Overdue(description: "\(event) instead of an end") }
        return flow
    }

    /// Waits, by the loop's own timer, until something is true of the node.
    func until(_ what: String, _ condition: @escaping @Sendable (Content) -> Bool) async throws {
        let content = self.content
        let promise = self.loop.makePromise(of: Void.self)
        try await self.loop.submit {
            let deadline = NIODeadline.now() + .seconds(10)
            content.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(2)) { task in
                if condition(content.value) {
                    task.cancel()
                    promise.succeed(())
                } else if NIODeadline.now() > deadline {
                    task.cancel()
                    promise.fail(Overdue(description: what))
                }
            }
        }.get()
        try await promise.futureResult.get()
    }

    func shutDown() async throws {
        let content = self.content
        try await self.loop.flatSubmit { content.value.transports.close() }.get()
    }
}

/// Messages for tests.
enum Sample {
    /// A request that is whole on a stream.
    static func message(_ number: Int = 1, body: Int = 0, via: String = "SIP/2.0/TCP client.example.com:5099")
        -> [UInt8]
    {
        let text = """
            MESSAGE sip:bob@example.com SIP/2.0\r
            Via: \(via);branch=z9hG4bK\(number)\r
            Max-Forwards: 70\r
            From: <sip:alice@example.com>;tag=a\r
            To: <sip:bob@example.com>\r
            Call-ID: \(number)@client.example.com\r
            CSeq: \(number) MESSAGE\r
            Content-Type: text/plain\r
            Content-Length: \(body)\r
            \r

            """
        return Array(text.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: body)
    }
}
