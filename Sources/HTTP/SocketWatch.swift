import NIOCore

/// Watches for a peer that leaves unread what its socket has no more room for: the streams of its connection cannot even
/// be reset, as that would have to be sent, too. A value without I/O.
struct SocketWatch {
    private var stuck: (waiting: Int, since: NIODeadline)?

    /// Whether nothing was taken for so long; to be asked now and then.
    ///
    /// - Parameter waiting: bytes that the channel holds back.
    mutating func isOverdue(waiting: Int, at now: NIODeadline, limit: TimeAmount) -> Bool {
        guard waiting > 0 else {
            stuck = nil
            return false
        }
        if let stuck, stuck.waiting == waiting { return now - stuck.since >= limit }
        stuck = (waiting, now)
        return false
    }
}
