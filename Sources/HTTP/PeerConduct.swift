import CNghttp2
import NIOCore

/// What the peer of an HTTP/2 connection does that it should not: frames that it sends for nothing, frames that nghttp2 lets pass
/// though they are wrong, streams above the limit, header blocks that stay open. A value without I/O: the connection asks it what
/// follows.
///
/// Only a client's frames are counted and looked at. A server is trusted, and its pings are no reason to leave it.
struct PeerConduct {
    private let isClient: Bool
    private var flood: FloodGuard
    private var watch = FrameWatch()
    private var openBlock = HeaderBlockWatch()
    /// The error to end the connection with after the read (RFC 9113 section 7).
    private(set) var violation: UInt32?
    /// Streams that are to be reset after the read, and with what.
    private var resets: [(stream: Int32, code: nghttp2_error_code)] = []

    init(isClient: Bool, burst: Int) {
        self.isClient = isClient
        flood = FloodGuard(burst: burst)
    }

    // MARK: Before nghttp2 reads

    /// Finds what nghttp2 passes over.
    ///
    /// - Parameter visit: called for each header block of a client, and what else there is in ``FrameWatch/Block``.
    @inline(__always)
    mutating func look(at bytes: UnsafeRawBufferPointer, visit: (FrameWatch.Block) -> Void) {
        guard isClient else { return }
        let findings = watch.scan(bytes, visit: visit)
        for _ in 0..<findings.priorities { count(.priority) }
        if let error = findings.error { violation = error }
    }

    // MARK: While it reads and sends

    mutating func count(_ frame: FloodGuard.Frame) {
        if isClient, !flood.admits(frame) { violation = NGHTTP2_ENHANCE_YOUR_CALM.rawValue }
    }

    mutating func beganHeaders() { openBlock.begin() }
    mutating func endedHeaders() { openBlock.end() }
    mutating func opened() { flood.receivedRequest() }
    mutating func sentData() { flood.sentData() }
    /// The peer has opened a stream more than it may.
    mutating func refuse(_ stream: Int32) { resets.append((stream, NGHTTP2_REFUSED_STREAM)) }
    /// What the peer has sent on a stream is no request (RFC 9113 section 8.1.1).
    mutating func foundMalformed(_ stream: Int32) { resets.append((stream, NGHTTP2_PROTOCOL_ERROR)) }

    // MARK: After the read

    /// What `mem_recv` has returned. - Returns: whether it was the peer's flood that ended the session.
    mutating func ended(_ result: Int) -> Bool {
        guard Self.floodErrors.contains(result) else { return false }
        violation = NGHTTP2_ENHANCE_YOUR_CALM.rawValue
        return true
    }

    mutating func takeResets() -> [(stream: Int32, code: nghttp2_error_code)] {
        guard !resets.isEmpty else { return [] }
        defer { resets.removeAll() }
        return resets
    }

    /// What nghttp2 says of too many CONTINUATION frames, and of acknowledgements that the peer does not read.
    private static let floodErrors = [
        Int(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue), Int(NGHTTP2_ERR_FLOODED.rawValue),
    ]

    // MARK: Once a second

    mutating func refill() { flood.refill() }

    /// Whether the same header block has been open for so long.
    mutating func headersAreOverdue(at now: NIODeadline, limit: TimeAmount) -> Bool {
        openBlock.isOverdue(at: now, limit: limit)
    }
}
