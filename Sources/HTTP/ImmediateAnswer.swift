public import NIOCore

/// What a server answers at once to a request that has arrived whole, without the objects of an ``Exchange``.
public struct ImmediateAnswer {
    enum Content {
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

/// Up to eight bytes that go before a buffer, so that framing a message neither copies it nor allocates memory.
public struct BytePrefix: Sendable {
    /// The bytes from the lowest to the highest.
    private var bytes: UInt64 = 0
    private var length = UInt8(0)
    var count: Int { Int(length) }

    public init() {}

    /// - Parameters:
    ///   - bytes: the first byte is the lowest.
    ///   - count: how many of them count, at most 8.
    public init(_ bytes: UInt64, count: Int) {
        self.bytes = bytes
        length = UInt8(min(max(0, count), 8))
    }

    /// Moves as many as fit to the start of `target`, and returns how many those were.
    mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        let taken = min(count, target.count)
        withUnsafeBytes(of: bytes.littleEndian) { source in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<taken]))
        }
        // All eight shifted out leave nothing.
        bytes = bytes >> (taken * 8)
        length -= UInt8(taken)
        return taken
    }

    /// The same bytes as a buffer of their own.
    var buffer: ByteBuffer {
        var (buffer, rest) = (ByteBuffer(), self)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 8) { rest.take(into: $0) }
        return buffer
    }
}
