import Glibc
import Ground

/// TCP to the server under test: one connection that carries all requests, and those that the server opens to deliver
/// its NOTIFYs. Content-Length separates the messages (RFC 3261 §18.3).
final class StreamLink: LoadLink {
    /// One connection, with what came and is not a whole message yet, and what could not be written yet.
    private struct Connection {
        var socket: Int32
        var input: [UInt8] = []
        var consumed = 0
        var output: [UInt8] = []
        var written = 0
        var isOpen: Bool { self.socket >= 0 }
    }

    /// A server may open so many connections.
    private static let maximumConnections = 1024
    /// A message that is longer ends its connection.
    private static let maximumMessage = 65_536
    /// So much may wait to be written to one connection.
    private static let maximumOutput = 64 << 20

    let isReliable = true
    private(set) var packetsSent: UInt64 = 0
    private let listener: Int32
    private var connections: [Connection]
    private let chunk: UnsafeMutablePointer<UInt8>
    private static let chunkSize = 1 << 18

    /// Connects to the server and listens at the local address.
    init(local: Endpoint, target: Endpoint) throws(Fault) {
        let address = SocketAddress(local)
        let listener = Self.socket(address.family)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard listener >= 0, address.withPointer({ Glibc.bind(listener, $0, $1) }) == 0, listen(listener, 128) == 0
        else {
            let reason = String(cString: strerror(errno))
            if listener >= 0 { Glibc.close(listener) }
            throw Fault.portUnavailable("cannot listen on \(local): \(reason). Choose another address with --local.")
        }
        let peer = SocketAddress(target)
        let socket = Self.socket(peer.family)
        guard socket >= 0, peer.withPointer({ connect(socket, $0, $1) }) == 0 else {
            let reason = String(cString: strerror(errno))
            Glibc.close(listener)
            if socket >= 0 { Glibc.close(socket) }
            throw Fault.portUnavailable("cannot connect to \(target): \(reason)")
        }
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        Self.makeNonBlocking(listener)
        Self.makeNonBlocking(socket)
        self.listener = listener
        self.connections = [Connection(socket: socket)]
        self.chunk = .allocate(capacity: Self.chunkSize)
    }

    deinit {
        Glibc.close(self.listener)
        for connection in self.connections where connection.isOpen { Glibc.close(connection.socket) }
        self.chunk.deallocate()
    }

    private static func socket(_ family: Int32) -> Int32 { Glibc.socket(family, Int32(SOCK_STREAM.rawValue), 0) }

    private static func makeNonBlocking(_ socket: Int32) {
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    func send(_ bytes: UnsafePointer<UInt8>, count: Int, to peer: LoadPeer) {
        var index = 0
        if case .connection(let number) = peer { index = number }
        guard self.connections[index].isOpen,
            self.connections[index].output.count - self.connections[index].written < Self.maximumOutput
        else { return }
        self.connections[index].output.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
        self.packetsSent += 1
    }

    func flush() {
        for index in self.connections.indices where !self.connections[index].output.isEmpty { self.flush(index) }
    }

    private func flush(_ index: Int) {
        let connection = self.connections[index]
        guard connection.isOpen else { return }
        var written = connection.written
        connection.output.withUnsafeBytes { buffer in
            while written < buffer.count {
                let count = Glibc.send(
                    connection.socket, buffer.baseAddress?.advanced(by: written), buffer.count - written,
                    Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                written += count
            }
        }
        if written == connection.output.count {
            self.connections[index].output.removeAll(keepingCapacity: true)
            self.connections[index].written = 0
        } else {
            self.connections[index].written = written
        }
    }

    func receive(_ body: (UnsafePointer<UInt8>, Int, LoadPeer) -> Void) -> Int {
        self.acceptAll()
        var total = 0
        for index in self.connections.indices where self.connections[index].isOpen {
            let count = recv(self.connections[index].socket, self.chunk, Self.chunkSize, Int32(MSG_DONTWAIT))
            if count > 0 {
                self.connections[index].input.append(contentsOf: UnsafeBufferPointer(start: self.chunk, count: count))
                total += self.deliver(index, body)
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                self.close(index)
            }
        }
        return total
    }

    private func acceptAll() {
        while true {
            let socket = accept(self.listener, nil, nil)
            guard socket >= 0 else { return }
            guard self.connections.count < Self.maximumConnections else {
                Glibc.close(socket)
                continue
            }
            Self.makeNonBlocking(socket)
            self.connections.append(Connection(socket: socket))
        }
    }

    private func close(_ index: Int) {
        Glibc.close(self.connections[index].socket)
        self.connections[index].socket = -1
        self.connections[index].output = []
        self.connections[index].input = []
    }

    /// Hands over the whole messages that have come.
    private func deliver(_ index: Int, _ body: (UnsafePointer<UInt8>, Int, LoadPeer) -> Void) -> Int {
        var messages = 0
        var position = self.connections[index].consumed
        // Taken out, because the reader sends, which changes the connection.
        var input: [UInt8] = []
        swap(&input, &self.connections[index].input)
        var isBroken = false
        input.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            while position < buffer.count {
                if start[position] == 0x0D || start[position] == 0x0A {
                    position += 1
                    continue
                }
                let piece = LoadMessage.Piece(start: start + position, count: buffer.count - position)
                guard let length = Self.length(of: piece) else {
                    isBroken = piece.count > Self.maximumMessage
                    return
                }
                guard length <= piece.count else {
                    isBroken = length > Self.maximumMessage
                    return
                }
                body(piece.start, length, .connection(index))
                messages += 1
                position += length
            }
        }
        if isBroken {
            self.close(index)
            return messages
        }
        if position >= input.count {
            input.removeAll(keepingCapacity: true)
            position = 0
        } else if position > Self.chunkSize {
            input.removeFirst(position)
            position = 0
        }
        self.connections[index].input = input
        self.connections[index].consumed = position
        return messages
    }

    /// The length of the message at the start; nil while its headers are not all there.
    private static func length(of piece: LoadMessage.Piece) -> Int? {
        guard let headEnd = piece.end(of: "\r\n\r\n") else { return nil }
        let head = LoadMessage.Piece(start: piece.start, count: headEnd)
        for name: StaticString in ["\r\nContent-Length:", "\r\nContent-length:", "\r\ncontent-length:", "\r\nl:"] {
            guard var start = head.end(of: name) else { continue }
            while start < headEnd, piece.start[start] == 0x20 { start += 1 }
            return headEnd + head.number(from: start)
        }
        return headEnd
    }

    func wait(microseconds: Int) {
        var list = [pollfd(fd: self.listener, events: Int16(POLLIN), revents: 0)]
        for connection in self.connections where connection.isOpen {
            let events = connection.output.isEmpty ? POLLIN : POLLIN | POLLOUT
            list.append(pollfd(fd: connection.socket, events: Int16(events), revents: 0))
        }
        poll(&list, nfds_t(list.count), Int32(max(1, (microseconds + 999) / 1000)))
    }
}
