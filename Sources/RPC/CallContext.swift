import HTTP
public import NIOCore

/// What a handler is told about its call.
public struct CallContext: Sendable {
    private let head: RequestHead
    /// When the caller gives the call up. The server answers DEADLINE_EXCEEDED then, whatever the handler does.
    public let deadline: NIODeadline?
    /// How the caller's messages are compressed, those that are.
    let compression: Compression?
    /// Of a call with one message: whether it came compressed.
    public internal(set) var requestWasCompressed = false

    /// The method called: `/package.Service/Method`.
    public var path: String { head.path }
    public var metadata: Metadata { Metadata(head.headers) }
    public var remoteAddress: SocketAddress? { head.remoteAddress }
    public var authority: String { head.authority }

    /// In an asynchronous handler: whether the call is over, by the caller's wish, its deadline, or its disappearance.
    public var isCancelled: Bool { Task.isCancelled }
}

extension CallContext {
    /// Reads what precedes the messages.
    ///
    /// - Throws: the status for what is malformed, or not supported.
    init(_ request: RequestHead, now: @autoclosure () -> NIODeadline) throws(Status) {
        head = request
        guard Self.hasProtocolFields(request.headers) else {
            (deadline, compression) = (nil, nil)
            return
        }
        if let timeout = request.headers["grpc-timeout"] {
            guard let amount = GRPCTimeout.parse(timeout) else {
                throw Status(.internal, "grpc-timeout is malformed")
            }
            deadline = now() + amount
        } else {
            deadline = nil
        }
        compression = try Compression.named(request.headers["grpc-encoding"])
        guard metadata.isWellFormed else { throw Status(.internal, "a -bin header is not base64") }
    }

    /// Whether there may be a field that needs a closer look: most calls have none, and this is every call's way.
    private static func hasProtocolFields(_ headers: HTTPHeaders) -> Bool {
        headers.containsField { name, _ in name.utf8.first == UInt8(ascii: "g") || name.utf8.last == UInt8(ascii: "n") }
    }
}

/// The `grpc-timeout` header: at most eight digits and a unit.
enum GRPCTimeout {
    static func parse(_ text: String) -> TimeAmount? {
        guard let unit = text.utf8.last, (2...9).contains(text.utf8.count) else { return nil }
        let digits = text.utf8.dropLast()
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        let value = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        switch unit {
        case UInt8(ascii: "H"): return .hours(min(value, 24 * 365))
        case UInt8(ascii: "M"): return .minutes(value)
        case UInt8(ascii: "S"): return .seconds(value)
        case UInt8(ascii: "m"): return .milliseconds(value)
        case UInt8(ascii: "u"): return .microseconds(value)
        case UInt8(ascii: "n"): return .nanoseconds(value)
        case _: return nil
        }
    }

    /// In the finest unit that eight digits hold.
    static func format(_ timeout: Duration) -> String {
        let (seconds, attoseconds) = timeout.components
        guard seconds >= 0, attoseconds >= 0 else { return "0n" }
        if seconds < 90 { return "\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)u" }
        return seconds < 90_000 ? "\(seconds * 1000)m" : "\(min(seconds, 99_999_999))S"
    }
}
