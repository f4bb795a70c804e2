public import HTTP
public import Logging
public import NIOCore

/// A gRPC client's channel to one server: one HTTP/2 connection that all calls share.
///
/// It may be used from anywhere. The first call connects, and so does the next one after a connection was lost; see
/// ``ReconnectBackoff`` for how often. A call that fails for want of a connection fails with UNAVAILABLE; one that is made
/// with `waitsForReady` waits for one instead, until its timeout. A call that the server has refused without looking at
/// it is made again, at most twice; no other is repeated.
///
/// The server says how many calls it takes at once. Further ones wait for their turn, 10,000 at most, beyond which calls
/// fail with RESOURCE_EXHAUSTED.
public final class RPCChannel: Sendable {
    private let eventLoop: any EventLoop
    private let connector: NIOLoopBoundBox<Connector>
    private let scheme: String
    private let authority: String
    private let maxMessageBytes: Int
    private let compression: Compression?

    /// - Parameters:
    ///   - tls: nil for cleartext.
    ///   - keepAlive: how a server that is gone without a word is found out while there are calls, which then fail with
    ///     UNAVAILABLE. Nil by default: servers of other makes may count frequent PINGs as abuse.
    ///   - group: one of its loops carries the connection.
    ///   - maxMessageBytes: what a message of the server may have; a longer one ends the call with RESOURCE_EXHAUSTED.
    ///   - compression: how to compress requests, those that become shorter by it.
    public init(
        host: String,
        port: Int,
        tls: ClientTLS? = nil,
        keepAlive: KeepAlive? = nil,
        group: any EventLoopGroup,
        logger: Logger,
        maxMessageBytes: Int = 4 * 1024 * 1024,
        compression: Compression? = nil
    ) {
        eventLoop = group.any()
        scheme = tls == nil ? "http" : "https"
        authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        self.maxMessageBytes = maxMessageBytes
        self.compression = compression
        connector = .makeBoxSendingValue(
            Connector(
                host: host,
                port: port,
                tls: tls,
                keepAlive: keepAlive,
                eventLoop: eventLoop,
                logger: logger
            ),
            eventLoop: eventLoop
        )
    }

    /// Makes a unary call. Cancelling the task cancels the call.
    ///
    /// - Throws: ``Status``, always.
    public func unary(
        _ path: String,
        _ request: ByteBuffer,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil,
        waitsForReady: Bool = false
    ) async throws -> ByteBuffer {
        try await open(path, request, metadata: metadata, timeout: timeout, waitsForReady: waitsForReady).single()
    }

    /// Makes a unary call, and returns the metadata of its answer as well.
    ///
    /// - Throws: ``Status``, always.
    public func unaryWithMetadata(
        _ path: String,
        _ request: ByteBuffer,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil,
        waitsForReady: Bool = false
    ) async throws -> Reply {
        let call = try await open(path, request, metadata: metadata, timeout: timeout, waitsForReady: waitsForReady)
        let message = try await call.single()
        let initial = try await call.initialMetadata()
        return Reply(
            message,
            initialMetadata: initial,
            trailingMetadata: try await call.trailingMetadata() ?? Metadata()
        )
    }

    /// Makes a server-streaming call. Messages wait, at most 64 KiB of them, until they are asked for.
    ///
    /// - Throws: ``Status``, always; what happens to the call is thrown from the sequence.
    public func serverStreaming(
        _ path: String,
        _ request: ByteBuffer,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil,
        waitsForReady: Bool = false
    ) async throws -> RPCResponseStream {
        let call = try await open(path, request, metadata: metadata, timeout: timeout, waitsForReady: waitsForReady)
        return RPCResponseStream(call)
    }

    /// Makes a client-streaming call: `produce` writes the messages, and is cancelled when the server has answered
    /// without waiting for all of them.
    ///
    /// - Throws: the ``Status`` of the call, or what `produce` throws, which cancels the call.
    public func clientStreaming(
        _ path: String,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil,
        waitsForReady: Bool = false,
        _ produce: @escaping @Sendable (RequestWriter) async throws -> Void
    ) async throws -> ByteBuffer {
        let call = try await open(path, nil, metadata: metadata, timeout: timeout, waitsForReady: waitsForReady)
        return try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask { try await call.single() }
            group.addTask {
                let writer = RequestWriter(call)
                do {
                    try await produce(writer)
                    try await writer.finish()
                } catch {
                    // What ended the call is told by the other task.
                    guard try await call.hasEnded else { throw error }
                }
                return nil
            }
            defer { group.cancelAll() }
            while let message = try await group.next() {
                if let message { return message }
            }
            throw Status(.internal, "the reply has no message")
        }
    }

    /// Makes a call in which both sides stream.
    ///
    /// - Throws: ``Status``, always; what happens to the call is thrown from its two sides.
    public func bidirectional(
        _ path: String,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil,
        waitsForReady: Bool = false
    ) async throws -> BidirectionalCall {
        let call = try await open(path, nil, metadata: metadata, timeout: timeout, waitsForReady: waitsForReady)
        return BidirectionalCall(requests: RequestWriter(call), responses: RPCResponseStream(call))
    }

    /// Ends the connection when the calls under way have ended. A later call connects again.
    public func close() async {
        let closed: EventLoopFuture<Void> = eventLoop.flatSubmit { [connector] in connector.value.close() }
        // The channel's end is all that is waited for; how it came about is of no interest any more.
        await withCheckedContinuation { continuation in
            closed.whenComplete { _ in continuation.resume() }
        }
    }

    /// Begins a call, with its only message or with none yet.
    private func open(
        _ path: String,
        _ request: ByteBuffer?,
        metadata: Metadata,
        timeout: Duration?,
        waitsForReady: Bool
    ) async throws -> ClientCallHandle {
        let head = requestHead(path, metadata: metadata, timeout: timeout)
        return try await eventLoop.submit { [self] in
            let call = ClientCall(
                head,
                compression: compression,
                limit: maxMessageBytes,
                timeout: timeout,
                waitsForReady: waitsForReady,
                eventLoop: eventLoop
            )
            if let request {
                call.send(request, isCompressed: true)
                call.endRequest()
            }
            connector.value.start(call)
            return ClientCallHandle(call)
        }.get()
    }

    private static let plainHeaders: HTTPHeaders = [
        "content-type": "application/grpc", "te": "trailers", "user-agent": "baud-swift",
        "grpc-accept-encoding": Compression.accepted,
    ]

    private func requestHead(_ path: String, metadata: Metadata, timeout: Duration?) -> RequestHead {
        var headers = Self.plainHeaders
        if let compression { headers.add("grpc-encoding", compression.rawValue) }
        if let timeout { headers.add("grpc-timeout", GRPCTimeout.format(timeout)) }
        metadata.append(to: &headers)
        return RequestHead(method: "POST", path: path, scheme: scheme, authority: authority, headers: headers)
    }
}
