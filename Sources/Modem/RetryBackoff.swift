/// How long a failed run waits: exponential with full jitter, so that runs that fail together do not come back together.
public struct RetryBackoff: Sendable, Equatable {
    /// The most that the first retry waits; doubled with each further one.
    public var base = Duration.seconds(2)
    /// The most that any waits.
    public var limit = Duration.seconds(60)

    public init(base: Duration = .seconds(2), limit: Duration = .seconds(60)) {
        self.base = base
        self.limit = limit
    }

    /// - Parameters:
    ///   - failures: how often the run has failed before.
    ///   - random: between 0 and 1.
    func delay(after failures: Int, random: Double = .random(in: 0...1)) -> Duration {
        min(limit, base * (1 << min(failures, 20))) * random
    }
}
