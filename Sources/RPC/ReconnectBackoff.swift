import NIOCore

/// When a channel may try to connect again; a value, to which time and chance are given.
///
/// As gRPC's connection back-off has it: each failure in a row makes the wait 1.6 times longer, up to a limit, and a
/// fifth of it is left to chance, so that the clients of a server that was lost do not return all at once.
struct ReconnectBackoff {
    static let first = Duration.milliseconds(200)
    static let longest = Duration.seconds(10)

    private var wait = first
    private(set) var notBefore: NIODeadline?

    func permits(at now: NIODeadline) -> Bool {
        notBefore.map { now >= $0 } ?? true
    }

    /// - Parameter chance: a number from 0 to 1.
    mutating func failed(at now: NIODeadline, chance: Double) {
        let seconds = wait / .seconds(1) * (0.8 + 0.4 * chance)
        notBefore = now + .nanoseconds(Int64(seconds * 1_000_000_000))
        wait = min(wait * 1.6, Self.longest)
    }

    mutating func succeeded() {
        self = ReconnectBackoff()
    }
}
