public import Logging
public import NIOCore
public import NIOPosix
import Synchronization

/// A listening port that serves HTTP/1.1 and cleartext HTTP/2, and presents every request as an ``Exchange``.
///
/// ``start()`` and ``shutdown(grace:)`` may be called from anywhere; the handler runs on the event loop of the request's
/// connection. Connections are spread over the loops of the group.
public final class HTTPServer: Sendable {
    public struct Configuration: Sendable {
        /// An address to listen on, such as `127.0.0.1`, `::1` or `0.0.0.0`.
        public var host: String
        /// The port; 0 lets the system choose one, which ``HTTPServer/start()`` returns.
        public var port: Int
        /// Connections that may wait to be accepted.
        public var backlog: Int32 = 1024
        public var limits = HTTPLimits()

        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }
    }

    private let configuration: Configuration
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let handler: @Sendable (Exchange) -> Void
    private let state = Mutex(State())

    private struct State {
        var listener: (any Channel)?
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        var connections = 0
        var isShuttingDown = false
        var emptied: EventLoopPromise<Void>?
    }

    /// - Parameter handler: called for each request as soon as its head is complete, on the loop of its connection.
    public init(
        configuration: Configuration,
        group: MultiThreadedEventLoopGroup,
        logger: Logger,
        handler: @escaping @Sendable (Exchange) -> Void
    ) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        self.handler = handler
    }

    /// Begins to listen and returns the address it listens on.
    ///
    /// - Throws: what the system says against it, such as that the address is in use.
    public func start() async throws -> SocketAddress {
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for loop in group.makeIterator() {
            loops[ObjectIdentifier(loop)] = try await loop.submit {
                let context = LoopContext(eventLoop: loop)
                context.start()
                return NIOLoopBound(context, eventLoop: loop)
            }.get()
        }
        state.withLock { [loops] in $0.loops = loops }
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: configuration.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16 * 1024))
            .childChannelInitializer { [loops] channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel, loops: loops) }
            }
            .bind(host: configuration.host, port: configuration.port).get()
        state.withLock { $0.listener = listener }
        guard let address = listener.localAddress else { throw ChannelError.unknownLocalAddress }
        logger.info("listening", metadata: ["address": "\(address)"])
        return address
    }

    /// Stops accepting and lets what was accepted finish, for at most `grace`; then closes whatever is left.
    ///
    /// HTTP/2 connections are told by GOAWAY, HTTP/1 connections close after the response in hand; ``Exchange/onDrain``
    /// is called for every open exchange. Returns when every connection has ended; a second call returns at once.
    public func shutdown(grace: Duration) async {
        let emptied = group.next().makePromise(of: Void.self)
        let (listener, loops, isFirst) = state.withLock { state in
            defer { state.isShuttingDown = true }
            guard !state.isShuttingDown else { return (nil as (any Channel)?, state.loops, false) }
            state.emptied = emptied
            return (state.listener, state.loops, true)
        }
        guard isFirst else { return emptied.succeed() }
        do {
            try await listener?.close()
        } catch {
            logger.debug("the listener was closed already", metadata: ["error": "\(error)"])
        }
        for loop in loops.values { loop.eventLoop.execute { loop.value.drain() } }
        let timer = group.next().scheduleTask(in: grace.timeAmount) { Self.stop(loops) }
        completeIfEmpty()
        await emptied.futureResult.settled()
        timer.cancel()
        Self.stop(loops)
    }

    private static func stop(_ loops: [ObjectIdentifier: NIOLoopBound<LoopContext>]) {
        for loop in loops.values { loop.eventLoop.execute { loop.value.stop() } }
    }

    private func completeIfEmpty() {
        let emptied = state.withLock { state in
            state.connections == 0 && state.isShuttingDown ? state.emptied.take() : nil
        }
        emptied?.succeed()
    }
}

extension HTTPServer {
    private struct TooManyConnections: Error {}

    /// Sets a new connection up, on its loop. Throwing closes it.
    private func accept(_ channel: any Channel, loops: [ObjectIdentifier: NIOLoopBound<LoopContext>]) throws {
        guard let loop = loops[ObjectIdentifier(channel.eventLoop)]?.value, admit() else { throw TooManyConnections() }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { $0.connections -= 1 }
            self.completeIfEmpty()
        }
        let timeout = configuration.limits.prefaceTimeout.timeAmount
        let sniffer = ProtocolSniffer(loop: loop, timeout: timeout) { version, channel in
            switch version {
            case .http1: try self.installHTTP1(on: channel, loop: loop)
            case .http2: try self.installHTTP2(on: channel, loop: loop)
            }
        }
        try channel.pipeline.syncOperations.addHandler(sniffer)
    }

    private func admit() -> Bool {
        state.withLock { state in
            guard state.connections < configuration.limits.maxConnections, !state.isShuttingDown else { return false }
            state.connections += 1
            return true
        }
    }

    private func installHTTP2(on channel: any Channel, loop: LoopContext) throws {
        let connection = HTTP2Connection(
            role: .server(handler),
            limits: configuration.limits,
            scratch: loop.scratch
        )
        connection.onClose = { [unowned connection] in loop.remove(connection) }
        loop.add(connection)
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    private func installHTTP1(on channel: any Channel, loop: LoopContext) throws {
        let connection = HTTP1Connection(limits: configuration.limits, handler: handler)
        connection.onClose = { [unowned connection] in loop.remove(connection) }
        loop.add(connection)
        try connection.install(on: channel.pipeline.syncOperations)
    }
}

extension EventLoopFuture<Void> {
    /// Waits for the end, whatever it is.
    fileprivate func settled() async {
        await withCheckedContinuation { continuation in
            whenComplete { _ in continuation.resume() }
        }
    }
}
