internal import Redis

/// A run that a worker has taken up: what it needs to carry it out or to go on with it.
public struct ClaimedRun: Sendable {
    public let entry: QueueEntry
    public let worker: String
    /// The fence: every write for the run bears it and is refused once another attempt has begun.
    public let attempt: UInt32
    public let task: String
    /// As it was asked for; empty for the default.
    public let model: String
    /// How often the run has failed and was tried again.
    public let failures: Int
    /// How long ago the run was taken up first, without the time in which it waited for an answer.
    public let elapsed: Duration
    /// The thread's conversation before this run, in the words of whoever wrote it.
    public let messages: [String]
    /// What earlier attempts have recorded of this run.
    public let journal: [String]
    /// What the agent keeps between runs beside the conversation; empty on a new thread.
    public let memory: String
    /// What was said to the run while it went on.
    public let inputs: [String]
    /// Answers to the questions that the run has asked, by the question's id.
    public let answers: [String: String]

    public var threadID: String { entry.thread }
    public var runID: String { entry.run }
}

extension Store {
    /// Takes a run up for a worker.
    ///
    /// - Parameter maxAttempts: a run that has lost so many workers is given up.
    /// - Returns: nil if there is nothing to do: the run has ended, or ended by this very call, or its turn has not come.
    public func claim(_ entry: QueueEntry, for worker: String, maxAttempts: Int) async throws(StoreError) -> ClaimedRun?
    {
        let (outcome, values) = try await claim(entry, worker: worker, maxAttempts: maxAttempts)
        guard outcome == "ok", values.count >= 10 else {
            try await settle(entry, of: worker, QueueChange(values))
            return nil
        }
        return ClaimedRun(
            entry: entry,
            worker: worker,
            attempt: UInt32(clamping: values[0].int ?? 0),
            task: values[1].string ?? "",
            model: values[2].string ?? "",
            failures: Int(values[3].int ?? 0),
            elapsed: .milliseconds(values[4].int ?? 0),
            messages: (values[5].array ?? []).compactMap(\.string),
            journal: (values[6].array ?? []).compactMap(\.string),
            memory: values[7].string ?? "",
            inputs: (values[8].array ?? []).compactMap(\.string),
            answers: hash(values[9])
        )
    }

    func claim(
        _ entry: QueueEntry,
        worker: String,
        maxAttempts: Int
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        try await run(
            WorkerScripts.claim,
            threadKeys(entry.thread),
            runArguments(entry.thread, entry.run) + [
                RedisArgument(worker), entry.wasLost ? "1" : "0", RedisArgument(maxAttempts),
            ]
        )
    }

    // MARK: What all scripts about a thread's runs begin with, see RunPrelude

    func threadKeys(_ thread: String) -> [String] {
        [
            keys.metadata(thread), keys.stream(thread), keys.runs(thread), keys.pending(thread), keys.messages(thread),
            keys.memory(thread),
        ]
    }

    func runArguments(_ thread: String, _ run: String) -> [RedisArgument] {
        [
            RedisArgument(thread), RedisArgument(keys.live(thread)), RedisArgument(keys.run(thread, "")),
            RedisArgument(run),
        ]
    }
}
