internal import Redis

/// What the worker queue holds at one moment.
public struct QueueStats: Sendable, Equatable {
    /// Runs that wait for a worker, and of how many tenants they are.
    public let ready: Int
    public let tenants: Int
    /// How long the one at the head of a tenant's list has waited, of all tenants the longest.
    public let oldest: Duration
    /// Runs in the hands of workers.
    public let held: Int
    /// Runs and schedules that are to be looked at at a certain time.
    public let due: Int
    /// Runs that were given up.
    public let dead: Int
    /// Workers that have been heard of within 30 seconds.
    public let workers: Int

    public init(ready: Int, tenants: Int, oldest: Duration, held: Int, due: Int, dead: Int, workers: Int) {
        self.ready = ready
        self.tenants = tenants
        self.oldest = oldest
        self.held = held
        self.due = due
        self.dead = dead
        self.workers = workers
    }
}

extension Store {
    public func queueStats() async throws(StoreError) -> QueueStats {
        let (_, values) = try await run(
            QueueScripts.stats,
            [keys.ring, keys.leases, keys.due, keys.dead, keys.workers],
            [RedisArgument(keys.ready("")), 30_000]
        )
        let numbers = values.map { Int($0.int ?? 0) }
        guard numbers.count == 7 else { throw .unexpected(.array(values), of: "stats") }
        return QueueStats(
            ready: numbers[0],
            tenants: numbers[1],
            oldest: .milliseconds(numbers[2]),
            held: numbers[3],
            due: numbers[4],
            dead: numbers[5],
            workers: numbers[6]
        )
    }
}
