public import NIOCore

/// One reply of a Redis server, in the types of RESP2.
///
/// A server's error reply to a command reaches the caller as a thrown ``RedisError``; the case ``error(_:)`` is only seen
/// inside an array, as in the reply of `EXEC`.
public enum RESPValue: Sendable, Hashable {
    /// The null bulk string or the null array: "there is none".
    case null
    /// A status line such as `OK`.
    case simple(String)
    /// A bulk string. All bulk strings of one reply share one allocation: a part that outlives the rest by long is
    /// better copied.
    case bytes(ByteBuffer)
    case integer(Int64)
    case array([RESPValue])
    /// An error inside an array, with its prefix (`WRONGTYPE ...`).
    case error(String)

    /// The text of a bulk string, status or integer; bytes that are no UTF-8 are replaced. `nil` for anything else.
    public var string: String? {
        switch self {
        case .simple(let text): text
        case .bytes(let buffer): String(buffer: buffer)
        case .integer(let number): String(number)
        case .null, .array, .error: nil
        }
    }

    /// The number of an integer reply, or of a bulk string that spells one.
    public var int: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes(let buffer): Int64(String(buffer: buffer))
        case .simple(let text): Int64(text)
        case .null, .array, .error: nil
        }
    }

    /// The bytes of a bulk string.
    public var bytes: ByteBuffer? {
        if case .bytes(let buffer) = self { buffer } else { nil }
    }

    /// The elements of an array.
    public var array: [RESPValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    public var isNull: Bool { self == .null }
}
