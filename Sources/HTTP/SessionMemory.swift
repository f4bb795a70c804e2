import CNghttp2
import Glibc

/// The memory of the nghttp2 sessions of one event loop, and of streams that come and go at once; loop-bound.
///
/// Every stream makes nghttp2 ask for the same dozen small blocks and give them back. Those are kept here in a list for
/// each size, which costs a tenth of what `malloc` and `free` do. So are the objects of streams that were answered at once,
/// and what messages of streams that send many wait in.
final class SessionMemory {
    /// Blocks have multiples of 16 bytes, up to this.
    private static let largest = 16 * listCount
    private static let listCount = 64
    /// Before each block there is its capacity, so that `malloc` need not be asked for it. Nothing in nghttp2 has to be
    /// aligned to more than these bytes; with them, a block has exactly what `malloc` makes of a size.
    private static let prefixLength = MemoryLayout<Int>.size
    /// Bytes that may be kept without use.
    private static let keptLimit = 1 << 20

    /// The first free block of each size; a free block begins with the pointer to the next one.
    @exclusivity(unchecked) private var free = InlineArray<64, UnsafeMutableRawPointer?>(repeating: nil)
    @exclusivity(unchecked) private var kept = 0

    private static let spareLimit = 256
    @exclusivity(unchecked) private var spares: [HTTP2Stream] = []
    private static let spareBlockLimit = 64
    @exclusivity(unchecked) private var spareBlocks: [UnsafeMutableRawPointer] = []

    deinit {
        for block in spareBlocks { block.deallocate() }
        for list in 0..<Self.listCount {
            while let block = free[list] {
                free[list] = block.load(as: UnsafeMutableRawPointer?.self)
                Glibc.free(block - Self.prefixLength)
            }
        }
    }

    /// As nghttp2 takes it. A session has to end before this memory does.
    var functions: nghttp2_mem {
        nghttp2_mem(
            mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
            malloc: { size, user in SessionMemory.with(user) { $0.allocate(size) } },
            free: { block, user in
                _ = SessionMemory.with(user) { memory in
                    memory.release(block)
                    return nil
                }
            },
            calloc: { count, size, user in
                let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
                guard !overflow, let block = SessionMemory.with(user, { $0.allocate(bytes) }) else { return nil }
                return memset(block, 0, bytes)
            },
            realloc: { block, size, user in SessionMemory.with(user) { $0.reallocate(block, size) } }
        )
    }

    /// A stream that a peer opens.
    func stream(id: Int32, connection: HTTP2Connection) -> HTTP2Stream {
        guard let stream = spares.popLast() else { return HTTP2Stream(id: id, connection: connection) }
        stream.renew(id: id, connection: connection)
        return stream
    }

    /// Takes a stream that was answered at once and is closed, and that its connection has let go.
    func keep(_ stream: consuming HTTP2Stream) {
        if spares.count < Self.spareLimit, isKnownUniquelyReferenced(&stream) { spares.append(stream) }
    }

    /// Memory for short messages that wait to be sent.
    func allocateBlock(_ capacity: Int) -> UnsafeMutableRawPointer {
        if capacity == MessageBlock.largestCapacity, let block = spareBlocks.popLast() { return block }
        return .allocate(byteCount: capacity, alignment: MemoryLayout<UInt>.alignment)
    }

    func releaseBlock(_ block: UnsafeMutableRawPointer, _ capacity: Int) {
        guard capacity == MessageBlock.largestCapacity, spareBlocks.count < Self.spareBlockLimit else {
            return block.deallocate()
        }
        spareBlocks.append(block)
    }

    /// Calls the memory, which its sessions' connections hold, without another reference to it.
    private static func with(
        _ user: UnsafeMutableRawPointer?,
        _ body: (SessionMemory) -> UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        guard let user else { return nil }
        return Unmanaged<SessionMemory>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
    }

    @inline(__always)
    func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= Self.largest else { return make(capacity: size) }
        let list = (max(size, 1) - 1) / 16
        let capacity = (list + 1) * 16
        guard let block = free[list] else { return make(capacity: capacity) }
        free[list] = block.load(as: UnsafeMutableRawPointer?.self)
        kept -= capacity
        return block
    }

    private func make(capacity: Int) -> UnsafeMutableRawPointer? {
        let (length, overflow) = capacity.addingReportingOverflow(Self.prefixLength)
        guard !overflow, let memory = malloc(length) else { return nil }
        memory.storeBytes(of: capacity, as: Int.self)
        return memory + Self.prefixLength
    }

    private static func capacity(_ block: UnsafeMutableRawPointer) -> Int {
        (block - prefixLength).load(as: Int.self)
    }

    @inline(__always)
    func release(_ block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        let capacity = Self.capacity(block)
        guard capacity <= Self.largest, kept + capacity <= Self.keptLimit else {
            return Glibc.free(block - Self.prefixLength)
        }
        let list = capacity / 16 - 1
        block.storeBytes(of: free[list], as: UnsafeMutableRawPointer?.self)
        free[list] = block
        kept += capacity
    }

    func reallocate(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let block else { return allocate(size) }
        let capacity = Self.capacity(block)
        if size <= capacity { return block }
        guard let larger = allocate(size) else { return nil }
        larger.copyMemory(from: block, byteCount: capacity)
        release(block)
        return larger
    }
}
