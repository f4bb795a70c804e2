internal import Redis

/// What is to be looked at when its time has come.
enum DueItem: Sendable, Hashable {
    /// A run that waits for its retry, for an answer, or at most so long for a worker; or one that was about to be put into the queue
    /// when whoever did so was last heard of.
    case run(QueueEntry)
    /// A schedule, whose id stands for the run's.
    case schedule(QueueEntry)

    var member: String {
        switch self {
        case .run(let entry): "run \(entry.text)"
        case .schedule(let entry): "schedule \(entry.text)"
        }
    }

    var entry: QueueEntry {
        switch self {
        case .run(let entry), .schedule(let entry): entry
        }
    }

    init?(_ member: String) {
        let parts = member.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let entry = QueueEntry(parts[1]) else { return nil }
        switch parts[0] {
        case "run": self = .run(entry)
        case "schedule": self = .schedule(entry)
        default: return nil
        }
    }
}

/// Changes of a thread and of the queue that belong together, though no script may touch both: what is to follow is put down first
/// (``announcement(of:)``), so that a sweeper makes good what was not followed up.
extension Store {
    /// Goes before a change by which something may become due. The score 0 says that it has only just been put down.
    func announcement(of item: DueItem) -> RedisCall {
        .command(RedisCommand("ZADD", .key(keys.due), "0", RedisArgument(item.member)))
    }

    func due(_ item: DueItem, at time: Int64) -> RedisCall {
        .command(RedisCommand("ZADD", .key(keys.due), RedisArgument(time), RedisArgument(item.member)))
    }

    private func push(_ entry: QueueEntry) -> RedisCall {
        .script(
            QueueScripts.push,
            keys: [keys.ready(entry.tenant), keys.ring, keys.wake, keys.due],
            arguments: [RedisArgument(entry.name), RedisArgument(entry.tenant)]
        )
    }

    /// A change of a thread by which the run may become ready, and then the queue: all in one write. A run that has not become
    /// ready is in the queue for nothing; whoever takes it up finds that out.
    func announcing(
        _ entry: QueueEntry,
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [RedisArgument]
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        let change = RedisCall.script(script, keys: keys, arguments: arguments)
        return try await announcing(.run(entry), change, then: push(entry), of: script)
    }

    func announcing(
        _ item: DueItem,
        _ change: RedisCall,
        then follow: RedisCall,
        of script: RedisScript
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        let replies = await redis.send(pipeline: [announcement(of: item), change, follow])
        var values: [RESPValue] = []
        for reply in replies {
            switch reply {
            case .success(let value): values.append(value)
            case .failure(let error): throw StoreError(error)
            }
        }
        return try Self.outcome(values[1], of: script)
    }

    /// Looks after what is due: puts runs into the queue that should be there, ends those whose time is over, forgets workers that have
    /// not been heard of for a minute. Any number of processes may do so; each item is seen by one of them.
    ///
    /// - Returns: when to look again, at the latest after `interval`.
    public func sweep(every interval: Duration) async throws(StoreError) -> Duration {
        let (_, values) = try await run(
            QueueScripts.sweep,
            [keys.due, keys.workers],
            [100, RedisArgument(Self.sweepLease), 60_000]
        )
        guard values.count >= 2, let now = values[0].int, let wait = values[1].int else {
            throw .unexpected(.array(values), of: "sweep")
        }
        let items = values.dropFirst(2).compactMap { $0.string.flatMap { DueItem($0) } }
        for item in items {
            switch item {
            case .run(let entry): try await look(at: entry)
            case .schedule(let entry):
                var change = QueueChange()
                change.again = try await fire(entry, now: now)
                try await settle(item, change)
            }
        }
        guard items.isEmpty else { return .zero }
        return wait < 0 ? interval : min(interval, max(.milliseconds(wait), .milliseconds(10)))
    }

    /// Finds out what is to become of a run whose time has come.
    private func look(at entry: QueueEntry) async throws(StoreError) {
        let (_, values) = try await claim(entry, lost: "", maxAttempts: .max)
        try await settle(.run(entry), QueueChange(values))
    }
}
