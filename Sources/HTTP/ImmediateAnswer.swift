public import NIOCore

/// What a server answers at once to a request that has arrived whole, without the objects of an ``Exchange``.
public struct ImmediateAnswer: ~Copyable {
    enum Content: ~Copyable {
        case body(PreparedFields, BytePrefix, ByteBuffer, trailers: PreparedFields)
        case head(ResponseHead)
    }

    let content: Content
    /// When what is not sent by then is given up, on HTTP/2; nil for never.
    let expiry: NIODeadline?

    /// A body of one buffer, with a few bytes before it, between a head and trailers that many answers share.
    ///
    /// - Parameter expiry: when the stream is reset, should its peer not have made room for the body by then. Of a body
    ///   that fits into a window it is not worth its timer.
    public init(
        _ head: borrowing PreparedHead,
        prefix: BytePrefix,
        _ body: ByteBuffer,
        _ trailers: borrowing PreparedTrailers,
        expiry: NIODeadline? = nil
    ) {
        content = .body(head.fields, prefix, body, trailers: trailers.fields)
        self.expiry = expiry
    }

    /// A head that is all there is.
    public init(_ head: ResponseHead) {
        content = .head(head)
        expiry = nil
    }
}

/// A few bytes that go before a buffer, so that framing a message neither copies it nor allocates memory. A very short
/// message finds room in here itself.
public struct BytePrefix: Sendable {
    /// Only bytes, as many as leave room for two more in two words.
    private var bytes: (UInt64, UInt32, UInt16) = (0, 0, 0)
    private static let capacity = MemoryLayout<(UInt64, UInt32, UInt16)>.size
    /// Where what is left begins and ends.
    private var (start, end) = (UInt8(0), UInt8(0))

    var count: Int { Int(end - start) }

    public init() {}

    /// - Parameters:
    ///   - bytes: the first byte is the lowest.
    ///   - count: how many of them count, at most 8.
    public init(_ bytes: UInt64, count: Int) {
        self.bytes.0 = bytes.littleEndian
        end = UInt8(min(max(0, count), 8))
    }

    /// Adds a whole buffer, if there is room for it.
    mutating func append(_ buffer: borrowing ByteBuffer) -> Bool {
        let (first, length) = (Int(end), buffer.readableBytes)
        guard first + length <= Self.capacity else { return false }
        buffer.withUnsafeReadableBytes { source in
            withUnsafeMutableBytes(of: &bytes) { $0[first...].copyBytes(from: source) }
        }
        end += UInt8(length)
        return true
    }

    /// Moves as many as fit to the start of `target`, and returns how many those were.
    mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        let (first, length) = (Int(start), min(count, target.count))
        withUnsafeBytes(of: bytes) { source in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[first..<first + length]))
        }
        start += UInt8(length)
        return length
    }

    /// The same bytes as a buffer of their own.
    var buffer: ByteBuffer {
        var (buffer, rest) = (ByteBuffer(), self)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 8) { rest.take(into: $0) }
        return buffer
    }
}
