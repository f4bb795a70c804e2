/// Why a request could not be sent, or its response not be read to the end.
///
/// A response with a status of 400 or above is a response, not an error.
public struct CurlError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The URL, the method or a header is malformed; nothing was sent.
        case invalidRequest
        /// The host could not be resolved or connected to; nothing was sent.
        case connect
        /// The host has no public address, and the request wants one; nothing was sent.
        case forbidden
        /// No handshake, or a certificate that is not trusted; nothing was sent.
        case tls
        /// One of the request's time limits passed.
        case timeout
        /// The connection broke before the response ended.
        case reset
        /// The body ended before its announced length or its last chunk.
        case truncated
        /// What came is not HTTP, or its header section is too large.
        case `protocol`
        /// The body is larger than the caller's limit.
        case tooLarge
        /// The task was cancelled, or the body was dropped.
        case cancelled
        /// The client was shut down.
        case shutdown
        /// The client has as many transfers as it may have.
        case exhausted
        /// Anything else that libcurl reports.
        case failed
    }

    public let code: Code
    /// What libcurl says; may name the host, never a header or a body.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }

    static let cancelled = CurlError(.cancelled, "the transfer was cancelled")
    static let shutdown = CurlError(.shutdown, "the HTTP client is shut down")
}
