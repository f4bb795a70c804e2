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
public struct RequestHead: Sendable {
    /// The method as sent, such as `GET`.
    public var method: String
    /// The request target with its query, not decoded: `/a%20b?c=d`.
    public var path: String
    /// `http` or `https`.
    public var scheme: String
    /// The host and port the client addressed (`:authority`, or `Host` in HTTP/1); may be empty in HTTP/1.0.
    public var authority: String
    public var headers: HTTPHeaders
    public var version: HTTPVersion
    /// The peer's address, where the socket has one.
    public var remoteAddress: SocketAddress?

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
    }
}

extension RequestHead {
    /// The declared length of the body in bytes, if there is a well-formed one. Both parsers reject other forms.
    var contentLength: Int? { headers["content-length"].flatMap { Int($0) } }
}
