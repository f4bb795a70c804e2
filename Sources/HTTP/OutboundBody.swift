import NIOCore

/// The unsent bytes of one stream: a queue of shared buffers, copied once, into the frame.
struct OutboundBody {
    private var buffers: [ByteBuffer] = []
    /// The first buffer not yet entirely taken.
    private var first = 0
    /// Bytes that wait.
    private(set) var count = 0

    mutating func append(_ bytes: ByteBuffer) {
        count += bytes.readableBytes
        buffers.append(bytes)
    }

    /// Moves as much as fits into `target`, joining small buffers, and returns how much that was.
    mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < target.count, first < buffers.count {
            let length = min(buffers[first].readableBytes, target.count - filled)
            buffers[first].withUnsafeReadableBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[filled...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<length]))
            }
            buffers[first].moveReaderIndex(forwardBy: length)
            filled += length
            if buffers[first].readableBytes == 0 { dropFirst() }
        }
        count -= filled
        return filled
    }

    mutating func removeAll() {
        self = OutboundBody()
    }

    /// Lets go of the first buffer now and of its place in the queue in bulk.
    private mutating func dropFirst() {
        buffers[first] = ByteBuffer()
        first += 1
        if first == buffers.count {
            buffers.removeAll(keepingCapacity: first <= 8)
            first = 0
        } else if first >= 32, first * 2 >= buffers.count {
            buffers.removeFirst(first)
            first = 0
        }
    }
}
