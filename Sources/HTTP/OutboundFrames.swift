/// The frames of one write, as they come into its memory one behind another. A value without I/O.
///
/// nghttp2's frames are copied. What a stream's source writes has its place here already, behind the room for the frame's
/// header, before nghttp2 makes that: it is neither queued nor copied.
struct OutboundFrames {
    /// The payload of a frame that is in its place, of which nghttp2 is still to be told.
    struct Placed {
        let stream: Unmanaged<HTTP2Stream>
        let count: Int
    }

    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes from which on a write is long enough; one whole frame fits behind them.
    private let size: Int
    private(set) var count = 0
    private var placed: Placed?

    init(in memory: UnsafeMutableRawBufferPointer, size: Int) {
        self.memory = memory
        self.size = size
    }

    /// Of no write.
    init() {
        self.init(in: UnsafeMutableRawBufferPointer(start: nil, count: 0), size: 0)
    }

    var isFull: Bool { count >= size }

    /// All frames there are.
    var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[..<count]) }

    /// Copies a frame, or frames; false when there is no room. Nothing may be placed.
    mutating func append(_ frame: UnsafeRawBufferPointer) -> Bool {
        guard frame.count <= memory.count - count else { return false }
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: frame)
        count += frame.count
        return true
    }

    // MARK: What is written in its place

    /// Where the payload of the next frame goes.
    func room(upTo limit: Int) -> UnsafeMutableRawBufferPointer {
        let rest = memory[min(count + HTTP2Frame.headerLength, memory.count)...]
        return UnsafeMutableRawBufferPointer(rebasing: rest.prefix(limit))
    }

    /// So many bytes of the room have been filled.
    mutating func place(_ count: Int, of stream: Unmanaged<HTTP2Stream>) {
        placed = Placed(stream: stream, count: count)
    }

    /// What is placed, once.
    mutating func takePlaced() -> Placed? { placed.take() }

    /// Makes a frame of what was placed, and has been taken.
    mutating func complete(header: UnsafeRawBufferPointer, payload: Int) {
        memory.copyMemory(from: header, at: count)
        count += header.count + payload
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func copyMemory(from source: UnsafeRawBufferPointer, at offset: Int) {
        UnsafeMutableRawBufferPointer(rebasing: self[offset...]).copyMemory(from: source)
    }
}
