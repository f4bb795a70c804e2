internal import Logging
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
    /// The time of what has only just been put down.
    static let announced: Int64 = 0

    /// Goes before a change by which something may become due.
    func announcement(of item: DueItem) -> RedisCall {
        due(item, at: Self.announced)
    }

    func due(_ item: DueItem, at time: Int64) -> RedisCall {
        .command(RedisCommand("ZADD", .key(keys.due), RedisArgument(time), RedisArgument(item.member)))
    }

    /// A change of a thread by which the run may become ready, and then the queue: all in one write. What was put into the queue for a run
    /// that has not become ready is taken out again.
    ///
    /// - Parameters:
    ///   - limit: how long the run may wait for a worker; zero: for ever.
    ///   - refused: when the run is to be looked at if the change was refused; nil for one that there is not then.
    ///   - script: of the thread's runs, with what it takes beside the thread and the run.
    func announcing(
        _ entry: QueueEntry,
        within limit: Duration = .zero,
        refused: Int64? = nil,
        _ script: RedisScript,
        _ arguments: [RedisArgument]
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        let push = RedisCall.script(
            QueueScripts.push,
            keys: [keys.ready(entry.tenant), keys.ring, keys.wake, keys.due],
            arguments: [RedisArgument(entry.name), RedisArgument(entry.tenant), RedisArgument(limit.milliseconds)]
        )
        let change = call(script, entry.thread, entry.run, arguments)
        let replies = try await announcing(.run(entry), change, then: push)
        let answer = try Self.outcome(replies[0], of: script)
        guard answer.outcome != "ok", let member = replies[1].array?.last?.string else { return answer }
        let isWaiting = answer.outcome == "waiting"
        await retract(member, entry, lookAt: isWaiting ? "-" : refused.map { RedisArgument($0) } ?? "")
        return answer
    }

    /// - Returns: the replies to the change and to what follows it.
    func announcing(
        _ item: DueItem,
        _ change: RedisCall,
        then follow: RedisCall
    ) async throws(StoreError) -> [RESPValue] {
        var values: [RESPValue] = []
        for reply in await redis.send(pipeline: [announcement(of: item), change, follow]) {
            do { values.append(try reply.get()) } catch { throw StoreError(error) }
        }
        return Array(values.dropFirst())
    }

    /// Takes a run out of the queue again. One that stays is taken up for nothing: whoever does so finds that out.
    private func retract(_ member: String, _ entry: QueueEntry, lookAt time: RedisArgument) async {
        do {
            _ = try await run(
                QueueScripts.retract,
                [keys.ready(entry.tenant), keys.ring, keys.due],
                [RedisArgument(member), RedisArgument(entry.tenant), RedisArgument(entry.name), time]
            )
        } catch {
            logger.debug("a run is in the queue for nothing", metadata: ["run": "\(entry.run)", "error": "\(error)"])
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
        guard values.count >= 2, let now = values[0].int, let wait = values[1].int else {
            throw .unexpected(.array(values), of: "sweep")
        }
        let items = values.dropFirst(2).compactMap { $0.string.flatMap { DueItem($0) } }
        // One that cannot be looked at, because its server is away, does not keep the others waiting.
        var failure: StoreError?
        for item in items {
            do throws(StoreError) {
                try await look(at: item, now)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        guard items.isEmpty else { return .zero }
        return wait < 0 ? interval : min(interval, max(.milliseconds(wait), .milliseconds(10)))
    }

    /// Finds out what is to become of what is due.
    private func look(at item: DueItem, _ now: Int64) async throws(StoreError) {
        var change = QueueChange()
        switch item {
        case .run(let entry): change = try await look(at: entry)
        case .schedule(let entry): change.again = try await fire(entry, now: now)
        }
        try await settle(item, seenAt: now + Int64(Self.sweepLease), change)
    }

    private func look(at entry: QueueEntry) async throws(StoreError) -> QueueChange {
        let (outcome, values) = try await claim(entry, lost: "", maxAttempts: .max)
        guard outcome == "held" else { return QueueChange(values) }
        // Somebody carries it out, or has been stopped after it was taken from him and nobody has it: then it is for the next worker.
        var change = QueueChange()
        let holder = holder(of: entry, values)
        if try await !isHeld(holder) { change.next = (holder.run, holder.tenant) }
        return change
    }
}
