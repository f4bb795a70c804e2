/// How far one HTTP/1 request and its response have got, and how the response is framed. A value without I/O.
struct HTTP1Turn {
    enum Framing {
        /// As the head says: by `content-length`, or until the connection closes.
        case plain
        case chunked
    }

    var requestEnded = false
    var responseEnded = false
    /// Whether another request may follow.
    var isKeepAlive = false
    private(set) var framing = Framing.plain
    /// The client holds its body back until it is asked for it (RFC 9110 section 10.1.1).
    private(set) var expectsContinue = false
    private let version: HTTPVersion

    init() {
        version = .http1_1
    }

    init(_ request: RequestHead, isKeepAlive: Bool) {
        self.isKeepAlive = isKeepAlive
        version = request.version
        expectsContinue = version == .http1_1 && request.headers["expect"] != nil
    }

    /// The `connection` field of the response, where one is needed.
    var connectionField: String? {
        switch (isKeepAlive, version) {
        case (false, _): "close"
        case (true, .http1_0): "keep-alive"
        case (true, _): nil
        }
    }

    /// Whether to send `100 Continue` now; true at most once.
    mutating func takeContinue() -> Bool {
        defer { expectsContinue = false }
        return expectsContinue && !responseEnded
    }

    /// Settles the framing of the response, and whether the connection can go on after it.
    mutating func begin(
        _ head: ResponseHead,
        contentLength: Int? = nil,
        request: RequestHead,
        endsStream: Bool
    ) -> ResponseHead {
        var head = head
        if let contentLength { head.headers.add("content-length", String(contentLength)) }
        head.headers.remove("connection")
        head.headers.remove("transfer-encoding")
        if !canSkipBody(of: request) { isKeepAlive = false }
        if endsStream {
            if request.method != "HEAD", let none = head.lengthToDeclare(0) {
                head.headers.add("content-length", String(none))
            }
        } else if head.headers["content-length"] == nil {
            if version == .http1_1 {
                framing = .chunked
                head.headers.add("transfer-encoding", "chunked")
            } else {
                isKeepAlive = false
            }
        }
        return head
    }

    /// Whether what is left of the request's body is so short that it is passed over.
    private func canSkipBody(of request: RequestHead) -> Bool {
        if requestEnded { return true }
        if expectsContinue || request.headers["transfer-encoding"] != nil { return false }
        return request.contentLength ?? 0 <= HTTPLimits.readAhead
    }
}
