import Glibc

/// The last few header blocks with which requests began on one connection, and what they mean. A value without I/O.
///
/// A client that makes calls sends the same few blocks again and again. One that leaves HPACK's dynamic table as it is means
/// the same each time, until another changes the table. Such a block is left out of what nghttp2 reads, see ``ReadScratch``:
/// it sees a request without fields, to which the connection adds the meaning. That saves a quarter of what a call costs.
struct HeaderBlockMemo: ~Copyable {
    private static let capacity = 4
    /// Bytes of the longest block and list that are kept, which bounds what an idle connection holds.
    private static let maxBytes = 1024

    private struct Entry {
        let start: UnsafeMutableRawPointer
        let count: Int
        let head: Unmanaged<RequestHead>

        init(_ block: UnsafeRawBufferPointer, _ head: RequestHead) {
            start = .allocate(byteCount: block.count, alignment: 1)
            count = block.count
            self.head = .passRetained(head)
            UnsafeMutableRawBufferPointer(start: start, count: count).copyMemory(from: block)
        }

        func equals(_ block: UnsafeRawBufferPointer) -> Bool {
            guard block.count == count, let other = block.baseAddress else { return false }
            return memcmp(start, other, count) == 0
        }

        func release() {
            start.deallocate()
            head.release()
        }
    }

    private var entries: [Entry] = []
    private var oldest = 0

    /// The last header list that nghttp2 has decoded, and what it means: what comes at first is often the same many times.
    private var list = HeaderBlock()
    private var listHead: RequestHead?

    // Of the read that is under way.

    /// Whether a block has changed the table, or may have: what was known means nothing from there on.
    private var isStale = false
    /// The last block that was not known and leaves the table as it is.
    private var newcomer: (stream: Int32, block: Range<Int>)?
    /// What that one means, once nghttp2 has read it.
    private var newcomerHead: RequestHead?

    init() {}

    deinit {
        for entry in entries { entry.release() }
    }

    /// Looks at the next header block of a read, before nghttp2 does.
    ///
    /// - Parameter bytes: all of the read.
    @inline(__always)
    mutating func visit(_ block: FrameWatch.Block, in bytes: UnsafeRawBufferPointer, _ scratch: ReadScratch) {
        guard let range = block.range else { return forget() }
        let text = UnsafeRawBufferPointer(rebasing: bytes[range])
        if block.opensStream, let head = head(text) {
            scratch.leaveOut(range, of: block.stream, meaning: head)
        } else {
            consider(block, range, text)
        }
    }

    @inline(__always)
    private func head(_ text: UnsafeRawBufferPointer) -> Unmanaged<RequestHead>? {
        guard !isStale else { return nil }
        for index in entries.indices where entries[index].equals(text) { return entries[index].head }
        return nil
    }

    @inline(never)
    private mutating func consider(_ block: FrameWatch.Block, _ range: Range<Int>, _ text: UnsafeRawBufferPointer) {
        guard HPACK.leavesTable(text) else { return forget() }
        if block.opensStream, range.count <= Self.maxBytes { newcomer = (block.stream, range) }
    }

    private mutating func forget() {
        isStale = true
        newcomer = nil
    }

    /// What a header list that nghttp2 has decoded means, if it is equal to the last one.
    mutating func head(of list: borrowing HeaderBlock, on stream: Int32) -> RequestHead? {
        guard let listHead, self.list.equals(list) else { return nil }
        learn(listHead, on: stream)
        return listHead
    }

    /// Keeps what another one means; it gives its memory for that of the last one.
    mutating func learn(_ head: RequestHead, of list: inout HeaderBlock, on stream: Int32) {
        // A short block can stand for a long list.
        guard list.count <= Self.maxBytes else { return }
        learn(head, on: stream)
        swap(&self.list, &list)
        listHead = head
    }

    private mutating func learn(_ head: RequestHead, on stream: Int32) {
        if newcomer?.stream == stream { newcomerHead = head }
    }

    /// nghttp2 has read everything.
    mutating func endRead(_ bytes: UnsafeRawBufferPointer) {
        if isStale { removeAll() }
        isStale = false
        if let (_, range) = newcomer.take(), let head = newcomerHead.take() {
            keep(Entry(UnsafeRawBufferPointer(rebasing: bytes[range]), head))
        }
    }

    private mutating func keep(_ entry: Entry) {
        guard entries.count == Self.capacity else { return entries.append(entry) }
        entries[oldest].release()
        entries[oldest] = entry
        oldest = (oldest + 1) % Self.capacity
    }

    private mutating func removeAll() {
        for entry in entries { entry.release() }
        entries.removeAll(keepingCapacity: true)
        oldest = 0
    }
}
