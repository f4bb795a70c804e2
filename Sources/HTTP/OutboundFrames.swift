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
    /// Where the last frame begins.
    private var last = 0
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

    /// The frame that was added last.
    var lastFrame: UnsafeRawPointer? {
        count - last >= HTTP2Frame.headerLength ? start.map { UnsafeRawPointer($0 + last) } : nil
    }

    /// Copies a frame; false when there is no room. Nothing may be placed.
    mutating func append(_ frame: UnsafePointer<UInt8>, length: Int) -> Bool {
        guard let start, length <= capacity - count else { return false }
        (start + count).copyMemory(from: frame, byteCount: length)
        last = count
        count += length
        return true
    }

    /// Has the stream of the last frame, which is the last of its DATA, end with trailers instead.
    ///
    /// - Parameter block: at most ``SendScratch/trailerRoom`` bytes.
    mutating func end(with block: UnsafeRawBufferPointer) {
        guard let start, let source = block.baseAddress, count - last >= HTTP2Frame.headerLength else { return }
        let data = start + last
        data.storeBytes(of: 0, toByteOffset: 4, as: UInt8.self)
        // A frame without payload has said nothing but the end.
        if count - last == HTTP2Frame.headerLength { count = last }
        precondition(HTTP2Frame.headerLength + block.count <= capacity - count)
        let header = start + count
        header.copyMemory(from: data, byteCount: HTTP2Frame.headerLength)
        header.storeBytes(of: UInt32(block.count << 8 | Int(HTTP2Frame.headers)).bigEndian, as: UInt32.self)
        header.storeBytes(of: HTTP2Frame.endStreamOrAck | HTTP2Frame.endHeaders, toByteOffset: 4, as: UInt8.self)
        (header + HTTP2Frame.headerLength).copyMemory(from: source, byteCount: block.count)
        last = count
        count += HTTP2Frame.headerLength + block.count
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
        last = count
        count += HTTP2Frame.headerLength + payload
    }
}
