internal import NIOCore

/// The waits between attempts to connect: a random part of a ceiling that doubles from 50 ms to 1 s ("full jitter"), so
/// that the clients of a server that comes back do not arrive all at once.
struct Backoff {
    private static let floor: Int64 = 50
    private static let cap: Int64 = 1000

    private var ceiling = Self.floor

    /// Whether no wait was asked for since the last success.
    var isFirst: Bool { ceiling == Self.floor }

    mutating func next(using generator: inout some RandomNumberGenerator) -> TimeAmount {
        let wait = Int64.random(in: 1...ceiling, using: &generator)
        ceiling = min(ceiling * 2, Self.cap)
        return .milliseconds(wait)
    }

    mutating func next() -> TimeAmount {
        var generator = SystemRandomNumberGenerator()
        return next(using: &generator)
    }

    /// After a success: the next outage begins with short waits again.
    mutating func reset() { ceiling = Self.floor }
}
