import NIOCore

/// What the peer of an HTTP/2 connection takes its time for, held against the limits about once a second. A value without I/O.
struct ConnectionTimes {
    private var openedAt: NIODeadline?
    private var idleSince: NIODeadline?
    private var socket = SocketWatch()

    /// What the connection is to be closed for, if anything.
    ///
    /// - Parameters:
    ///   - hasBegun: whether the peer has begun to speak HTTP/2.
    ///   - waiting: bytes that the channel holds back.
    ///   - unsent: bytes that wait on all streams.
    mutating func overdue(
        _ limits: HTTPLimits,
        at now: NIODeadline,
        hasBegun: Bool,
        waiting: Int,
        unsent: Int
    ) -> Refusal? {
        let openedAt = self.openedAt ?? now
        self.openedAt = openedAt
        if !hasBegun, now - openedAt >= limits.prefaceTimeout.timeAmount { return .silence }
        let timeout = Self.stallTimeout(limits, unsent: unsent)
        return socket.isOverdue(waiting: waiting, at: now, limit: timeout) ? .stall : nil
    }

    /// Whether there was no stream for so long that the connection is to end in good order.
    mutating func isIdleTooLong(_ limits: HTTPLimits, at now: NIODeadline, hasStreams: Bool) -> Bool {
        guard !hasStreams else {
            idleSince = nil
            return false
        }
        let since = idleSince ?? now
        idleSince = since
        return now - since >= limits.idleTimeout.timeAmount
    }

    /// The more a peer leaves unread, the less time it gets: what it makes the server hold is bounded by bytes and time.
    static func stallTimeout(_ limits: HTTPLimits, unsent: Int) -> TimeAmount {
        let full = limits.stallTimeout.timeAmount
        return unsent <= HTTPLimits.connectionWriteAhead
            ? full : .nanoseconds(full.nanoseconds / Int64(unsent) * Int64(HTTPLimits.connectionWriteAhead))
    }
}
