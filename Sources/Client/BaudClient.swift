internal import HTTP
public import Logging
public import Messages
public import NIOCore
internal import RPC

/// A client of a Baud server: threads, runs and their events over gRPC.
///
/// It owns one connection, made by the first call and again after it was lost, which all calls share. It may be used
/// from anywhere. Calls have a deadline of 30 seconds, retries included, and end early when their task is cancelled. A
/// server that is silent for 30 seconds while it owes an answer or events is asked whether it is there, and counts as
/// lost when it says nothing for 20 more.
///
/// A call that finds the server unavailable is made again, a few times, if that cannot do a thing twice: all that only
/// read, `cancelRun`, and those that were given an idempotency key.
public final class BaudClient: Sendable {
    private let channel: RPCChannel
    private let metadata: Metadata
    private let callRetries: RetryPolicy
    let eventRetries: RetryPolicy
    let logger: Logger

    /// How long a call may take that does not wait for a run.
    static let deadline = Duration.seconds(30)

    /// Connects to nothing yet.
    ///
    /// - Parameters:
    ///   - url: `http://host:port` or `https://host:port`.
    ///   - credentials: for `https`; by default the system's authorities are trusted.
    ///   - tenant: whose threads these are; the server's own default if it is nil.
    ///   - group: one of its loops carries the connection.
    /// - Throws: ``BaudClientError/Code/invalidArgument`` when the URL is not of that form, or a file cannot be used.
    public convenience init(
        url: String,
        credentials: TLSCredentials = TLSCredentials(),
        tenant: String? = nil,
        group: any EventLoopGroup,
        logger: Logger
    ) throws(BaudClientError) {
        try self.init(
            url: url,
            credentials: credentials,
            tenant: tenant,
            group: group,
            logger: logger,
            callRetries: .calls,
            eventRetries: .events
        )
    }

    init(
        url: String,
        credentials: TLSCredentials = TLSCredentials(),
        tenant: String? = nil,
        group: any EventLoopGroup,
        logger: Logger,
        callRetries: RetryPolicy,
        eventRetries: RetryPolicy
    ) throws(BaudClientError) {
        let address = try ServerAddress(url: url)
        let tls = try address.makeTLS(credentials)
        channel = RPCChannel(
            host: address.host,
            port: address.port,
            tls: tls,
            keepAlive: KeepAlive(time: .seconds(30)),
            group: group,
            logger: logger
        )
        metadata = tenant.map { ["x-tenant": $0] } ?? Metadata()
        self.callRetries = callRetries
        self.eventRetries = eventRetries
        self.logger = logger
    }

    /// Closes the connection when the calls under way have ended. A later call opens it again.
    public func close() async {
        await channel.close()
    }
}

// MARK: - Calls

extension BaudClient {
    /// - Parameters:
    ///   - isRepeatable: whether the call may be made again when it is not known whether it took effect.
    ///   - limit: how long it may take, with all its retries.
    func call<Response: Message>(
        _ method: Messages.Method,
        _ request: some Message,
        isRepeatable: Bool,
        within limit: Duration = deadline
    ) async throws(BaudClientError) -> Response {
        let bytes = ByteBuffer(bytes: request.serialized())
        let deadline = ContinuousClock.now + limit
        var retries = 0
        while true {
            do {
                let reply = try await channel.unary(method.path, bytes, metadata: metadata, timeout: deadline - .now)
                return try Response(decoding: reply)
            } catch {
                let error = BaudClientError(describing: error)
                retries += 1
                guard isRepeatable, error.code == .unavailable, let delay = callRetries.delay(beforeRetry: retries),
                    .now + delay < deadline
                else { throw error }
                logger.debug("retrying", metadata: ["method": "\(method.name)", "error": "\(error)"])
                try await pause(for: delay)
            }
        }
    }

    /// Opens the stream of a ``ThreadEvents``; it has no deadline.
    func open(_ request: StreamThreadRequest) async throws -> RPCResponseStream {
        try await channel.serverStreaming(
            Messages.Method.streamThread.path,
            ByteBuffer(bytes: request.serialized()),
            metadata: metadata
        )
    }

    func pause(for delay: Duration) async throws(BaudClientError) {
        do {
            try await Task.sleep(for: delay)
        } catch {
            throw BaudClientError(describing: error)
        }
    }
}

extension Message {
    /// - Throws: ``BaudClientError/Code/internal``.
    init(decoding buffer: ByteBuffer) throws(BaudClientError) {
        do {
            self = try buffer.withUnsafeReadableBytes { try Self(serialized: $0) }
        } catch {
            throw BaudClientError(.internal, "the answer is no \(Self.typeName)", cause: error)
        }
    }
}
