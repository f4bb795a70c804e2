public import Messages
internal import Redis

/// Runs that were given up, because they lost their workers or failed as often as they may. The list holds names; the runs' records
/// say why.
extension Store {
    /// The newest of them. - Throws: `.invalid`, `.unavailable`.
    public func deadLetters(_ request: ListDeadLettersRequest) async throws(StoreError) -> ListDeadLettersResponse {
        let size = try Self.pageSize(request.pageSize)
        let dead = RedisArgument.key(keys.dead)
        let total = try await send(RedisCommand("ZCARD", dead))
        let range = RedisCommand("ZREVRANGE", dead, "0", RedisArgument(size - 1), "WITHSCORES")
        let flat = try await send(range).array ?? []
        var letters: [DeadLetter] = []
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let entry = flat[index].string.flatMap({ QueueEntry($0) }) else { continue }
            letters.append(
                DeadLetter(
                    threadID: entry.thread,
                    runID: entry.run,
                    tenant: entry.tenant,
                    time: flat[index + 1].int ?? 0,
                    error: try await reason(of: entry)
                )
            )
        }
        return ListDeadLettersResponse(deadLetters: letters, total: UInt32(clamping: total.int ?? 0))
    }

    /// Nil where the thread was deleted meanwhile.
    private func reason(of entry: QueueEntry) async throws(StoreError) -> Failure? {
        let run = RedisArgument.key(keys.run(entry.thread, entry.run))
        let fields = try await send(RedisCommand("HMGET", run, "error_code", "error_message")).array ?? []
        guard fields.count == 2, let code = fields[0].string else { return nil }
        return Failure(code: code, message: fields[1].string ?? "")
    }

    /// A new run with the task of one that was given up, which leaves the list. A repetition gives the same run.
    ///
    /// - Throws: `.notFound` when it is not in the list; as ``execute(_:tenant:)``.
    public func requeue(_ request: RequeueDeadLetterRequest) async throws(StoreError) -> Run {
        let dead = try await run(request.threadID, request.runID)
        let entry = QueueEntry(thread: request.threadID, run: request.runID, tenant: dead.tenant)
        let again = RetryRunRequest(
            threadID: entry.thread,
            runID: entry.run,
            idempotencyKey: "dead-letter-\(entry.run)"
        )
        let member = RedisArgument(entry.text)
        guard try await send(RedisCommand("ZSCORE", .key(keys.dead), member)).isNull == false else {
            throw StoreError(.notFound, "run \(entry.run) is not among the dead letters", field: "run_id")
        }
        let run = try await retry(again, tenant: dead.tenant).run
        _ = try await send(RedisCommand("ZREM", .key(keys.dead), member))
        return run
    }

    /// Empties the list; the runs' records stay. - Returns: how many there were.
    public func purgeDeadLetters() async throws(StoreError) -> Int {
        let dead = RedisArgument.key(keys.dead)
        // What is given up while this runs stays.
        guard let newest = try await send(RedisCommand("ZRANGE", dead, "-1", "-1", "WITHSCORES")).array?.last?.string
        else { return 0 }
        return Int(try await send(RedisCommand("ZREMRANGEBYSCORE", dead, "-inf", RedisArgument(newest))).int ?? 0)
    }
}
