import CNghttp2
import Glibc

/// The memory of the nghttp2 sessions of one event loop; loop-bound.
///
/// Every stream makes nghttp2 ask for the same dozen small blocks and give them back. Those are kept here in a list for
/// each size, which costs a tenth of what `malloc` and `free` do.
final class SessionMemory {
    /// Precedes each block: the list it belongs to, and how much it holds.
    private struct Header {
        var list: Int
        var capacity: Int
    }

    /// Blocks hold 32 bytes times a power of two; larger ones than the last list's are not kept.
    private static let listCount = 6
    private static let smallest = 32
    private static let largest = smallest << (listCount - 1)
    /// Bytes that may be kept without use.
    private static let keptLimit = 1 << 20

    /// The first free block of each size; a free block begins with the pointer to the next one.
    @exclusivity(unchecked) private var free = InlineArray<6, UnsafeMutableRawPointer?>(repeating: nil)
    @exclusivity(unchecked) private var kept = 0

    deinit {
        for list in 0..<Self.listCount {
            while let block = free[list] {
                free[list] = block.load(as: UnsafeMutableRawPointer?.self)
                Glibc.free(block - MemoryLayout<Header>.size)
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

    /// Calls the memory, which its sessions' connections hold, without another reference to it.
    private static func with(
        _ user: UnsafeMutableRawPointer?,
        _ body: (SessionMemory) -> UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        guard let user else { return nil }
        return Unmanaged<SessionMemory>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
    }

    private func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= Self.largest else { return Self.block(list: -1, capacity: size) }
        let list = size <= Self.smallest ? 0 : Int.bitWidth - (size - 1).leadingZeroBitCount - 5
        guard let block = free[list] else { return Self.block(list: list, capacity: Self.smallest << list) }
        free[list] = block.load(as: UnsafeMutableRawPointer?.self)
        kept -= Self.smallest << list
        return block
    }

    private func release(_ block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        let header = Self.header(of: block)
        guard header.list >= 0, kept + header.capacity <= Self.keptLimit else {
            return Glibc.free(block - MemoryLayout<Header>.size)
        }
        block.storeBytes(of: free[header.list], as: UnsafeMutableRawPointer?.self)
        free[header.list] = block
        kept += header.capacity
    }

    private func reallocate(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let block else { return allocate(size) }
        let capacity = Self.header(of: block).capacity
        if size <= capacity { return block }
        guard let larger = allocate(size) else { return nil }
        larger.copyMemory(from: block, byteCount: capacity)
        release(block)
        return larger
    }

    private static func header(of block: UnsafeMutableRawPointer) -> Header {
        (block - MemoryLayout<Header>.size).load(as: Header.self)
    }

    private static func block(list: Int, capacity: Int) -> UnsafeMutableRawPointer? {
        let (size, overflow) = capacity.addingReportingOverflow(MemoryLayout<Header>.size)
        guard !overflow, let start = malloc(size) else { return nil }
        start.storeBytes(of: Header(list: list, capacity: capacity), as: Header.self)
        return start + MemoryLayout<Header>.size
    }
}
