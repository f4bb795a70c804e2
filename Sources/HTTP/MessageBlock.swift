/// Memory in which short messages of one stream wait, one behind another; loop-bound.
final class MessageBlock {
    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    /// What is filled and not yet taken.
    @exclusivity(unchecked) private var filled = 0..<0

    init(capacity: Int) {
        self.capacity = capacity
        start = .allocate(byteCount: capacity, alignment: MemoryLayout<UInt>.alignment)
    }

    deinit { start.deallocate() }

    /// Bytes that wait.
    var count: Int { filled.count }
    /// Bytes that can still be filled.
    var room: Int { capacity - filled.upperBound }

    /// The next `length` bytes, to be filled by the caller; there is room for them.
    func append(_ length: Int) -> UnsafeMutableRawBufferPointer {
        let target = UnsafeMutableRawBufferPointer(start: start + filled.upperBound, count: length)
        filled = filled.lowerBound..<(filled.upperBound + length)
        return target
    }

    /// Moves as much as fits into `target` and returns how much that was.
    func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        let length = min(filled.count, target.count)
        target.copyMemory(from: UnsafeRawBufferPointer(start: start + filled.lowerBound, count: length))
        filled = (filled.lowerBound + length)..<filled.upperBound
        return length
    }
}
