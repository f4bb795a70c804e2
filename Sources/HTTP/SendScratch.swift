import NIOCore

/// About how many bytes a connection's next write is made for. A value without I/O.
///
/// The longer writes are, the less of what a byte costs is the system's, up to some 256 KiB: a tenth of all CPU that
/// streaming takes on the loopback. But what a peer does not take waits in the channel.
struct WriteSize {
    /// Three full frames, and never more than TCP hands on as one segment (64 KiB with its headers), as a fourth frame would
    /// end in a second segment of a few bytes.
    static let usual = 48_000
    static let largest = 256 * 1024

    private(set) var bytes = usual

    /// Twice as much after a write that there was enough for and that the peer has taken, half as much when there was far
    /// less; the usual again as soon as a peer takes less.
    mutating func adapt(to written: Int, wasTaken: Bool) {
        if !wasTaken {
            bytes = Self.usual
        } else if written >= bytes {
            bytes = min(2 * bytes, Self.largest)
        } else if written < bytes / 4 {
            bytes = max(bytes / 2, Self.usual)
        }
    }
}

/// The memory in which one loop's connections frame what they send, one after another; loop-bound.
final class SendScratch {
    /// For a whole frame after the last one that begins below the size.
    private static let frameRoom = 16 * 1024 + 256

    private var usual = ByteBuffer()
    /// Apart from the usual one, as what a peer does not take keeps the memory that it is in.
    private var large = ByteBuffer()

    /// Returns what `body` has written.
    func fill(_ size: WriteSize, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> ByteBuffer {
        size.bytes > WriteSize.usual
            ? Self.fill(&large, capacity: WriteSize.largest + Self.frameRoom, body)
            : Self.fill(&usual, capacity: WriteSize.usual + Self.frameRoom, body)
    }

    private static func fill(
        _ buffer: inout ByteBuffer,
        capacity: Int,
        _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) -> ByteBuffer {
        buffer.clear(minimumCapacity: capacity)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity, body)
        return buffer
    }
}
