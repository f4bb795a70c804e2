public import NIOCore

/// The protocol version a request came in.
public enum HTTPVersion: Sendable, Equatable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case http1_0
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case http1_1
    case http2
}

/// Everything of a request that precedes its body, the same for both HTTP versions.
///
/// Immutable and shared: requests of one connection that came as the same bytes have the same object, in most cases.
public final class RequestHead: Sendable {
    /// The method as sent, such as `GET`.
    public let method: String
    /// The request target with its query, not decoded: `/a%20b?c=d`.
    public let path: String
    /// `http` or `https`.
    public let scheme: String
    /// The host and port the client addressed (`:authority`, or `Host` in HTTP/1); may be empty in HTTP/1.0.
    public let authority: String
    public let headers: HTTPHeaders
    public let version: HTTPVersion
    /// The peer's address, where the socket has one.
    public let remoteAddress: SocketAddress?
    /// The declared length of the body in bytes, if there is a well-formed one; what is rejected before there is a head has
    /// other forms. CONNECT has no body (RFC 9110 section 9.3.6).
    let contentLength: Int?
    /// What the client says of the order of answers; nil when it says nothing.
    let priority: StreamPriority?
    /// What the server's handler has found out about this head, for the next request that has it. It is read and written
    /// on the connection's event loop only, whoever else holds the head.
    package var finding: AnyObject? {
        get { found }
        set { found = newValue }
    }
    @exclusivity(unchecked) private nonisolated(unsafe) var found: AnyObject?

    public init(
        method: String,
        path: String,
        scheme: String = "http",
        authority: String = "",
        headers: HTTPHeaders = HTTPHeaders(),
        version: HTTPVersion = .http2,
        remoteAddress: SocketAddress? = nil
    ) {
        self.method = method
        self.path = path
        self.scheme = scheme
        self.authority = authority
        self.headers = headers
        self.version = version
        self.remoteAddress = remoteAddress
        contentLength = method == "CONNECT" ? nil : headers["content-length"].flatMap { Int($0) }
        priority = headers["priority"].flatMap { StreamPriority($0) }
    }
}
