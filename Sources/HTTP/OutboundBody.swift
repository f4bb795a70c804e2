import NIOCore

/// The unsent bytes of one stream: a queue of shared buffers, copied once, into the frame.
struct OutboundBody {
    /// The buffer to be taken from next; a short response consists of this one, and no queue is made.
    private var current = ByteBuffer()
    private var queue: [ByteBuffer] = []
    /// The first buffer of the queue that is not taken.
    private var first = 0
    /// Bytes that wait.
    private(set) var count = 0

    mutating func append(_ bytes: ByteBuffer) {
        if count == 0 { current = bytes } else { queue.append(bytes) }
        count += bytes.readableBytes
    }

    /// Moves as much as fits into `target`, joining small buffers, and returns how much that was.
    mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < target.count, filled < count {
            if current.readableBytes == 0 { advance() }
            let length = min(current.readableBytes, target.count - filled)
            current.withUnsafeReadableBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[filled...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<length]))
            }
            current.moveReaderIndex(forwardBy: length)
            filled += length
        }
        count -= filled
        if count == 0 { self = OutboundBody() }
        return filled
    }

    mutating func removeAll() {
        self = OutboundBody()
    }

    /// Goes on to the next buffer; the place of a taken one in the queue is let go in bulk.
    private mutating func advance() {
        current = queue[first]
        queue[first] = ByteBuffer()
        first += 1
        if first >= 32, first * 2 >= queue.count {
            queue.removeFirst(first)
            first = 0
        }
    }
}
