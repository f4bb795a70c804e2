import Glibc
public import Logging
public import NIOCore
public import NIOPosix
import NIOSSL
import Synchronization

/// A listening port that serves HTTP/1.1 and HTTP/2, with TLS or without, and presents every request as an ``Exchange``.
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
        /// With these the port speaks TLS, version 1.2 at least, and nothing else; nil makes it cleartext.
        public var tls: TLSFiles?
        public var limits = HTTPLimits()

        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }
    }

    /// A channel keeps the buffer it has read into. An idle one has read a request or two, a busy one grows its buffer.
    private static let receiveBuffer = AdaptiveRecvByteBufferAllocator(
        minimum: 1024,
        initial: 1024,
        maximum: 16 * 1024
    )

    /// Bytes that the system takes for a peer beyond what it may send now: without a bound it takes megabytes for each that does not
    /// read, and they are written before anyone notices.
    private static let sendBacklog = ChannelOptions.Types.SocketOption.Value(128 * 1024)

    private let configuration: Configuration
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let handler: @Sendable (Exchange) -> Void
    private let immediate: ImmediateHandler?
    private let refusals: RefusalCounters
    private let state = Mutex(State())

    /// Answers a request that has arrived whole, or leaves it to the handler by nil; called on the loop of its connection.
    public typealias ImmediateHandler = @Sendable (RequestHead, RawSpan) -> ImmediateAnswer?

    private struct State {
        var listener: (any Channel)?
        var identityCheck: RepeatedTask?
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        var connections = 0
        /// Whether the log was told that there are too many connections, since there last was room.
        var fullnessIsLogged = false
        var isShuttingDown = false
        var emptied: EventLoopPromise<Void>?
    }

    /// - Parameters:
    ///   - immediate: asked first for each request that has arrived whole over HTTP/2.
    ///   - handler: called for each request as soon as its head is complete, on the loop of its connection.
    public init(
        configuration: Configuration,
        group: MultiThreadedEventLoopGroup,
        logger: Logger,
        immediate: ImmediateHandler? = nil,
        handler: @escaping @Sendable (Exchange) -> Void
    ) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        refusals = RefusalCounters()
        self.handler = handler
        self.immediate = immediate
    }

    /// Begins to listen and returns the address it listens on.
    ///
    /// - Throws: what the system says against it, such as that the address is in use, or what is wrong with the files
    ///   of TLS.
    public func start() async throws -> SocketAddress {
        let identity = try await readIdentity()
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for loop in group.makeIterator() {
            loops[ObjectIdentifier(loop)] = try await loop.submit { [limits = configuration.limits] in
                let context = LoopContext(eventLoop: loop, limits: limits)
                context.start()
                return NIOLoopBound(context, eventLoop: loop)
            }.get()
        }
        state.withLock { [loops] in $0.loops = loops }
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: configuration.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted sockets have these from the listener (Linux), which spares each connection two system calls.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT)), value: Self.sendBacklog)
            .childChannelOption(.recvAllocator, value: Self.receiveBuffer)
            .childChannelInitializer { [loops] channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel, loops: loops, identity: identity) }
            }
            .bind(host: configuration.host, port: configuration.port).get()
        let identityCheck = identity.map(watch)
        state.withLock { ($0.listener, $0.identityCheck) = (listener, identityCheck) }
        guard let address = listener.localAddress else { throw ChannelError.unknownLocalAddress }
        logger.debug("listening", metadata: ["address": "\(address)"])
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
            state.identityCheck?.cancel()
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
    private func accept(
        _ channel: any Channel,
        loops: [ObjectIdentifier: NIOLoopBound<LoopContext>],
        identity: TLSIdentity?
    ) throws {
        guard let loop = loops[ObjectIdentifier(channel.eventLoop)]?.value, admit() else { throw TooManyConnections() }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in
                state.connections -= 1
                state.fullnessIsLogged = false
            }
            self.completeIfEmpty()
        }
        if let identity {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: identity.context))
        }
        let timeout = configuration.limits.prefaceTimeout.timeAmount
        let refusals = RefusalLog(counters: self.refusals, logger: logger, peer: channel.remoteAddress)
        let sniffer = ProtocolSniffer(loop: loop, timeout: timeout, refusals: refusals) { version, channel in
            switch version {
            case .http1: try self.installHTTP1(on: channel, loop: loop, refusals: refusals)
            case .http2: try self.installHTTP2(on: channel, loop: loop, refusals: refusals)
            }
        }
        try channel.pipeline.syncOperations.addHandler(sniffer)
    }

    private func admit() -> Bool {
        let limit = configuration.limits.maxConnections
        let (isAdmitted, isFull, isNews) = state.withLock { state in
            let isFull = state.connections >= limit
            guard !isFull, !state.isShuttingDown else {
                defer { state.fullnessIsLogged = isFull }
                return (false, isFull, isFull && !state.fullnessIsLogged)
            }
            state.connections += 1
            return (true, false, false)
        }
        if isFull { refusals.count(.connections) }
        if isNews { logger.warning("too many connections", metadata: ["limit": "\(limit)"]) }
        return isAdmitted
    }

    private func installHTTP2(on channel: any Channel, loop: LoopContext, refusals: RefusalLog) throws {
        let connection = HTTP2Connection(
            role: .server(handler),
            immediate: immediate,
            limits: configuration.limits,
            sendScratch: loop.sendScratch,
            readScratch: loop.readScratch,
            memory: loop.memory,
            bodies: loop.bodies,
            refusals: refusals
        )
        connection.onClose = { [unowned connection] in loop.remove(connection) }
        try channel.pipeline.syncOperations.addHandler(connection)
        // Not before: a loop that is draining has the connection tell its peer at once, which takes a session.
        if connection.session != nil { loop.add(connection) }
    }

    private func installHTTP1(on channel: any Channel, loop: LoopContext, refusals: RefusalLog) throws {
        let connection = HTTP1Connection(
            limits: configuration.limits,
            scheme: configuration.tls == nil ? "http" : "https",
            bodies: loop.bodies,
            refusals: refusals,
            handler: handler
        )
        connection.onClose = { [unowned connection] in loop.remove(connection) }
        loop.add(connection)
        try connection.install(on: channel.pipeline.syncOperations)
    }
}

// MARK: - TLS

extension HTTPServer {
    private func readIdentity() async throws -> TLSIdentity? {
        guard let files = configuration.tls else { return nil }
        return try await NIOThreadPool.singleton.runIfActive { try TLSIdentity(files) }
    }

    /// Looks every second whether the files have changed; the connections made from then on get what is in them.
    private func watch(_ identity: TLSIdentity) -> RepeatedTask {
        let loop = group.next()
        let second = TimeAmount.seconds(1)
        return loop.scheduleRepeatedAsyncTask(initialDelay: second, delay: second) { [logger] _ in
            NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
                switch identity.refresh() {
                case .unchanged: break
                case .renewed: logger.info("the certificate was read again")
                case .failed(let error): logger.error("the certificate is unusable", metadata: ["error": "\(error)"])
                }
            }
        }
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
