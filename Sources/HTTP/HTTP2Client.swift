public import NIOCore
import NIOPosix

/// A client's connection to one server by HTTP/2, over TLS or with prior knowledge; bound to its event loop.
///
/// Any number of requests share it. When it becomes unavailable (a GOAWAY, an error, the end of the connection) the
/// requests under way may still finish; a new one needs a new connection.
public final class HTTP2Client {
    private let connection: HTTP2Connection
    private let eventLoop: any EventLoop
    private let channel: any Channel

    init(connection: HTTP2Connection, channel: any Channel) {
        self.connection = connection
        self.channel = channel
        eventLoop = channel.eventLoop
    }

    /// Connects.
    ///
    /// - Parameters:
    ///   - tls: nil for cleartext.
    ///   - keepAlive: nil to wait for a silent server for ever.
    ///   - timeout: for the system to connect, and again for the server to answer in HTTP/2.
    /// - Returns: a future that fails with ``ConnectError``.
    public static func connect(
        host: String,
        port: Int,
        tls: ClientTLS? = nil,
        keepAlive: KeepAlive? = nil,
        on eventLoop: any EventLoop,
        timeout: Duration = .seconds(10)
    ) -> EventLoopFuture<NIOLoopBound<HTTP2Client>> {
        var limits = HTTPLimits.client
        limits.keepAlive = keepAlive
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout.timeAmount)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16 * 1024))
            .connect(host: host, port: port)
            .flatMap { [limits] channel in
                let outcome = eventLoop.makePromise(of: NIOLoopBound<HTTP2Client>.self)
                do {
                    if let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler(host: host)) }
                    let handshake = ClientHandshake(
                        usesTLS: tls != nil,
                        limits: limits,
                        timeout: timeout.timeAmount,
                        outcome: outcome
                    )
                    try channel.pipeline.syncOperations.addHandler(handshake)
                } catch {
                    outcome.fail(error)
                    channel.close(promise: nil)
                }
                return outcome.futureResult
            }
            .flatMapErrorThrowing { throw ConnectError(describing: $0) }
    }

    /// Called when ``isAvailable`` or ``hasRoom`` may have become another, and for the last time when the connection has
    /// ended; it may send requests.
    public var onChange: (() -> Void)? {
        get { connection.onChange }
        set { connection.onChange = newValue }
    }

    /// Whether the connection takes requests, at this moment or later.
    public var isAvailable: Bool { connection.isAvailable }

    /// Whether the server takes another request now. One that is sent nevertheless waits within the connection.
    public var hasRoom: Bool { connection.hasRoom }

    /// The end of the connection.
    public var closeFuture: EventLoopFuture<Void> { channel.closeFuture }

    /// Sends the head of a request, and with `endsStream` all of it; nil when the connection is not available.
    public func send(
        _ head: RequestHead,
        endsStream: Bool = false,
        configure: (ClientExchange) -> Void
    ) -> ClientExchange? {
        let stream = HTTP2Stream(id: 0, connection: connection)
        guard connection.open(stream, head, endsStream: endsStream) else { return nil }
        let exchange = ClientExchange(stream: stream, eventLoop: eventLoop)
        stream.sink = .client(exchange)
        configure(exchange)
        return exchange
    }

    /// Takes no more requests and closes when the present ones have ended.
    public func drain() {
        connection.drain()
    }

    /// Closes at once; requests under way end with ``CloseReason/disconnected``.
    public func close() {
        connection.close()
    }
}

extension HTTPLimits {
    /// A client trusts its server with more of everything but time, which its calls bound themselves.
    fileprivate static let client: HTTPLimits = {
        var limits = HTTPLimits()
        limits.maxHeaderListBytes = 64 * 1024
        limits.floodBurst = 10_000
        return limits
    }()
}
