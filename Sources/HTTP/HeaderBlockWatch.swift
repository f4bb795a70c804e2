import NIOCore

/// Watches for a header block that stays open: nothing else may arrive inside one (RFC 9113 section 4.3), so its sender holds up the
/// whole connection. A value without I/O.
struct HeaderBlockWatch {
    private var isOpen = false
    /// Counts the blocks, so that a sweep can tell the one it saw before.
    private var number = 0
    /// The open block that the last sweep saw, and since when.
    private var slow: (number: Int, since: NIODeadline)?

    mutating func begin() {
        number += 1
        isOpen = true
    }

    mutating func end() {
        isOpen = false
    }

    /// Whether the same block has been open for so long; to be asked now and then.
    mutating func isOverdue(at now: NIODeadline, limit: TimeAmount) -> Bool {
        guard isOpen else {
            slow = nil
            return false
        }
        if let slow, slow.number == number { return now - slow.since >= limit }
        slow = (number, now)
        return false
    }
}
