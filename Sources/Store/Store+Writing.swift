internal import Logging
internal import Messages
internal import Redis

/// What ``RunLog`` writes. Each call can be repeated safely, and is, while Redis is away.
extension Store {
    func write(
        _ events: [Event],
        journal: [String],
        memory: String?,
        batch: Int,
        for run: ClaimedRun,
        patience: Duration
    ) async throws {
        let thread = run.threadID
        var arguments: [RedisArgument] = [
            RedisArgument(Int64(run.attempt)), RedisArgument(batch), RedisArgument(keys.live(thread)),
            RedisArgument(memory ?? ""), RedisArgument(events.count),
        ]
        arguments += events.map { RedisArgument($0.serialized()) } + journal.map { RedisArgument($0) }
        try await repeatedly(
            RunScripts.write,
            [
                keys.metadata(thread), keys.stream(thread), keys.run(thread, run.runID),
                keys.journal(thread, run.runID),
                keys.memory(thread),
            ],
            arguments,
            for: run,
            patience: patience
        )
    }

    func finish(_ end: RunEnd, events: [Event], for run: ClaimedRun, patience: Duration) async throws {
        let thread = run.threadID
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
            RedisArgument(thread), RedisArgument(Int64(run.attempt)), RedisArgument(keys.live(thread)),
            RedisArgument(Keys.group), RedisArgument(keys.run(thread, "")), RedisArgument(end.memory ?? ""),
            RedisArgument(fields.count), RedisArgument(events.count),
        ]
        arguments += fields.flatMap { [RedisArgument($0), $1] }
        arguments += events.map { RedisArgument($0.serialized()) } + end.messages.map { RedisArgument($0) }
        try await repeatedly(
            RunScripts.finish,
            [
                keys.metadata(thread), keys.stream(thread), keys.run(thread, run.runID),
                keys.journal(thread, run.runID),
                keys.messages(thread), keys.memory(thread), keys.pending(thread), keys.queue,
            ],
            arguments,
            for: run,
            patience: patience
        )
    }

    func release(_ run: ClaimedRun) async throws {
        let thread = run.threadID
        let event = Event(
            threadID: thread,
            runID: run.runID,
            attempt: run.attempt,
            type: "run_queued",
            time: Self.now,
            payload: .run(RunUpdate(status: "queued", reason: "shutdown"))
        )
        let (outcome, _) = try await self.run(
            RunScripts.release,
            [keys.metadata(thread), keys.stream(thread), keys.run(thread, run.runID), keys.queue],
            [
                RedisArgument(thread), RedisArgument(run.runID), RedisArgument(Int64(run.attempt)),
                RedisArgument(keys.live(thread)), RedisArgument(Keys.group), RedisArgument(event.serialized()),
            ]
        )
        guard outcome == "ok" else { throw StoreError.stale(run) }
    }

    /// Repeats a write until Redis has answered it; the scripts recognize one that they have seen.
    private func repeatedly(
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [RedisArgument],
        for run: ClaimedRun,
        patience: Duration
    ) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        var pause = Duration.milliseconds(50)
        while true {
            do {
                let (outcome, _) = try await self.run(script, keys, arguments)
                guard outcome == "ok" else { throw StoreError.stale(run) }
                return
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
