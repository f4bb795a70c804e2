import NIOCore

/// The unsent bytes of one stream, each copied once, into its frame.
///
/// What is long, or shared with other streams, is queued as it is. Short messages of this stream alone are joined behind
/// one another as they come, so that thousands of them are neither as many places in a queue nor as many allocations.
/// The one buffer that most responses consist of is neither queued nor joined, and a very short one is not even kept.
struct OutboundBody {
    /// A buffer, with what goes before it, or a block, or a few bytes.
    private struct Piece {
        private enum Content {
            case nothing
            case buffer(ByteBuffer)
            case block(MessageBlock)
        }

        private var content = Content.nothing
        private var prefix = BytePrefix()
        /// Bytes of the buffer that are taken, and that are there.
        private var (taken, end) = (UInt32(0), UInt32(0))

        init() {}

        init(_ bytes: consuming ByteBuffer, after prefix: BytePrefix) {
            self.prefix = prefix
            end = UInt32(bytes.readableBytes)
            content = .buffer(bytes)
        }

        init(_ block: MessageBlock) {
            content = .block(block)
        }

        init(_ bytes: BytePrefix) {
            prefix = bytes
        }

        /// Whether there is nothing left of it, and nothing that it holds.
        var isNothing: Bool { if case .nothing = content { prefix.count == 0 } else { false } }

        /// Whose messages others can be joined to.
        var block: MessageBlock? { if case .block(let block) = content { block } else { nil } }

        /// What is left of it. A block can have grown.
        var count: Int {
            if case .block(let block) = content { return block.count }
            return prefix.count + Int(end - taken)
        }

        mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
            switch content {
            case .nothing: return prefix.take(into: target)
            case .block(let block): return block.take(into: target)
            case .buffer(let bytes):
                let start = prefix.count > 0 ? prefix.take(into: target) : 0
                let first = Int(taken)
                let length = min(Int(end) - first, target.count - start)
                guard length > 0 else { return start }
                bytes.withUnsafeReadableBytes {
                    UnsafeMutableRawBufferPointer(rebasing: target[start...])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[first..<(first + length)]))
                }
                taken += UInt32(length)
                return start + length
            }
        }
    }

    /// Messages up to this length are joined.
    static let joinedLength = 1024

    /// What is to be taken from next.
    private var current = Piece()
    private var queue: [Piece] = []
    /// The first piece of the queue that is not taken.
    private var first = UInt32(0)
    /// Of the next block: small for a stream that never has much to send.
    private var blockCapacity = UInt32(Self.joinedLength)
    /// Bytes that wait.
    private(set) var count = 0

    /// - Parameter prefix: goes before the bytes. One that is not empty tells that they are this stream's alone.
    mutating func append(
        _ bytes: consuming ByteBuffer,
        after prefix: BytePrefix = BytePrefix(),
        in memory: SessionMemory
    ) {
        let length = prefix.count + bytes.readableBytes
        var prefix = prefix
        if count == 0, prefix.append(bytes) {
            (current, count) = (Piece(prefix), length)
        } else if count > 0, prefix.count > 0, length <= Self.joinedLength {
            let target = join(length, in: memory)
            let start = prefix.take(into: target)
            bytes.withUnsafeReadableBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: $0)
            }
        } else {
            append(Piece(bytes, after: prefix))
            count += length
        }
    }

    /// Puts bytes before all that waits.
    mutating func prepend(_ bytes: consuming ByteBuffer) {
        if current.count > 0 { queue.insert(current, at: Int(first)) }
        count += bytes.readableBytes
        current = Piece(bytes, after: BytePrefix())
    }

    /// The place of a message of up to ``joinedLength`` bytes, to be filled by the caller.
    mutating func join(_ length: Int, in memory: SessionMemory) -> UnsafeMutableRawBufferPointer {
        if let open = count == 0 ? nil : last.block {
            if open.room >= length {
                count += length
                return open.append(length)
            }
            blockCapacity = min(2 * blockCapacity, UInt32(MessageBlock.largestCapacity))
        }
        let block = MessageBlock(capacity: Int(blockCapacity), in: memory)
        append(Piece(block))
        count += length
        return block.append(length)
    }

    /// What was appended last.
    private var last: Piece { Int(first) < queue.count ? queue[queue.count - 1] : current }

    private mutating func append(_ piece: consuming Piece) {
        if count == 0 { current = piece } else { queue.append(piece) }
    }

    /// Moves as much as fits into `target` and returns how much that was.
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
        if let open = last.block, open.isMostlyRoom {
            blockCapacity = max(blockCapacity / 2, UInt32(Self.joinedLength))
        }
        if !current.isNothing { current = Piece() }
        if !queue.isEmpty { queue = [] }
        (first, count) = (0, 0)
    }

    /// Goes on to the next piece; the places of taken ones in the queue are let go in bulk.
    private mutating func advance() {
        current = Piece()
        swap(&current, &queue[Int(first)])
        first += 1
        if first >= 32, first * 2 >= queue.count {
            queue.removeFirst(Int(first))
            first = 0
        }
    }
}
