import NIOCore
import NIOHTTP1

/// Why an HTTP/1 request is answered by the connection itself, which then closes: after bytes that two readers might
/// understand differently, nothing on the connection can be trusted (RFC 9112 section 11.2).
struct HTTP1Rejection: Error, Equatable {
    let status: Int
    let message: String

    static func badRequest(_ message: String) -> HTTP1Rejection { HTTP1Rejection(status: 400, message: message) }
    static let targetTooLong = HTTP1Rejection(status: 414, message: "the request line is too long")
    static let headersTooLarge = HTTP1Rejection(status: 431, message: "the header fields are too large")
    static let headerTimeout = HTTP1Rejection(status: 408, message: "the request took too long")
    static let bodyTimeout = HTTP1Rejection(status: 408, message: "the body comes too slowly")

    /// What the parser found.
    init(_ error: HTTPParserError) {
        switch error {
        case .headerOverflow: self = .headersTooLarge
        case .invalidVersion: self = .badRequest("the version, or the end of the request line, is malformed")
        case .invalidMethod: self = .badRequest("the method is malformed")
        case .invalidURL: self = .badRequest("the request target is malformed")
        case .invalidHeaderToken, .lfExpected: self = .badRequest("a header field is malformed")
        case .invalidContentLength, .unexpectedContentLength: self = .badRequest("the body's length is ambiguous")
        case .invalidChunkSize: self = .badRequest("a chunk size is malformed")
        case _: self = .badRequest("the request is malformed")
        }
    }

    init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    var refusal: Refusal {
        switch status {
        case 408: .timeout
        case 414, 431: .headerSize
        case _: .malformed
        }
    }

    /// The body of the answer, in the form all errors have.
    var body: String { #"{"error":{"code":"http_\#(status)","message":"\#(message)"}}"# }
}

extension RequestHead {
    /// Checks what the parser leaves open (RFC 9112 sections 3.2, 6.1 and 6.3) and takes the request over.
    convenience init(
        _ head: HTTPRequestHead,
        limits: HTTPLimits,
        scheme: String,
        remoteAddress: SocketAddress?
    ) throws(HTTP1Rejection) {
        guard head.version == .http1_1 || head.version == .http1_0 else { throw HTTP1Rejection(.invalidVersion) }
        guard head.uri.utf8.count <= limits.maxRequestLineBytes else { throw .targetTooLong }
        let size = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        guard size <= limits.maxHeaderListBytes else { throw .headersTooLarge }
        try Self.checkFraming(head)
        guard head.method != .CONNECT else { throw HTTP1Rejection(status: 501, message: "CONNECT is not served") }
        if let expectation = head.headers.first(name: "expect"), expectation.lowercased() != "100-continue" {
            throw HTTP1Rejection(status: 417, message: "the expectation cannot be met")
        }
        let host = try Self.checkHost(head)
        let (path, authority) = try Self.splitTarget(head)
        self.init(
            method: head.method.rawValue,
            path: path,
            scheme: scheme,
            authority: authority ?? host,
            headers: HTTPHeaders(head.headers.map { ($0.name, $0.value) }),
            version: head.version == .http1_0 ? .http1_0 : .http1_1,
            remoteAddress: remoteAddress
        )
    }

    private static func checkFraming(_ head: HTTPRequestHead) throws(HTTP1Rejection) {
        let lengths = head.headers["content-length"]
        let codings = head.headers["transfer-encoding"]
        guard lengths.count <= 1, lengths.allSatisfy(isLength) else {
            throw .badRequest("the body's length is ambiguous")
        }
        guard !codings.isEmpty else { return }
        guard lengths.isEmpty else { throw .badRequest("content-length and transfer-encoding exclude each other") }
        guard head.version == .http1_1 else { throw .badRequest("HTTP/1.0 has no transfer-encoding") }
        guard codings.count == 1 else { throw .badRequest("the transfer-encoding is ambiguous") }
        guard codings[0].lowercased() == "chunked" else {
            throw HTTP1Rejection(status: 501, message: "the only transfer-encoding is chunked")
        }
    }

    private static func isLength(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } && Int(text) != nil
    }

    private static func checkHost(_ head: HTTPRequestHead) throws(HTTP1Rejection) -> String {
        let hosts = head.headers["host"]
        guard hosts.count == 1 || hosts.isEmpty && head.version == .http1_0 else {
            throw .badRequest("exactly one host is required")
        }
        let host = hosts.first ?? ""
        guard host.utf8.allSatisfy(mayStandInHost) else { throw .badRequest("the host is malformed") }
        return host
    }

    private static func mayStandInHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "@"),
            UInt8(ascii: "\\"):
            false
        case _: byte > 0x20 && byte < 0x7F
        }
    }

    /// Takes the authority off an absolute target (RFC 9112 section 3.2.2).
    private static func splitTarget(
        _ head: HTTPRequestHead
    ) throws(HTTP1Rejection) -> (path: String, authority: String?) {
        let target = head.uri
        if target.hasPrefix("/") || target == "*" && head.method == .OPTIONS { return (target, nil) }
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            let authority = rest.prefix { $0 != "/" && $0 != "?" }
            let path = rest[authority.endIndex...]
            return (path.hasPrefix("/") ? String(path) : "/" + path, String(authority))
        }
        throw .badRequest("the request target is malformed")
    }
}
