/// An HTTP client over libcurl: HTTP/2 to `https` hosts that offer it, else HTTP/1.1; kept-alive connections; streamed
/// responses.
///
/// Owns one thread, on which all of libcurl runs; tasks reach it by a queue and read responses from bounded buffers.
/// Redirects are not followed, and there are no cookies. Proxies are as the environment says (`http_proxy`,
/// `https_proxy`, `no_proxy`). Used by any task, at the same time.
public final class CurlClient: Sendable {
    public struct Configuration: Sendable {
        /// Resolving, connecting, and the TLS handshake.
        public var connectTimeout: Duration
        /// Further transfers to the same host wait for a connection.
        public var maxConnectionsPerHost: Int
        public var maxStreamsPerConnection: Int
        /// More than this at once are refused with `exhausted`.
        public var maxTransfers: Int
        /// A PEM file of trusted certificates, in place of the system's.
        public var certificateAuthorities: String?

        public init(
            connectTimeout: Duration = .seconds(10),
            maxConnectionsPerHost: Int = 256,
            maxStreamsPerConnection: Int = 100,
            maxTransfers: Int = 4096,
            certificateAuthorities: String? = nil
        ) {
            self.connectTimeout = connectTimeout
            self.maxConnectionsPerHost = maxConnectionsPerHost
            self.maxStreamsPerConnection = maxStreamsPerConnection
            self.maxTransfers = maxTransfers
            self.certificateAuthorities = certificateAuthorities
        }
    }

    private let queue: TransferQueue

    /// - Throws: `failed` if the thread cannot be started.
    public init(_ configuration: Configuration = Configuration()) throws(CurlError) {
        queue = try TransferQueue(limit: configuration.maxTransfers)
        try TransferLoop.startThread(configuration, queue: queue)
    }

    deinit { queue.stop() }

    /// Sends a request; returns when the response's head is there, whatever its status.
    ///
    /// Cancelling the task ends the transfer, here and while the body is read.
    ///
    /// - Throws: ``CurlError``.
    public func send(_ request: CurlRequest) async throws(CurlError) -> CurlResponse {
        try request.validate()
        let channel = ResponseChannel(queue: queue)
        try queue.start(request, channel)
        let head = try await channel.head()
        return CurlResponse(status: head.status, version: head.version, headers: head.headers, body: CurlBody(channel))
    }

    /// Ends all transfers with `shutdown`, and then the thread; returns when all are ended. Later requests fail with
    /// `shutdown`.
    public func shutdown() async {
        queue.stop()
        await queue.stopped()
    }
}
