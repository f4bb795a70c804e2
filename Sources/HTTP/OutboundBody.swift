import NIOCore

/// The unsent bytes of one stream: a queue of shared buffers, copied once, into the frame.
struct OutboundBody {
    private struct Piece {
        var prefix = BytePrefix()
        /// Nil rather than an empty buffer, which would be a counted reference all the same.
        var bytes: ByteBuffer?

        var count: Int { prefix.count + (bytes?.readableBytes ?? 0) }

        mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
            let start = prefix.count > 0 ? prefix.take(into: target) : 0
            let length = min(bytes?.readableBytes ?? 0, target.count - start)
            guard length > 0 else { return start }
            bytes?.readWithUnsafeReadableBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[start...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<length]))
                return length
            }
            return start + length
        }
    }

    /// What is to be taken from next; a short response consists of this one, and no queue is made.
    private var current = Piece()
    private var queue: [Piece] = []
    /// The first piece of the queue that is not taken.
    private var first = 0
    /// Bytes that wait.
    private(set) var count = 0

    mutating func append(_ bytes: ByteBuffer, after prefix: BytePrefix = BytePrefix()) {
        let piece = Piece(prefix: prefix, bytes: bytes)
        if count == 0 { current = piece } else { queue.append(piece) }
        count += piece.count
    }

    /// Moves as much as fits into `target`, joining small buffers, and returns how much that was.
    mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < target.count, filled < count {
            if current.count == 0 { advance() }
            filled += current.take(into: UnsafeMutableRawBufferPointer(rebasing: target[filled...]))
        }
        count -= filled
        if count == 0 { removeAll() }
        return filled
    }

    mutating func removeAll() {
        current = Piece()
        if !queue.isEmpty { queue = [] }
        (first, count) = (0, 0)
    }

    /// Goes on to the next piece; the place of a taken one in the queue is let go in bulk.
    private mutating func advance() {
        current = queue[first]
        queue[first] = Piece()
        first += 1
        if first >= 32, first * 2 >= queue.count {
            queue.removeFirst(first)
            first = 0
        }
    }
}
