/// Memory in which short messages of one stream wait, one behind another; loop-bound.
final class MessageBlock {
    /// The largest one, which fills a frame. Its memory is used again.
    static let largestCapacity = 16 * 1024

    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    private let memory: SessionMemory
    /// What is filled and not yet taken.
    @exclusivity(unchecked) private var filled = 0..<0

    init(capacity: Int, in memory: SessionMemory) {
        self.capacity = capacity
        self.memory = memory
        start = memory.allocateBlock(capacity)
    }

    deinit { memory.releaseBlock(start, capacity) }

    /// Bytes that wait.
    var count: Int { filled.count }
    /// Bytes that can still be filled.
    var room: Int { capacity - filled.upperBound }

    /// Whether less than a quarter was ever filled.
    var isMostlyRoom: Bool { filled.upperBound < capacity / 4 }

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
