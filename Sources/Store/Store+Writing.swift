internal import Logging
internal import Messages
internal import Redis

/// What ``RunLog`` writes. Each call can be repeated safely, and is, while Redis is away.
extension Store {
    /// - Returns: what was said to the run beyond the `inputs` that its writer has already.
    func write(
        _ events: [Event],
        journal: [String],
        memory: String?,
        batch: Int,
        inputs: Int,
        for run: ClaimedRun,
        patience: Duration
    ) async throws -> [String] {
        var arguments: [RedisArgument] = [
            RedisArgument(Int64(run.attempt)), RedisArgument(batch), RedisArgument(inputs), RedisArgument(memory ?? ""),
            RedisArgument(events.count),
        ]
        arguments += events.map { RedisArgument($0.serialized()) } + journal.map { RedisArgument($0) }
        let (_, values) = try await repeatedly(WorkerScripts.write, arguments, for: run, patience: patience)
        return (values.first?.array ?? []).compactMap(\.string)
    }

    func finish(_ end: RunEnd, events: [Event], for run: ClaimedRun, patience: Duration) async throws {
        var fields: [(String, RedisArgument)] = [
            ("status", RedisArgument(end.status.rawValue)), ("text", RedisArgument(end.text)),
            ("input_tokens", RedisArgument(Int64(clamping: end.usage.inputTokens))),
            ("output_tokens", RedisArgument(Int64(clamping: end.usage.outputTokens))),
            ("cache_read_tokens", RedisArgument(Int64(clamping: end.usage.cacheReadTokens))),
            ("cache_write_tokens", RedisArgument(Int64(clamping: end.usage.cacheWriteTokens))),
        ]
        if !end.model.isEmpty { fields.append(("model", RedisArgument(end.model))) }
        if !end.reason.isEmpty { fields.append(("reason", RedisArgument(end.reason))) }
        if let error = end.error {
            fields += [("error_code", RedisArgument(error.code)), ("error_message", RedisArgument(error.message))]
        }
        var arguments: [RedisArgument] = [
            RedisArgument(Int64(run.attempt)), RedisArgument(end.memory ?? ""), RedisArgument(Int.max),
            RedisArgument(fields.count), RedisArgument(events.count),
        ]
        arguments += fields.flatMap { [RedisArgument($0), $1] }
        arguments += events.map { RedisArgument($0.serialized()) } + end.messages.map { RedisArgument($0) }
        let (_, values) = try await repeatedly(WorkerScripts.finish, arguments, for: run, patience: patience)
        try await settle(run.entry, of: run.worker, QueueChange(values))
    }

    func release(_ run: ClaimedRun) async throws {
        let (outcome, values) = try await self.run(
            WorkerScripts.requeue,
            threadKeys(run.threadID),
            runArguments(run.threadID, run.runID) + [
                RedisArgument(Int64(run.attempt)), "shutdown", "0", "0", "", "", "0",
            ]
        )
        guard outcome == "ok" else { throw StoreError.stale(run) }
        try await settle(run.entry, of: run.worker, QueueChange(values))
    }

    /// Repeats a write until Redis has answered it; the scripts recognize one that they have seen.
    private func repeatedly(
        _ script: RedisScript,
        _ arguments: [RedisArgument],
        for run: ClaimedRun,
        patience: Duration
    ) async throws -> (outcome: String, values: [RESPValue]) {
        let keys = threadKeys(run.threadID)
        let arguments = runArguments(run.threadID, run.runID) + arguments
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        var pause = Duration.milliseconds(50)
        while true {
            do {
                let (outcome, values) = try await self.run(script, keys, arguments)
                guard outcome != "stale" else { throw StoreError.stale(run) }
                return (outcome, values)
            } catch let error as StoreError where error.code == .unavailable && clock.now < deadline {
                logger.warning("a write is repeated", metadata: ["script": "\(script.name)", "error": "\(error)"])
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(1))
            }
        }
    }
}

extension StoreError {
    static func stale(_ run: ClaimedRun) -> StoreError {
        StoreError(.stale, "attempt \(run.attempt) of run \(run.runID) is over: another worker has it, or it has ended")
    }
}
