/// What one loop's connections leave out of what they read, one after another; loop-bound.
///
/// See ``HeaderBlockMemo``. The bytes without the blocks are put together in memory of the loop.
final class ReadScratch {
    private struct Omission {
        let block: Range<Int>
        let stream: Int32
        let head: Unmanaged<RequestHead>
    }

    /// A longer read is left as it is.
    private static let capacity = 64 * 1024
    /// As is one in which so many bytes would have to be copied for each block, as when bodies are uploaded.
    private static let maxBytesPerBlock = 1024

    @exclusivity(unchecked) private var omissions: [Omission] = []
    /// The first that nghttp2 has not come to.
    @exclusivity(unchecked) private var next = 0
    @exclusivity(unchecked) private var isInUse = false
    /// Nil until it is needed; a client never needs it.
    @exclusivity(unchecked) private var memory: UnsafeMutableRawBufferPointer?

    deinit {
        memory?.deallocate()
    }

    /// A connection begins to read. What it reads may be in here until it has delivered that, so no other one may until then.
    func begin() {
        assert(!isInUse)
        isInUse = true
        dropAll()
    }

    /// The connection has delivered what it has read.
    func end() {
        isInUse = false
    }

    private func dropAll() {
        omissions.removeAll(keepingCapacity: true)
        next = 0
    }

    /// - Parameters:
    ///   - block: where it is in the read, behind the whole header of its frame.
    ///   - head: held by the connection until nghttp2 has read everything.
    @inline(__always)
    func leaveOut(_ block: Range<Int>, of stream: Int32, meaning head: Unmanaged<RequestHead>) {
        omissions.append(Omission(block: block, stream: stream, head: head))
    }

    /// What nghttp2 is to read instead.
    func shortened(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard !omissions.isEmpty else { return bytes }
        guard bytes.count <= min(Self.capacity, omissions.count * Self.maxBytesPerBlock) else {
            dropAll()
            return bytes
        }
        let memory = self.memory ?? .allocate(byteCount: Self.capacity, alignment: 1)
        self.memory = memory
        var (start, count) = (0, 0)
        func copy(upTo end: Int) {
            let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: part)
            count += part.count
        }
        for omission in omissions {
            copy(upTo: omission.block.lowerBound)
            // The frame has no payload any more (RFC 9113 section 4.1).
            for byte in count - HTTP2Frame.headerLength..<count - HTTP2Frame.headerLength + 3 { memory[byte] = 0 }
            start = omission.block.upperBound
        }
        copy(upTo: bytes.count)
        return UnsafeRawBufferPointer(rebasing: memory[..<count])
    }

    /// What the block meant that was left out of a stream; asked in the order of the streams.
    @inline(__always)
    func head(of stream: Int32) -> RequestHead? {
        while next < omissions.count, omissions[next].stream < stream { next += 1 }
        guard next < omissions.count, omissions[next].stream == stream else { return nil }
        next += 1
        return omissions[next - 1].head.takeUnretainedValue()
    }
}
