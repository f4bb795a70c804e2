internal import Redis

/// What is to be looked at when its time has come.
enum DueItem: Sendable, Hashable {
    /// A run that waits for its retry, for an answer, or at most so long for a worker; or one that was about to be put into the queue
    /// when whoever did so was last heard of.
    case run(QueueEntry)

    var member: String {
        switch self {
        case .run(let entry): "run \(entry.text)"
        }
    }

    init?(_ member: String) {
        let parts = member.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0] == "run", let entry = QueueEntry(parts[1]) else { return nil }
        self = .run(entry)
    }
}

/// Changes of a thread and of the queue that belong together, though no script may touch both: what is to follow is put down first
/// (``announcement(of:)``), so that a sweeper makes good what was not followed up.
extension Store {
    /// Goes before a change by which a run may become ready. The score 0 says that it has only just been put down.
    func announcement(of entry: QueueEntry) -> RedisCall {
        .command(RedisCommand("ZADD", RedisArgument(keys.due), "0", RedisArgument(DueItem.run(entry).member)))
    }

    func push(_ entry: QueueEntry) -> RedisCall {
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
        let replies = await redis.send(pipeline: [announcement(of: entry), change, push(entry)])
        do {
            for reply in replies { _ = try reply.get() }
            return try Self.outcome(try replies[1].get(), of: script)
        } catch let error as StoreError {
            throw error
        } catch let error as RedisError {
            throw StoreError(error)
        } catch {
            throw StoreError(.internal, "\(error)")
        }
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
        let items = values.dropFirst().compactMap { $0.string.flatMap { DueItem($0) } }
        for item in items {
            switch item {
            case .run(let entry): try await look(at: entry)
            }
        }
        guard items.isEmpty, let wait = values.first?.int, wait >= 0 else { return items.isEmpty ? interval : .zero }
        return min(interval, max(.milliseconds(wait), .milliseconds(10)))
    }

    /// Finds out what is to become of a run whose time has come.
    private func look(at entry: QueueEntry) async throws(StoreError) {
        let (_, values) = try await claim(entry, worker: "", maxAttempts: .max)
        try await settle(DueItem.run(entry).member, in: keys.due, entry, QueueChange(values))
    }
}
