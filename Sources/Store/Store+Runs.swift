internal import Digest
public import Messages
internal import NIOCore
internal import Redis
internal import Synchronization

extension Store {
    /// Accepts a run: record, idempotency key, first event and queue entry are stored together; where a ``NearbyWorker`` has room, it takes the
    /// run up in the same step. In a cluster the queue entry follows, and if it is lost on the way a sweeper makes it good.
    ///
    /// - Parameter tenant: who is to pay for it with its place in the queue, and whose idempotency keys count.
    /// - Returns: the run, which is the active one if the request has steered that; and whether it is the one of an earlier request
    ///   under the same idempotency key.
    /// - Throws: `.notFound`, `.busy` (another run is active and the request will not wait), `.conflict` (idempotency key of another
    ///   request), `.exhausted` (too many runs wait), `.unavailable`.
    public func execute(
        _ request: ExecuteRunRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> (run: Run, isReplay: Bool) {
        try await accept(request, tenant: tenant, method: "execute", fingerprint: request.serialized())
    }

    /// A new run with the task of one that has ended.
    ///
    /// - Throws: as ``execute(_:tenant:)``, and `.busy` when the run has not ended.
    public func retry(
        _ request: RetryRunRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> (run: Run, isReplay: Bool) {
        let old = try await run(request.threadID, request.runID)
        guard old.hasEnded else { throw StoreError(.busy, "run \(old.runID) is \(old.status): it has not ended") }
        let again = ExecuteRunRequest(
            threadID: old.threadID,
            task: old.task,
            model: old.model,
            idempotencyKey: request.idempotencyKey,
            webhook: old.webhook
        )
        return try await accept(
            again,
            tenant: tenant,
            method: "retry",
            fingerprint: request.serialized(),
            retryOf: old.runID
        )
    }

    /// - Parameters:
    ///   - method: the scope of the idempotency key.
    ///   - fingerprint: the bytes by which a request is known to be the same.
    ///   - isTold: whether the run is known to have a webhook, which may be its thread's. - Throws: `.exhausted` also where too many
    ///     webhooks are outstanding.
    func accept(
        _ request: ExecuteRunRequest,
        tenant: String,
        method: String,
        fingerprint: [UInt8],
        retryOf: String = "",
        isTold: Bool = false
    ) async throws(StoreError) -> (run: Run, isReplay: Bool) {
        let thread = request.threadID
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        try Tenant.check(tenant)
        let id = Self.makeID()
        let key = request.idempotencyKey
        let isTold = isTold || request.webhook != nil || webhooks.fallback != nil
        if isTold { try await expectWebhook(of: id, on: thread) }
        let (outcome, values) = try await submit(
            RunName(thread: thread, run: id, tenant: tenant),
            request,
            [
                RedisArgument(keys.control), RedisArgument(tenant), RedisArgument(request.task),
                RedisArgument(request.model), RedisArgument(request.onBusy), RedisArgument(Self.pendingLimit),
                key.isEmpty ? "" : RedisArgument(keys.idempotency(thread, method, tenant, key)),
                key.isEmpty ? "" : RedisArgument(SHA256.digest(fingerprint).hexadecimal),
                RedisArgument(Self.idempotencySeconds),
                RedisArgument(queueLimit.milliseconds), RedisArgument(retryOf),
                RedisArgument(request.webhook?.stored ?? ""), RedisArgument(webhooks.fallback?.stored ?? ""),
                isTold ? "1" : "",
                RedisArgument(Event.queued(id, request).serialized()),
            ]
        )
        let other = values.first?.string ?? ""
        if isTold, !["ok", "started", "waiting"].contains(outcome) { await forgetWebhook(of: id, on: thread) }
        if values.count > 1 { try await announceWebhooks(of: QueueChange.told(values[1].string ?? ""), on: thread) }
        switch outcome {
        case "ok", "started", "waiting":
            let run = Run(
                runID: id,
                threadID: thread,
                status: "queued",
                task: request.task,
                model: request.model,
                createdAt: Self.now,
                tenant: tenant,
                retryOf: retryOf,
                webhook: request.webhook
            )
            return (isTold ? try await self.run(thread, id) : run, false)
        case "expect":
            return try await accept(
                request,
                tenant: tenant,
                method: method,
                fingerprint: fingerprint,
                retryOf: retryOf,
                isTold: true
            )
        case "replayed": return (try await self.run(thread, other), true)
        case "steered": return (try await self.run(thread, other), false)
        case "busy": throw StoreError(.busy, "run \(other) is active on thread \(thread)")
        case "missing": throw .threadNotFound(thread)
        case "mismatch": throw .keyReused(key)
        case "full" where !other.isEmpty:
            throw StoreError(.exhausted, "run \(other) was told \(Self.pendingLimit) things already")
        case "full": throw StoreError(.exhausted, "\(Self.pendingLimit) runs wait on thread \(thread) already")
        default: throw .unexpected(.simple(outcome), of: "execute")
        }
    }

    /// To the worker of this process if it has room, else to the queue. - Parameter arguments: those of ``RunScripts/execute`` up to the lease.
    private func submit(
        _ name: RunName,
        _ request: ExecuteRunRequest,
        _ arguments: [RedisArgument]
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        guard !keys.cluster else {
            let entry = QueueEntry(thread: name.thread, run: name.run, tenant: name.tenant)
            return try await announcing(entry, within: queueLimit, RunScripts.execute, arguments + ["", 0, ""])
        }
        let worker = nearby.withLock { $0 }
        let lease = worker?.makeRoom(for: name)
        let answer: (outcome: String, values: [RESPValue])
        do {
            answer = try await run(
                RunScripts.execute,
                name.thread,
                name.run,
                arguments
                    + [
                        RedisArgument(lease?.entry.lease ?? ""), RedisArgument(lease?.length.milliseconds ?? 0),
                        lease == nil ? "" : RedisArgument(Event.started(name).serialized()),
                    ],
                and: [keys.leases, keys.due, keys.ready(name.tenant), keys.ring, keys.wake]
            )
        } catch {
            if let lease { worker?.giveUp(lease.entry, isCertain: !error.isInDoubt) }
            throw error
        }
        guard let worker, let lease else { return answer }
        if answer.outcome == "started", answer.values.count >= 4 {
            let (messages, memory) = (answer.values[2], answer.values[3])
            worker.start(lease.entry) { ClaimedRun(lease.entry, request, messages: messages, memory: memory) }
        } else {
            worker.giveUp(lease.entry, isCertain: true)
        }
        return answer
    }

    /// - Throws: `.notFound`, `.unavailable`.
    public func run(_ thread: String, _ id: String) async throws(StoreError) -> Run {
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        guard id.isIdentifier else { throw .runNotFound(id) }
        let record = try await send(RedisCommand("HGETALL", .key(keys.run(thread, id))))
        guard record.array?.isEmpty ?? true else { return makeRun(thread, id, record) }
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
                RedisCommand("HGET", .key(keys.metadata(thread)), "last_id"),
                RedisCommand("HMGET", .key(keys.run(thread, id)), "cursor", "final_id", "ahead"),
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
        let list = RedisArgument.key(keys.runs(request.threadID))
        if last < 0 { last = Int(try await send(RedisCommand("LLEN", list)).int ?? 0) - 1 }
        let first = max(0, last - size + 1)
        guard last >= 0 else { return ListRunsResponse() }
        let range = try await send(RedisCommand("LRANGE", list, RedisArgument(first), RedisArgument(last)))
        let ids = (range.array ?? []).compactMap(\.string).reversed()
        var runs: [Run] = []
        let commands = ids.map { RedisCommand("HGETALL", .key(keys.run(request.threadID, $0))) }
        for (id, reply) in zip(ids, await redis.send(batch: commands)) {
            switch reply {
            case .success(let value): runs.append(makeRun(request.threadID, id, value))
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
        // Put down first, so that a sweeper looks what follows if nobody comes to say so. Whose the run is does not matter for that.
        let item = DueItem.run(QueueEntry(thread: thread, run: id, tenant: Self.commonTenant))
        let cancel = call(RunScripts.cancel, thread, id, [RedisArgument(keys.control)])
        var values: [RESPValue] = []
        for reply in await redis.send(pipeline: [announcement(of: item), cancel]) {
            do { values.append(try reply.get()) } catch { throw StoreError(error) }
        }
        let change = QueueChange(try Self.outcome(values[1], of: RunScripts.cancel).values)
        try await settle(item, seenAt: Self.announced, change)
        return try await run(thread, id)
    }

    /// Answers what a run asks; it goes back to the queue.
    ///
    /// - Throws: `.notFound`; `.busy` when the run asks nothing, or something else; `.unavailable`.
    public func answer(_ request: AnswerRunRequest) async throws(StoreError) -> Run {
        let (thread, id) = (request.threadID, request.runID)
        let (outcome, values) = try await announcing(
            QueueEntry(thread: thread, run: id, tenant: try await run(thread, id).tenant),
            refused: 1,
            RunScripts.answer,
            [RedisArgument(request.callID), RedisArgument(request.text)]
        )
        let word = values.first?.string ?? ""
        switch outcome {
        case "ok": return try await run(thread, id)
        case "asks_nothing": throw StoreError(.busy, "run \(id) is \(word): it asks nothing")
        case "asks_other": throw StoreError(.busy, "the open question of run \(id) is \(word)", field: "call_id")
        default: throw .runNotFound(id)
        }
    }

    func makeRun(_ thread: String, _ id: String, _ record: RESPValue) -> Run {
        let fields = hash(record)
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
            text: fields["text"] ?? "",
            tenant: fields["tenant"] ?? "",
            retryOf: fields["retry_of"] ?? "",
            question: question(in: record),
            webhook: fields["webhook"].flatMap { Webhook(stored: $0) }
        )
    }
}

extension Store {
    private func question(in record: RESPValue) -> Question? {
        let flat = record.array ?? []
        guard let name = flat.indices.first(where: { $0 % 2 == 0 && flat[$0].string == "question" }),
            let bytes = flat[name + 1].bytes
        else { return nil }
        // Written by this room: what cannot be read was not.
        return try? Question(serialized: Array(bytes.readableBytesView))
    }
}

extension Event {
    fileprivate static func queued(_ id: String, _ request: ExecuteRunRequest) -> Event {
        Event(
            threadID: request.threadID,
            runID: id,
            type: "run_queued",
            time: Store.now,
            payload: .run(RunUpdate(status: "queued", task: request.task, model: request.model))
        )
    }

    /// Of the first attempt.
    fileprivate static func started(_ name: RunName) -> Event {
        Event(
            threadID: name.thread,
            runID: name.run,
            attempt: 1,
            type: "run_attempt_started",
            time: Store.now,
            payload: .run(RunUpdate(status: "running"))
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
