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

    private let start: UnsafeMutableRawPointer?
    private let capacity: Int
    /// Bytes from which on a write is long enough; one whole frame fits behind them.
    private let size: Int
    private(set) var count = 0
    private var placed: Placed?

    init(in memory: UnsafeMutableRawBufferPointer, size: Int) {
        (start, capacity) = (memory.baseAddress, memory.count)
        self.size = size
    }

    /// Of no write.
    init() {
        (start, capacity, size) = (nil, 0, 0)
    }

    var isFull: Bool { count >= size }

    /// All frames there are.
    var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }

    /// Copies a frame, or frames; false when there is no room. Nothing may be placed.
    mutating func append(_ frame: UnsafePointer<UInt8>, length: Int) -> Bool {
        guard let start, length <= capacity - count else { return false }
        (start + count).copyMemory(from: frame, byteCount: length)
        count += length
        return true
    }

    // MARK: What is written in its place

    /// Where the payload of the next frame goes.
    func room(upTo limit: Int) -> UnsafeMutableRawBufferPointer {
        let first = count + HTTP2Frame.headerLength
        let length = max(0, min(limit, capacity - first))
        return UnsafeMutableRawBufferPointer(start: start.map { $0 + first }, count: length)
    }

    /// So many bytes of the room have been filled.
    mutating func place(_ count: Int, of stream: Unmanaged<HTTP2Stream>) {
        placed = Placed(stream: stream, count: count)
    }

    /// What is placed, once.
    mutating func takePlaced() -> Placed? { placed.take() }

    /// Makes a frame of what was placed, and has been taken.
    mutating func complete(header: UnsafePointer<UInt8>, payload: Int) {
        guard let start else { return }
        (start + count).copyMemory(from: header, byteCount: HTTP2Frame.headerLength)
        count += HTTP2Frame.headerLength + payload
    }
}
