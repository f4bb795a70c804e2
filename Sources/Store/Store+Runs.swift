public import Messages
internal import Redis

extension Store {
    /// Accepts a run: record, idempotency key and first event are stored together, the queue entry follows in the same write. If it is
    /// lost on the way, a sweeper makes it good.
    ///
    /// - Parameter tenant: who is to pay for it with its place in the queue, and whose idempotency keys count.
    /// - Returns: the run, and whether it is the one of an earlier request under the same idempotency key.
    /// - Throws: `.notFound`, `.conflict` (idempotency key of another request), `.exhausted` (too many runs wait), `.unavailable`.
    public func execute(
        _ request: ExecuteRunRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> (run: Run, isReplay: Bool) {
        let thread = request.threadID
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        let id = Self.makeID()
        let key = request.idempotencyKey
        let (outcome, values) = try await announcing(
            QueueEntry(thread: thread, run: id, tenant: tenant),
            RunScripts.execute,
            threadKeys(thread) + [keys.idempotency(thread, "execute", tenant, key)],
            runArguments(thread, id) + [
                RedisArgument(keys.control), RedisArgument(tenant), RedisArgument(request.task),
                RedisArgument(request.model), "", RedisArgument(Self.pendingLimit),
                key.isEmpty ? "" : RedisArgument(request.serialized()), RedisArgument(Self.idempotencySeconds), "0", "",
            ]
        )
        switch outcome {
        case "ok", "waiting":
            let run = Run(
                runID: id,
                threadID: thread,
                status: "queued",
                task: request.task,
                model: request.model,
                createdAt: Self.now
            )
            return (run, false)
        case "replayed": return (try await self.run(thread, values.first?.string ?? ""), true)
        case "missing": throw .threadNotFound(thread)
        case "mismatch": throw .keyReused(key)
        case "full":
            throw StoreError(.exhausted, "\(Self.pendingLimit) runs wait on thread \(thread) already")
        default: throw .unexpected(.simple(outcome), of: "execute")
        }
    }

    /// - Throws: `.notFound`, `.unavailable`.
    public func run(_ thread: String, _ id: String) async throws(StoreError) -> Run {
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        guard id.isIdentifier else { throw .runNotFound(id) }
        let fields = hash(try await send(RedisCommand("HGETALL", RedisArgument(keys.run(thread, id)))))
        guard fields.isEmpty else { return makeRun(thread, id, fields) }
        _ = try await self.thread(thread)
        throw .runNotFound(id)
    }

    /// Where a run's events lie in the log. - Throws: `.notFound`, `.unavailable`.
    public func extent(ofRun id: String, on thread: String) async throws(StoreError) -> RunExtent {
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        guard id.isIdentifier else { throw .runNotFound(id) }
        // In this order: a run that has no end in the second answer ends after the place that the first one names.
        let replies = await redis.send(
            batch: [
                RedisCommand("HGET", RedisArgument(keys.metadata(thread)), "last_id"),
                RedisCommand("HMGET", RedisArgument(keys.run(thread, id)), "cursor", "final_id", "ahead"),
            ]
        )
        let newest: RESPValue
        let run: RESPValue
        do { (newest, run) = (try replies[0].get(), try replies[1].get()) } catch { throw StoreError(error) }
        guard let last = newest.string.flatMap({ EventID($0) }) else { throw .threadNotFound(thread) }
        guard let values = run.array, values.count == 3, let start = values[0].string.flatMap({ EventID($0) }) else {
            throw .runNotFound(id)
        }
        return RunExtent(
            start: start,
            end: values[1].string.flatMap { EventID($0) },
            newest: last,
            ahead: values[2].string.flatMap { Int($0) } ?? 0
        )
    }

    /// A page of a thread's runs, newest first.
    public func runs(_ request: ListRunsRequest) async throws(StoreError) -> ListRunsResponse {
        let size = try Self.pageSize(request.pageSize)
        _ = try await thread(request.threadID)
        // The token is the place of the page's first run, counted from the oldest: it stays the same as runs are added.
        var last = -1
        if !request.pageToken.isEmpty {
            guard let place = Int(request.pageToken), place >= 0 else { throw .pageToken }
            last = place
        }
        let list = RedisArgument(keys.runs(request.threadID))
        if last < 0 { last = Int(try await send(RedisCommand("LLEN", list)).int ?? 0) - 1 }
        let first = max(0, last - size + 1)
        guard last >= 0 else { return ListRunsResponse() }
        let range = try await send(RedisCommand("LRANGE", list, RedisArgument(first), RedisArgument(last)))
        let ids = (range.array ?? []).compactMap(\.string).reversed()
        var runs: [Run] = []
        let commands = ids.map { RedisCommand("HGETALL", RedisArgument(keys.run(request.threadID, $0))) }
        for (id, reply) in zip(ids, await redis.send(batch: commands)) {
            switch reply {
            case .success(let value): runs.append(makeRun(request.threadID, id, hash(value)))
            case .failure(let error): throw StoreError(error)
            }
        }
        return ListRunsResponse(runs: runs, nextPageToken: first > 0 ? String(first - 1) : "")
    }

    /// Ends a queued run at once, asks the worker of a running one to stop; a run that has ended is left alone.
    ///
    /// - Returns: the run as it is then.
    /// - Throws: `.notFound`, `.unavailable`.
    public func cancel(_ thread: String, _ id: String) async throws(StoreError) -> Run {
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        guard id.isIdentifier else { throw .runNotFound(id) }
        let (_, values) = try await run(
            RunScripts.cancel,
            threadKeys(thread),
            runArguments(thread, id) + [RedisArgument(keys.control)]
        )
        let entry = QueueEntry(thread: thread, run: id, tenant: "")
        let change = QueueChange(values)
        if change != QueueChange() { try await settle("", in: keys.due, entry, change) }
        return try await run(thread, id)
    }

    private func makeRun(_ thread: String, _ id: String, _ fields: [String: String]) -> Run {
        func number<I: FixedWidthInteger>(_ name: String) -> I { fields[name].flatMap { I($0) } ?? 0 }
        return Run(
            runID: id,
            threadID: thread,
            status: fields["status"] ?? "",
            task: fields["task"] ?? "",
            model: fields["model"] ?? "",
            attempt: number("attempt"),
            createdAt: number("created_at"),
            startedAt: number("started_at"),
            endedAt: number("ended_at"),
            usage: fields["input_tokens"] == nil
                ? nil
                : Usage(
                    inputTokens: number("input_tokens"),
                    outputTokens: number("output_tokens"),
                    cacheReadTokens: number("cache_read_tokens"),
                    cacheWriteTokens: number("cache_write_tokens")
                ),
            error: fields["error_code"].map { Failure(code: $0, message: fields["error_message"] ?? "") },
            reason: fields["reason"] ?? "",
            text: fields["text"] ?? ""
        )
    }
}

/// The part of a thread's log in which a run's events lie.
public struct RunExtent: Sendable {
    /// The place before the run's first event.
    public let start: EventID
    /// The run's last event, once it has ended.
    public let end: EventID?
    /// A place in the log, the newest when this was read, that is before the run's last event if ``end`` is nil.
    public let newest: EventID
    /// How many runs of the thread came before this one at ``start``.
    public let ahead: Int
}

extension Event {
    /// The one event of a run that is final.
    static func terminal(
        _ thread: String,
        _ run: String,
        status: String,
        reason: String = "",
        error: Failure? = nil,
        usage: Usage? = nil
    ) -> Event {
        Event(
            threadID: thread,
            runID: run,
            type: "run_\(status)",
            time: Store.now,
            final: true,
            payload: .run(RunUpdate(status: status, reason: reason, error: error, usage: usage))
        )
    }
}
