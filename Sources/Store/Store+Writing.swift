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

    /// - Returns: false where something was said to the run that it has not heeded: then it has not ended.
    func finish(_ end: RunEnd, events: [Event], for run: ClaimedRun, patience: Duration) async throws -> Bool {
        let fields = end.fields(of: run)
        var arguments: [RedisArgument] = [
            RedisArgument(Int64(run.attempt)), RedisArgument(end.memory ?? ""), RedisArgument(end.inputs),
            RedisArgument(fields.count), RedisArgument(events.count), RedisArgument(end.status.rawValue),
            RedisArgument(run.entry.holding), RedisArgument(soon),
        ]
        arguments += fields.flatMap { [RedisArgument($0), $1] }
        arguments += events.map { RedisArgument($0.serialized()) } + end.messages.map { RedisArgument($0) }
        let (outcome, values) = try await repeatedly(
            WorkerScripts.finish,
            arguments,
            and: keys.cluster ? [] : [keys.leases, keys.sweep],
            for: run,
            patience: patience
        )
        switch outcome {
        case "settled": return true
        case "ok":
            await settle(run, QueueChange(values), patience: patience)
            await expectSweep(of: run.threadID)
            return true
        default: return false
        }
    }

    /// Puts the run back into the queue, at once or after a while.
    func requeue(
        _ run: ClaimedRun,
        _ reason: Requeue,
        events: [Event],
        journal: [String],
        patience: Duration
    ) async throws -> Handback {
        var arguments: [RedisArgument] = [
            RedisArgument(Int64(run.attempt)), RedisArgument(reason.word), RedisArgument(reason.delay.milliseconds),
            RedisArgument(reason.maxFailures), RedisArgument(reason.error?.code ?? ""),
            RedisArgument(reason.error?.message ?? ""), RedisArgument(events.count),
        ]
        arguments += events.map { RedisArgument($0.serialized()) } + journal.map { RedisArgument($0) }
        return try await handBack(run, WorkerScripts.requeue, arguments, patience: patience)
    }

    /// Lets the run wait for an answer, without a worker.
    func pause(
        _ run: ClaimedRun,
        _ question: Question,
        _ end: RunEnd,
        limit: Duration,
        events: [Event],
        patience: Duration
    ) async throws -> Handback {
        let fields = end.fields(of: run)
        var arguments: [RedisArgument] = [
            RedisArgument(Int64(run.attempt)), RedisArgument(limit.milliseconds), RedisArgument(question.serialized()),
            RedisArgument(question.callID), RedisArgument(fields.count), RedisArgument(events.count),
        ]
        arguments += fields.flatMap { [RedisArgument($0), $1] }
        arguments += events.map { RedisArgument($0.serialized()) } + end.messages.map { RedisArgument($0) }
        return try await handBack(run, WorkerScripts.pause, arguments, patience: patience)
    }

    private func handBack(
        _ run: ClaimedRun,
        _ script: RedisScript,
        _ arguments: [RedisArgument],
        patience: Duration
    ) async throws -> Handback {
        let (outcome, values) = try await repeatedly(script, arguments, for: run, patience: patience)
        switch outcome {
        case "ok":
            await settle(run, QueueChange(values), patience: patience)
            return .done
        case "exhausted": return .exhausted
        default: return .cancelling(values.first?.string ?? "user")
        }
    }

    /// The run's own part is stored: what the queue has not learned of it in time it learns when the lease is over, from whoever
    /// finds the run as it is then.
    private func settle(_ run: ClaimedRun, _ change: QueueChange, patience: Duration) async {
        do {
            try await repeatedly("settle", patience: patience) { () throws(StoreError) in
                try await settle(run.entry, change)
            }
        } catch {
            logger.warning("the queue learns late of a run", metadata: ["run": "\(run.runID)", "error": "\(error)"])
        }
    }

    /// A worker's write for its run.
    private func repeatedly(
        _ script: RedisScript,
        _ arguments: [RedisArgument],
        and keys: [String] = [],
        for run: ClaimedRun,
        patience: Duration
    ) async throws -> (outcome: String, values: [RESPValue]) {
        let answer = try await repeatedly(script.name, patience: patience) { () throws(StoreError) in
            try await self.run(script, run.threadID, run.runID, arguments, and: keys)
        }
        guard answer.outcome != "stale" else { throw StoreError.stale(run) }
        return answer
    }

    /// Repeats a step until Redis has answered it; only for steps of which one that comes again changes nothing more.
    func repeatedly<Answer>(
        _ name: String,
        patience: Duration,
        _ step: () async throws(StoreError) -> Answer
    ) async throws -> Answer {
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        var pause = Duration.milliseconds(50)
        while true {
            do throws(StoreError) {
                return try await step()
            } catch {
                guard error.code == .unavailable, clock.now < deadline else { throw error }
                logger.warning("a write is repeated", metadata: ["script": "\(name)", "error": "\(error)"])
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(1))
        }
    }
}

/// Why a run goes back to the queue before it is over.
struct Requeue: Sendable {
    /// `shutdown`, `retry`, `steered`.
    var word: String
    var delay = Duration.zero
    /// 0: this is no failure.
    var maxFailures = 0
    var error: Failure?
}

/// What has become of a run that its worker wanted to put out of its hands.
enum Handback: Sendable, Equatable {
    case done
    /// It has failed as often as it may.
    case exhausted
    /// It was asked to stop meanwhile, and why.
    case cancelling(String)
}

extension RunEnd {
    /// What the run's record gains, beside the state.
    fileprivate func fields(of run: ClaimedRun) -> [(String, RedisArgument)] {
        var fields: [(String, RedisArgument)] = [
            ("text", RedisArgument(text)),
            ("input_tokens", RedisArgument(Int64(clamping: usage.inputTokens))),
            ("output_tokens", RedisArgument(Int64(clamping: usage.outputTokens))),
        ]
        let cached = [("cache_read_tokens", usage.cacheReadTokens), ("cache_write_tokens", usage.cacheWriteTokens)]
        // An earlier attempt may have left other numbers.
        for (name, count) in cached where count > 0 || run.attempt > 1 {
            fields.append((name, RedisArgument(Int64(clamping: count))))
        }
        if !model.isEmpty, model != run.model { fields.append(("model", RedisArgument(model))) }
        if !reason.isEmpty { fields.append(("reason", RedisArgument(reason))) }
        if let error {
            fields += [("error_code", RedisArgument(error.code)), ("error_message", RedisArgument(error.message))]
        }
        if gaveUp { fields.append(("gave_up", "1")) }
        return fields
    }
}

extension StoreError {
    static func stale(_ run: ClaimedRun) -> StoreError {
        StoreError(.stale, "attempt \(run.attempt) of run \(run.runID) is over: another worker has it, or it has ended")
    }
}
