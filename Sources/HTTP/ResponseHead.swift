/// The status and header fields of a response.
public struct ResponseHead: Sendable {
    /// The status code, 200 to 599; informational responses are sent by the server itself.
    public var status: Int
    public var headers: HTTPHeaders

    public init(status: Int, headers: HTTPHeaders = HTTPHeaders()) {
        self.status = status
        self.headers = headers
    }

    /// Whether a response of this status to that method carries a body (RFC 9110 section 6.4.1).
    func mayHaveBody(method: String) -> Bool {
        method != "HEAD" && status != 204 && status != 304
    }

    /// The `content-length` to be added for a body of that length: none where the status bears none or one is given.
    func lengthToDeclare(_ length: Int) -> Int? {
        status == 204 || status == 304 || headers.contains(lowercased: "content-length") ? nil : length
    }
}
