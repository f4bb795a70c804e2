import NIOCore

/// About how many bytes a connection's next write is made for. A value without I/O.
///
/// The longer writes are, the less of what a byte costs is the system's, up to some 512 KiB: a quarter of all CPU that
/// streaming takes on the loopback. But what a peer does not take waits in the channel, and what is urgent behind it.
struct WriteSize {
    /// Three full frames, and never more than TCP hands on as one segment (64 KiB with its headers), as a fourth frame would
    /// end in a second segment of a few bytes.
    static let usual = 48_000
    static let largest = 512 * 1024 - SendScratch.frameRoom
    /// So long the largest write may keep another frame waiting: a peer that takes longer is sent less at once.
    static let patience = TimeAmount.milliseconds(10)

    private(set) var bytes = usual
    /// The last write, as long as the peer has not taken it.
    private var held: (count: Int, since: NIODeadline)?

    /// A write was handed to the channel, and the peer has taken it or not.
    mutating func wrote(_ count: Int, wasTaken: Bool, at now: @autoclosure () -> NIODeadline) {
        if wasTaken { adapt(to: count, takenIn: .zero) } else { held = (count, now()) }
    }

    /// The channel is writable again.
    mutating func becameWritable(at now: @autoclosure () -> NIODeadline) {
        if let (count, since) = held.take() { adapt(to: count, takenIn: now() - since) }
    }

    /// Twice as much after a write that there was enough for, half as much when there was far less; the usual again as soon
    /// as a peer takes its time.
    private mutating func adapt(to count: Int, takenIn time: TimeAmount) {
        if time > Self.patience {
            bytes = Self.usual
        } else if count >= bytes {
            bytes = min(2 * bytes, Self.largest)
        } else if count < bytes / 4 {
            bytes = max(bytes / 2, Self.usual)
        }
    }
}

/// The memory in which one loop's connections frame what they send, one after another; loop-bound.
final class SendScratch {
    /// For a whole frame after the last one that begins below the size, and trailers behind it.
    static let frameRoom = 16 * 1024 + 256
    /// Bytes that a header block of trailers may have, to fit into that.
    static let trailerRoom = frameRoom - 16 * 1024 - 2 * HTTP2Frame.headerLength

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
