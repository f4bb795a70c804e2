/// Counts the frames a peer sends for nothing, which cost it little and the server something.
///
/// One token bucket for each kind. It is refilled by time (the connection's sweep, once a second) and by work: for each
/// DATA frame it gets, a peer has reason to send WINDOW_UPDATE and, to measure the path, PING; for each request,
/// PRIORITY. Floods of SETTINGS acknowledgements, received RST_STREAM and CONTINUATION are bounded by nghttp2.
struct FloodGuard {
    enum Frame: Int, CaseIterable {
        case ping, settings, priority, windowUpdate, emptyData
        /// A RST_STREAM that the peer made the server send.
        case provokedReset
    }

    private let burst: Int
    private var tokens: InlineArray<6, Int>

    init(burst: Int) {
        self.burst = burst
        tokens = InlineArray(repeating: burst)
    }

    /// Counts a frame; false when there were too many.
    mutating func admits(_ frame: Frame) -> Bool {
        guard tokens[frame.rawValue] > 0 else { return false }
        tokens[frame.rawValue] -= 1
        return true
    }

    mutating func sentData() {
        credit(.windowUpdate, 2)
        credit(.ping, 1)
    }

    mutating func receivedRequest() {
        credit(.priority, 2)
        credit(.windowUpdate, 1)
    }

    /// A second has passed.
    mutating func refill() {
        for frame in Frame.allCases { credit(frame, max(1, burst / 20)) }
    }

    private mutating func credit(_ frame: Frame, _ count: Int) {
        tokens[frame.rawValue] = min(burst, tokens[frame.rawValue] + count)
    }
}
