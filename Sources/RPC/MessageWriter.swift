import HTTP
public import NIOCore

/// Where messages are encoded as they leave: the payload of the frame that is being made.
///
/// It is good for one call of the closure that gets it; see ``ServerStream/pull(from:)``.
public struct MessageWriter: ~Copyable {
    @usableFromInline let start: UnsafeMutableRawPointer
    @usableFromInline let capacity: Int
    /// Takes what does not fit of a long message.
    private let exchange: Exchange
    /// Bytes of the room that are written.
    @usableFromInline var count = 0

    /// - Parameter start: of so many bytes that can be written.
    init(_ start: UnsafeMutableRawPointer, capacity: Int, _ exchange: Exchange) {
        self.start = start
        self.capacity = capacity
        self.exchange = exchange
    }

    /// Adds a message, if it fits into what is left of the frame. The first one always does: should it be longer, it goes on
    /// in the frames after this one.
    ///
    /// - Parameters:
    ///   - length: of the message, in bytes.
    ///   - encode: fills all of them. It must not come back to the stream.
    /// - Returns: false when it did not fit, and is to be offered again the next time; or when the stream was finished before.
    @inlinable
    public mutating func append(length: Int, _ encode: (UnsafeMutableRawBufferPointer) -> Void) -> Bool {
        guard length <= capacity &- count &- Framing.prefixLength else { return split(length, encode) }
        Self.write(length, to: start + count, encode)
        count &+= Framing.prefixLength &+ length
        return true
    }

    /// Adds a message that is encoded already.
    public mutating func append(_ message: ByteBuffer) -> Bool {
        append(length: message.readableBytes) { target in
            message.withUnsafeReadableBytes { target.copyMemory(from: $0) }
        }
    }

    @usableFromInline
    mutating func split(_ length: Int, _ encode: (UnsafeMutableRawBufferPointer) -> Void) -> Bool {
        guard count == 0, !exchange.hasFinished else { return false }
        let total = Framing.prefixLength + length
        var message = ByteBuffer()
        message.writeWithUnsafeMutableBytes(minimumWritableBytes: total) { target in
            if let start = target.baseAddress { Self.write(length, to: start, encode) }
            return total
        }
        count = capacity
        message.readWithUnsafeReadableBytes { bytes in
            if let first = bytes.baseAddress { start.copyMemory(from: first, byteCount: capacity) }
            return capacity
        }
        exchange.write(message)
        return true
    }

    /// Writes a message that is not compressed to the beginning of `target`.
    @inlinable
    static func write(
        _ length: Int,
        to target: UnsafeMutableRawPointer,
        _ encode: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        target.storeBytes(of: 0, as: UInt8.self)
        target.storeBytes(of: UInt32(clamping: length).bigEndian, toByteOffset: 1, as: UInt32.self)
        encode(UnsafeMutableRawBufferPointer(start: target + Framing.prefixLength, count: length))
    }
}
