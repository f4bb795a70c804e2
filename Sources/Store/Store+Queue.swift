internal import Messages
public import NIOCore
public import Redis

/// A place in the worker queue, as one worker holds it.
public struct QueueEntry: Sendable, Hashable {
    /// The id of the entry in the queue's stream.
    public let id: String
    public let thread: String
    public let run: String
}

/// A run that a worker has taken up: what it needs to carry it out or to go on with it.
public struct ClaimedRun: Sendable {
    public let entry: QueueEntry
    /// The fence: every write for the run bears it and is refused once another attempt has begun.
    public let attempt: UInt32
    public let task: String
    /// As it was asked for; empty for the default.
    public let model: String
    /// The thread's conversation before this run, in the words of whoever wrote it.
    public let messages: [String]
    /// What earlier attempts have recorded of this run.
    public let journal: [String]
    /// What the agent keeps between runs beside the conversation; empty on a new thread.
    public let memory: String

    public var threadID: String { entry.thread }
    public var runID: String { entry.run }
}

extension Store {
    /// A connection for ``next(for:count:wait:on:)``, which blocks: each worker needs one of its own.
    public func blockingConnection(on loop: any EventLoop) -> BlockingConnection {
        BlockingConnection(configuration: redis.configuration, loop: loop, logger: logger)
    }

    /// The next entries for a worker, waiting for the first of them.
    ///
    /// - Parameter connection: the worker's own.
    public func next(
        for worker: String,
        count: Int,
        wait: Duration,
        on connection: BlockingConnection
    ) async throws(StoreError) -> [QueueEntry] {
        let command = RedisCommand(
            "XREADGROUP",
            "GROUP",
            RedisArgument(Keys.group),
            RedisArgument(worker),
            "COUNT",
            RedisArgument(count),
            "BLOCK",
            RedisArgument(wait.milliseconds),
            "STREAMS",
            RedisArgument(keys.queue),
            ">"
        )
        let reply: RESPValue
        do {
            reply = try await connection.send(command, timeout: wait + .seconds(2))
        } catch  where error.prefix == "NOGROUP" {
            // The server has lost its data, or was changed for another: the group is made anew.
            try await prepare()
            return []
        } catch {
            throw StoreError(error)
        }
        return (reply.array?.first?.array?.last?.array ?? []).compactMap { QueueEntry(entry: $0) }
    }

    /// Entries whose worker has not renewed its lease: they are this worker's from now on.
    public func takeOver(for worker: String, lease: Duration, count: Int) async throws(StoreError) -> [QueueEntry] {
        let idle = RedisArgument(lease.milliseconds)
        let (queue, group) = (RedisArgument(keys.queue), RedisArgument(Keys.group))
        do {
            // All entries are looked at: XAUTOCLAIM would look at the oldest few and miss those behind a busy worker's.
            let expired = try await redis.send(
                RedisCommand("XPENDING", queue, group, "IDLE", idle, "-", "+", RedisArgument(count))
            )
            let ids = (expired.array ?? []).compactMap { $0.array?.first?.string }
            guard !ids.isEmpty else { return [] }
            // Of two workers that found the same entry one gets it: it is not idle any more for the other.
            let claimed = try await redis.send(
                RedisCommand("XCLAIM", [queue, group, RedisArgument(worker), idle] + ids.map { RedisArgument($0) })
            )
            return (claimed.array ?? []).compactMap { QueueEntry(entry: $0) }
        } catch  where error.prefix == "NOGROUP" {
            return []
        } catch {
            throw StoreError(error)
        }
    }

    /// Renews a worker's leases and says that it is alive.
    ///
    /// - Returns: the entries that are no longer its own.
    public func renew(_ entries: [QueueEntry], of worker: String) async throws(StoreError) -> [QueueEntry] {
        _ = try await send(
            RedisCommand("ZADD", RedisArgument(keys.workers), RedisArgument(Self.now), RedisArgument(worker))
        )
        guard !entries.isEmpty else { return [] }
        let reply: RESPValue
        do {
            reply = try await redis.run(
                RunScripts.renew,
                keys: [keys.queue],
                arguments: [RedisArgument(Keys.group), RedisArgument(worker)] + entries.map { RedisArgument($0.id) }
            )
        } catch {
            throw StoreError(error)
        }
        let lost = Set((reply.array ?? []).compactMap(\.string))
        return entries.filter { lost.contains($0.id) }
    }

