/// An HTTP request with a body that is known as a whole.
public struct CurlRequest: Sendable {
    /// Absolute, `http` or `https`.
    public var url: String
    public var method: String
    /// In this order; libcurl adds `Host`, `Accept` and `Content-Length` where they are missing.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]?
    /// The time from the start of the request until the first byte of the response's body, waiting for a connection
    /// included.
    public var firstByteTimeout: Duration
    /// The time between two pieces of the body. It does not run while the reader lags behind.
    public var idleTimeout: Duration
    /// An IP address to connect to instead of resolving the URL's host (an IPv6 address in brackets); the host still
    /// stands in `Host` and in TLS. For callers that check addresses before they let a request out.
    public var connectTo: String?
    /// Whether a connection may be opened to public addresses only (``IPAddress/isPublic``), else it fails with `forbidden`. Looked at
    /// when the socket is opened, so that a name cannot mean another address by then. Proxies are not used. A connection that is kept
    /// was looked at only if it was opened for such a request: give them a client of their own.
    public var isPublicOnly: Bool

    public init(
        url: String,
        method: String = "GET",
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        firstByteTimeout: Duration = .seconds(60),
        idleTimeout: Duration = .seconds(60),
        connectTo: String? = nil,
        isPublicOnly: Bool = false
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.firstByteTimeout = firstByteTimeout
        self.idleTimeout = idleTimeout
        self.connectTo = connectTo
        self.isPublicOnly = isPublicOnly
    }
}

extension CurlRequest {
    /// Refuses what would end a line or a C string early, and so change the request's meaning.
    func validate() throws(CurlError) {
        guard !url.isEmpty, url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw CurlError(.invalidRequest, "the URL is empty or holds spaces or control characters")
        }
        guard isToken(method) else { throw CurlError(.invalidRequest, "the method is not a token") }
        for (name, value) in headers {
            guard isToken(name) else { throw CurlError(.invalidRequest, "a header's name is not a token") }
            guard value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }) else {
                throw CurlError(.invalidRequest, "the value of header \(name) holds control characters")
            }
        }
        if let connectTo, !connectTo.utf8.allSatisfy({ isHexDigit($0) || ".:[]".utf8.contains($0) }) {
            throw CurlError(.invalidRequest, "the address to connect to is not an IP address")
        }
    }
}

/// RFC 9110, section 5.6.2.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default: false
    }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"),
        UInt8(ascii: "a")...UInt8(ascii: "f"):
        true
    default: false
    }
}
