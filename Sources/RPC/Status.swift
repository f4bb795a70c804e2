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
            headers.add("grpc-message", PercentEncoding.encode(message.prefix(utf8Count: Self.maxMessageBytes)))
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
        message = trailers["grpc-message"].map(PercentEncoding.decode) ?? ""
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

/// The encoding of `grpc-message`: printable ASCII but `%` stands for itself, every other byte is `%XX`.
enum PercentEncoding {
    static func encode(_ text: String) -> String {
        guard !text.utf8.allSatisfy(isPlain) else { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), hexDigit(byte >> 4), hexDigit(byte & 15)]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What is no valid escape stands for itself, as the protocol demands of a receiver.
    static func decode(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let high = hexValue(rest[rest.startIndex]),
                let low = hexValue(rest[rest.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte <= 0x7E && byte != UInt8(ascii: "%")
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case _: nil
        }
    }
}
