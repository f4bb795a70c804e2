import Glibc
import HTTP
public import Logging
public import NIOCore
import NIOPosix

/// A gRPC client's channel to one server: one HTTP/2 connection that all calls share.
///
/// It may be used from anywhere. The first call connects, and so does the next one after a connection was lost. A call
/// that fails for want of a connection fails with UNAVAILABLE; none is repeated by itself.
public final class RPCChannel: Sendable {
    private let eventLoop: any EventLoop
    private let connector: NIOLoopBoundBox<Connector>
    private let authority: String
    private let maxMessageBytes: Int
    private let compression: Compression?

    /// - Parameters:
    ///   - group: one of its loops carries the connection.
    ///   - maxMessageBytes: what a message of the server may have; a longer one ends the call with RESOURCE_EXHAUSTED.
    ///   - compression: how to compress requests, those that become shorter by it.
    public init(
        host: String,
        port: Int,
        group: any EventLoopGroup,
        logger: Logger,
        maxMessageBytes: Int = 4 * 1024 * 1024,
        compression: Compression? = nil
    ) {
        self.compression = compression
        eventLoop = group.any()
        authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        self.maxMessageBytes = maxMessageBytes
        connector = .makeBoxSendingValue(
            Connector(host: host, port: port, eventLoop: eventLoop, logger: logger),
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
        timeout: Duration? = nil
    ) async throws -> ByteBuffer {
        var responses = try await serverStreaming(path, request, metadata: metadata, timeout: timeout)
            .makeAsyncIterator()
        guard let message = try await responses.next() else {
            throw Status(.internal, "the reply has no message")
        }
        guard try await responses.next() == nil else { throw Status(.internal, "the reply has a second message") }
        return message
    }

    /// Makes a server-streaming call. Messages wait, at most 64 KiB of them and one, until they are asked for.
    ///
    /// - Throws: ``Status``, always; here only when there is no connection, later from the sequence.
    public func serverStreaming(
        _ path: String,
        _ request: ByteBuffer,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil
    ) async throws -> RPCResponseStream {
        let head = requestHead(path, metadata: metadata, timeout: timeout)
        let call: EventLoopFuture<RPCResponseStream> = eventLoop.flatSubmit { [self] in
            connector.value.open(
                head,
                Framing.frame(request, compression: compression),
                limit: maxMessageBytes,
                timeout: timeout
            )
        }
        return try await call.get()
    }

    /// Ends the connection when the calls under way have ended. A later call connects again.
    public func close() async {
        let closed: EventLoopFuture<Void> = eventLoop.flatSubmit { [connector] in connector.value.close() }
        // The channel's end is all that is waited for; how it came about is of no interest any more.
        await withCheckedContinuation { continuation in
            closed.whenComplete { _ in continuation.resume() }
        }
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
        return RequestHead(method: "POST", path: path, authority: authority, headers: headers)
    }
}

/// The connection of a channel, and the calls that wait for it; loop-bound.
private final class Connector {
    private let host: String
    private let port: Int
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var connection: NIOLoopBound<HTTP2Client>?
    private var connecting: EventLoopFuture<NIOLoopBound<HTTP2Client>>?

    init(host: String, port: Int, eventLoop: any EventLoop, logger: Logger) {
        self.host = host
        self.port = port
        self.eventLoop = eventLoop
        self.logger = logger
    }

    func open(
        _ head: RequestHead,
        _ message: ByteBuffer,
        limit: Int,
        timeout: Duration?
    ) -> EventLoopFuture<RPCResponseStream> {
        let eventLoop = self.eventLoop
        return connected().flatMapThrowing { client in
            let call = ClientCall(eventLoop: eventLoop, limit: limit)
            guard call.start(head, message, timeout: timeout, on: client.value) else {
                throw Status(.unavailable, "the connection is closing")
            }
            return RPCResponseStream(call)
        }
    }

    /// The present connection, or a new one, which all calls made meanwhile wait for.
    private func connected() -> EventLoopFuture<NIOLoopBound<HTTP2Client>> {
        if let connection, connection.value.isAvailable { return eventLoop.makeSucceededFuture(connection) }
        if let connecting { return connecting }
        let (host, port) = (self.host, self.port)
        let attempt = HTTP2Client.connect(host: host, port: port, on: eventLoop).flatMapErrorThrowing { error in
            throw Status(.unavailable, "cannot connect to \(host):\(port): \(Self.reason(for: error))")
        }
        connecting = attempt
        attempt.assumeIsolated().whenComplete { result in
            self.connecting = nil
            switch result {
            case .success(let client):
                self.connection = client
            case .failure(let error):
                self.logger.debug("connecting failed", metadata: ["error": "\(error)"])
            }
        }
        return attempt
    }

    /// What the system said, without NIO's account of the addresses that it tried.
    private static func reason(for error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return reason(for: last.error) }
            return error.dnsAError == nil && error.dnsAAAAError == nil
                ? "\(error)" : "the name of the host cannot be resolved"
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: return "no answer"
        case _: return "\(error)"
        }
    }

    func close() -> EventLoopFuture<Void> {
        guard let client = connection?.value else { return eventLoop.makeSucceededVoidFuture() }
        connection = nil
        client.drain()
        return client.closeFuture
    }
}
