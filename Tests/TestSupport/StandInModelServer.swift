internal import Glibc
internal import Synchronization

/// A model's HTTP/1.1 server on loopback that gives prepared replies in order and records what it was asked.
///
/// Owns a listening socket on a free port, a thread that accepts, and a thread for each connection; all blocking, for
/// tests only.
public final class StandInModelServer: Sendable {
    public struct Reply: Sendable {
        public enum Ending: Sendable {
            /// The body is whole.
            case complete
            /// The connection is closed where the body should go on.
            case cut
            /// Nothing more comes, until the client closes the connection.
            case hang
        }

        public var status: Int
        public var headers: [(String, String)]
        /// Each piece is one chunk of the chunked coding and one write.
        public var chunks: [[UInt8]]
        public var ending: Ending
        /// Whether a `Content-Length` stands in place of the chunked coding.
        public var hasLength: Bool

        public init(
            status: Int = 200,
            headers: [(String, String)] = [],
            chunks: [[UInt8]],
            ending: Ending = .complete,
            hasLength: Bool = false
        ) {
            self.status = status
            self.headers = headers
            self.chunks = chunks
            self.ending = ending
            self.hasLength = hasLength
        }

        /// A text that goes out in pieces of `size` bytes, wherever that cuts it.
        public init(
            status: Int = 200,
            headers: [(String, String)] = [],
            _ text: String,
            piecesOf size: Int = .max,
            ending: Ending = .complete
        ) {
            let bytes = Array(text.utf8)
            let chunks = stride(from: 0, to: bytes.count, by: min(size, max(1, bytes.count))).map {
                Array(bytes[$0..<min($0 + min(size, bytes.count), bytes.count)])
            }
            self.init(status: status, headers: headers, chunks: chunks, ending: ending)
        }
    }

    public struct Request: Sendable {
        public var line: String
        /// Names in lower case.
        public var headers: [String: String]
        public var body: [UInt8]
    }

    private struct State {
        var replies: [Reply]
        var requests: [Request] = []
        var connections: Set<Int32> = []
        var connectionCount = 0
        var hangUps = 0
        var isStalled = false
        var isStopped = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    public let port: UInt16
    private let listener: Int32
    private let state: Mutex<State>

    public var url: String { "http://127.0.0.1:\(port)" }
    public var requests: [Request] { state.withLock { $0.requests } }

    /// Since the start, closed ones included.
    public var connectionCount: Int { state.withLock { $0.connectionCount } }

    /// - Parameter replies: the last one is given again and again.
    public init(_ replies: [Reply]) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) | listen(listener, 128) | getsockname(listener, pointer, &length)
            }
        }
        guard status == 0 else { throw StandInError(errno: errno) }
        port = UInt16(bigEndian: address.sin_port)
        state = Mutex(State(replies: replies))
        startThread { [self] in acceptLoop() }
    }

    /// Closes the listener and all connections.
    public func stop() {
        let connections = state.withLock { state in
            state.isStopped = true
            return state.connections
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    /// Returns when a client has closed the connection of a reply that hangs.
    public func clientHungUp() async { await wait { $0.hangUps > 0 } }

    /// Returns when a client has not read for 100 ms while a body was being sent.
    public func stalled() async { await wait { $0.isStalled } }

    /// Returns when this many requests have come.
    public func received(_ count: Int) async { await wait { $0.requests.count >= count } }

    // MARK: Threads

    private func acceptLoop() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            let isStopped = state.withLock { state in
                state.connections.insert(connection)
                state.connectionCount += 1
                return state.isStopped
            }
            if isStopped { shutdown(connection, Int32(SHUT_RDWR)) }
            startThread { [self] in serve(connection) }
        }
        close(listener)
    }

    private func serve(_ connection: Int32) {
        defer {
            _ = state.withLock { $0.connections.remove(connection) }
            close(connection)
        }
        var received: [UInt8] = []
        while let request = read(from: connection, &received) {
            let reply = change { state in
                state.requests.append(request)
                return state.replies.count > 1 ? state.replies.removeFirst() : state.replies.first
            }
            guard let reply, send(reply, to: connection) else { return }
        }
    }

    private func read(from connection: Int32, _ received: inout [UInt8]) -> Request? {
        var length: Int?
        while true {
            if let end = endOfHead(received) {
                var request = parse(head: received[..<end])
                let needed = length ?? Int(request.headers["content-length"] ?? "0") ?? 0
                length = needed
                if received.count >= end + needed {
                    request.body = Array(received[end..<(end + needed)])
                    received.removeFirst(end + needed)
                    return request
                }
            }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            received += buffer.prefix(count)
        }
    }

    private func endOfHead(_ bytes: [UInt8]) -> Int? {
        let mark = Array("\r\n\r\n".utf8)
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first { bytes[$0] == mark[0] && Array(bytes[$0..<($0 + 4)]) == mark }.map {
            $0 + 4
        }
    }

    private func parse(head: ArraySlice<UInt8>) -> Request {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var request = Request(line: String(lines.first ?? ""), headers: [:], body: [])
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            request.headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return request
    }

    /// - Returns: whether the connection can take another request.
    private func send(_ reply: Reply, to connection: Int32) -> Bool {
        var head = "HTTP/1.1 \(reply.status) Prepared\r\n"
        for (name, value) in reply.headers { head += "\(name): \(value)\r\n" }
        let length = reply.chunks.reduce(0) { $0 + $1.count }
        // A body that is cut or hangs is announced longer than it is.
        let announced = reply.ending == .complete ? length : length + 1
        head += reply.hasLength ? "Content-Length: \(announced)\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n"
        guard send(Array(head.utf8), to: connection) else { return false }
        for chunk in reply.chunks where !chunk.isEmpty {
            let frame =
                reply.hasLength
                ? chunk : Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)
            guard send(frame, to: connection) else { return false }
        }
        switch reply.ending {
        case .complete: return reply.hasLength || send(Array("0\r\n\r\n".utf8), to: connection)
        case .cut: return false
        case .hang:
            var byte: UInt8 = 0
            _ = recv(connection, &byte, 1, 0)
            change { $0.hangUps += 1 }
            return false
        }
    }

    private func send(_ bytes: [UInt8], to connection: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, flags) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var descriptor = pollfd(fd: connection, events: Int16(POLLOUT), revents: 0)
                if poll(&descriptor, 1, 100) == 0 { change { $0.isStalled = true } }
            } else {
                return false
            }
        }
        return true
    }

    // MARK: Waiting

    private func wait(until isReached: @Sendable (borrowing State) -> Bool) async {
        while true {
            var isDone = false
            await withCheckedContinuation { continuation in
                isDone = state.withLock { state in
                    if isReached(state) { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if isDone { continuation.resume() }
            }
            if isDone { return }
        }
    }

    @discardableResult
    private func change<Result>(_ body: (inout sending State) -> Result) -> Result {
        let (result, waiters) = state.withLock { state in
            let result = body(&state)
            let waiters = state.waiters
            state.waiters = []
            return (result, waiters)
        }
        for waiter in waiters { waiter.resume() }
        return result
    }
}

public struct StandInError: Error {
    public let errno: Int32
}

/// Runs a closure on a new, detached thread.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Box(body)).toOpaque()
    let status = pthread_create(
        &thread,
        nil,
        { context in
            guard let context else { return nil }
            Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
            return nil
        },
        context
    )
    precondition(status == 0, "pthread_create failed")
    pthread_detach(thread)
}
