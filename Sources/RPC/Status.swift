import HTTP

/// How a call ended, and the error that the calls of this module throw.
///
/// A handler throws one to answer with it; any other error becomes ``Code/internal`` without its text. A client throws
/// the one the server sent, or one of its own for what happened on the way.
public struct Status: Error, Sendable, Equatable {
    /// The gRPC status codes, with their numbers on the wire.
    public enum Code: Int, Sendable, CaseIterable {
        case ok = 0
        case cancelled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        case `internal` = 13
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    public var code: Code
    /// For people; travels percent-encoded in `grpc-message`.
    public var message: String
    /// The trailing metadata that came, or is to go, with it; details are in `grpc-status-details-bin`.
    public var metadata: Metadata

    public init(_ code: Code, _ message: String = "", metadata: Metadata = Metadata()) {
        self.code = code
        self.message = message
        self.metadata = metadata
    }

    public static let ok = Status(.ok)
}

extension Status {
    /// Bytes of a message that travel. Encoded they are at most three times as many, for which every client has room:
    /// most take 8 KiB of headers, and no more than 64 KiB can be sent.
    private static let maxMessageBytes = 1024

    /// The trailers that carry this status. Of a long message they carry the beginning.
    func trailers(_ trailing: Metadata = Metadata()) -> HTTPHeaders {
        var headers: HTTPHeaders = ["grpc-status": String(code.rawValue)]
        if !message.isEmpty {
            headers.add("grpc-message", PercentEncoding.message(message.prefix(utf8Count: Self.maxMessageBytes)))
        }
        metadata.append(to: &headers)
        trailing.append(to: &headers)
        return headers
    }

    /// Whether there is nothing to it but that the call went well.
    var isPlainOK: Bool { code == .ok && message.isEmpty && metadata.isEmpty }

    /// Reads the status out of trailers, or out of a response that has nothing else; nil without a `grpc-status`.
    init?(trailers: HTTPHeaders) {
        guard let text = trailers["grpc-status"] else { return nil }
        code = Int(text).flatMap(Code.init(rawValue:)) ?? .unknown
        message = trailers["grpc-message"].map(PercentEncoding.decodeLeniently) ?? ""
        metadata = Metadata(trailers)
    }

    /// The status of a call that was answered in HTTP, by something that does not know gRPC.
    init(httpStatus: Int) {
        let code: Code =
            switch httpStatus {
            case 400: .internal
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .unimplemented
            case 429, 502, 503, 504: .unavailable
            case _: .unknown
            }
        self.init(code, "HTTP status \(httpStatus)")
    }
}

extension String {
    /// The beginning of the text, of at most so many bytes and with no character of Unicode cut in two.
    fileprivate func prefix(utf8Count limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        while utf8[end] & 0xC0 == 0x80 { utf8.formIndex(before: &end) }
        return String(self[..<end])
    }
}

extension PercentEncoding {
    /// As `grpc-message` travels: printable ASCII stands for itself.
    fileprivate static func message(_ text: String) -> String {
        encode(text) { $0 >= 0x20 && $0 <= 0x7E }
    }
}
