import NIOCore

/// Whether the body of a request comes fast enough: a value, asked once a second while it is the peer's turn to send.
///
/// A peer that sends a byte now and then is never silent, and would hold its connection for ever.
struct BodyPace {
    /// Begins of the period that is looked at, and what came in it.
    private var since: NIODeadline?
    private var count = 0

    mutating func receive(_ bytes: Int) {
        count += bytes
    }

    /// The peer is not to blame: the reader is behind, or there is nothing to send.
    mutating func pause() {
        since = nil
    }

    mutating func isTooSlow(now: NIODeadline, period: TimeAmount, bytesPerSecond: Int) -> Bool {
        guard let since else {
            (self.since, count) = (now, 0)
            return false
        }
        guard now - since >= period else { return false }
        let (required, overflow) = bytesPerSecond.multipliedReportingOverflow(
            by: Int(period.nanoseconds / 1_000_000_000)
        )
        defer { (self.since, count) = (now, 0) }
        return overflow || count < required
    }
}