    /// The runs out of these that someone has asked to cancel.
    public func cancelling(_ entries: [QueueEntry]) async throws(StoreError) -> [QueueEntry] {
        let replies = await redis.send(
            batch: entries.map { RedisCommand("HGET", RedisArgument(keys.run($0.thread, $0.run)), "status") }
        )
        var result: [QueueEntry] = []
        for (entry, reply) in zip(entries, replies) {
            switch reply {
            case .success(let status): if status.string == "cancelling" { result.append(entry) }
            case .failure(let error): throw StoreError(error)
            }
        }
        return result
    }

    /// Forgets a worker that stops, and its place in the consumer group if it holds nothing.
    public func forget(_ worker: String) async throws(StoreError) {
        _ = try await send(RedisCommand("ZREM", RedisArgument(keys.workers), RedisArgument(worker)))
        let held = try await send(
            RedisCommand(
                "XPENDING",
                RedisArgument(keys.queue),
                RedisArgument(Keys.group),
                "-",
                "+",
                "1",
                RedisArgument(worker)
            )
        )
        guard held.array?.isEmpty ?? true else { return }
        _ = try await send(
            RedisCommand(
                "XGROUP",
                "DELCONSUMER",
                RedisArgument(keys.queue),
                RedisArgument(Keys.group),
                RedisArgument(worker)
            )
        )
    }

    /// How many workers have been heard of within 30 seconds.
    public func workers() async throws(StoreError) -> Int {
        let command = RedisCommand("ZCOUNT", RedisArgument(keys.workers), RedisArgument(Self.now - 30_000), "+inf")
        return Int(try await send(command).int ?? 0)
    }

    /// Takes a run up for a worker.
    ///
    /// - Parameter maxAttempts: a run that has lost so many workers is given up.
    /// - Returns: nil if there is nothing to do: the run has ended, or ended by this very call.
    public func claim(_ entry: QueueEntry, for worker: String, maxAttempts: Int) async throws(StoreError) -> ClaimedRun?
    {
        let thread = entry.thread
        // Attempt and payload are the script's to add: only it knows which attempt this is.
        let started = Event(threadID: thread, runID: entry.run, type: "run_attempt_started", time: Self.now)
        let failure = Failure(code: "max_attempts", message: "the run lost its worker \(maxAttempts) times")
        let failed = Event.terminal(thread, entry.run, status: "failed", error: failure)
        let cancelled = Event.terminal(thread, entry.run, status: "cancelled", reason: "user")
        let (outcome, values) = try await run(
            RunScripts.claim,
            [
                keys.metadata(thread), keys.stream(thread), keys.run(thread, entry.run),
                keys.journal(thread, entry.run),
                keys.messages(thread), keys.memory(thread), keys.pending(thread), keys.queue, keys.dead,
            ],
            [
                RedisArgument(thread), RedisArgument(entry.run), RedisArgument(entry.id), RedisArgument(Keys.group),
                RedisArgument(worker), RedisArgument(keys.live(thread)), RedisArgument(maxAttempts),
                RedisArgument(keys.run(thread, "")), RedisArgument(started.serialized()),
                RedisArgument(failed.serialized()),
                RedisArgument(cancelled.serialized()),
            ]
        )
        guard outcome == "ok", values.count >= 6 else { return nil }
        return ClaimedRun(
            entry: entry,
            attempt: UInt32(clamping: values[0].int ?? 0),
            task: values[1].string ?? "",
            model: values[2].string ?? "",
            messages: (values[3].array ?? []).compactMap(\.string),
            journal: (values[4].array ?? []).compactMap(\.string),
            memory: values[5].string ?? ""
        )
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}

extension QueueEntry {
    init?(entry: RESPValue) {
        guard let parts = entry.array, parts.count == 2, let id = parts[0].string, let fields = parts[1].array,
            fields.count == 4, let thread = fields[1].string, let run = fields[3].string
        else { return nil }
        self.init(id: id, thread: thread, run: run)
    }
}
