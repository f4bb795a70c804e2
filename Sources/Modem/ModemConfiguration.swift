public import Store

/// How a worker process claims runs and holds them; the defaults are those of `config.toml`.
public struct ModemConfiguration: Sendable {
    /// How many runs are carried out at once.
    public var concurrency = 64
    /// A run whose worker has not been heard of for so long is taken over by another.
    public var lease = Duration.seconds(10)
    /// How often leases are renewed; well below the lease.
    public var heartbeat = Duration.seconds(3)
    /// If no worker at all has been heard of for so long, Redis is taken to have been away: a lease can have run out for that alone. Longer
    /// than the pause between two heartbeats, shorter than what one that was renewed at the last of them has left.
    var silence: Duration { max(lease - heartbeat * 3 / 2, heartbeat * 3 / 2) }
    /// How often runs of lost workers are looked for.
    public var reaper = Duration.seconds(2)
    /// A run that has lost so many workers is given up, as is one that has failed so often for a reason that may pass.
    public var maxAttempts = 3
    /// How long a failed run waits until it is tried again.
    public var retries = RetryBackoff()
    /// How long a run waits for an answer.
    public var actionLimit = Duration.seconds(24 * 60 * 60)
    /// How long runs may go on after the process was asked to stop; then they are handed back.
    public var grace = Duration.seconds(30)
    public var batching = RunLog.Batching()

    public init() {}
}
