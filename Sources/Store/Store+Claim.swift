internal import Messages
internal import Redis

/// A run that a worker has taken up: what it needs to carry it out or to go on with it.
public struct ClaimedRun: Sendable {
    public let entry: QueueEntry
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

extension ClaimedRun {
    /// The first attempt of a run that was accepted just now.
    init(_ entry: QueueEntry, _ request: ExecuteRunRequest, messages: RESPValue, memory: RESPValue) {
        self.entry = entry
        attempt = 1
        task = request.task
        model = request.model
        failures = 0
        elapsed = .zero
        self.messages = (messages.array ?? []).compactMap(\.string)
        journal = []
        self.memory = memory.string ?? ""
        inputs = []
        answers = [:]
    }

    fileprivate init(_ entry: QueueEntry, _ values: [RESPValue]) {
        self.entry = entry
        attempt = UInt32(clamping: values[0].int ?? 0)
        task = values[1].string ?? ""
        model = values[2].string ?? ""
        failures = Int(values[3].int ?? 0)
        elapsed = .milliseconds(values[4].int ?? 0)
        messages = (values[5].array ?? []).compactMap(\.string)
        journal = (values[6].array ?? []).compactMap(\.string)
        memory = values[7].string ?? ""
        inputs = (values[8].array ?? []).compactMap(\.string)
        answers = Store.hash(values[9])
    }
}

extension Store {
    /// How often a run is found in yet another's hands before it is left to them.
    private static let claimCount = 4

    /// Takes a run up for the worker that holds the entry.
    ///
    /// A run that was lost is taken only from the lease that was lost. If it is in the hands of another lease, that one is lost too unless the queue
    /// has it: an entry may be in the queue twice, and a worker that stood still after it had got one may come to claim it late.
    ///
    /// - Parameters:
    ///   - maxAttempts: a run that has lost so many workers is given up.
    ///   - patience: for how long the claim is repeated while Redis is away.
    /// - Returns: nil if there is nothing to do: the run has ended, or ended by this very call, or its turn has not come, or another
    ///   worker has it.
    public func claim(
        _ entry: QueueEntry,
        maxAttempts: Int,
        patience: Duration = .zero
    ) async throws -> ClaimedRun? {
        var lost = entry.lostLease
        for _ in 0..<Self.claimCount {
            let (outcome, values) = try await repeatedly("claim", patience: patience) { [lost] () throws(StoreError) in
                try await claim(entry, lost: lost, maxAttempts: maxAttempts)
            }
            switch outcome {
            case "ok" where values.count >= 10: return ClaimedRun(entry, values)
            case "held":
                let holder = holder(of: entry, values)
                lost = holder.lease
                guard try await !isHeld(holder) else {
                    try await letGo(of: entry)
                    return nil
                }
            default:
                try await repeatedly("settle", patience: patience) { () throws(StoreError) in
                    try await settle(entry, QueueChange(values))
                }
                return nil
            }
        }
        return nil
    }

    /// Who has a run in hand that is `held`, as `claim` answers.
    func holder(of entry: QueueEntry, _ values: [RESPValue]) -> QueueEntry {
        QueueEntry(
            thread: entry.thread,
            run: entry.run,
            tenant: values.dropFirst().first?.string ?? entry.tenant,
            lease: values.first?.string ?? "-"
        )
    }

    func isHeld(_ holder: QueueEntry) async throws(StoreError) -> Bool {
        try await !send(RedisCommand("ZSCORE", .key(keys.leases), RedisArgument(holder.holding))).isNull
    }

    /// - Parameter lost: the lease from which the run may be taken.
    func claim(
        _ entry: QueueEntry,
        lost: String,
        maxAttempts: Int
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        try await run(
            WorkerScripts.claim,
            entry.thread,
            entry.run,
            [RedisArgument(entry.lease), RedisArgument(lost), RedisArgument(maxAttempts), entry.wasLost ? "1" : "0"]
        )
    }

    // MARK: What all scripts about a thread's runs begin with, see RunPrelude

    func call(_ script: RedisScript, _ thread: String, _ run: String, _ arguments: [RedisArgument]) -> RedisCall {
        .script(script, keys: keys.scriptKeys(thread), arguments: runArguments(thread, run) + arguments)
    }

    /// - Parameter more: keys of the queue, where there is no cluster.
    func run(
        _ script: RedisScript,
        _ thread: String,
        _ run: String,
        _ arguments: [RedisArgument],
        and more: [String] = []
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        try await self.run(script, keys.scriptKeys(thread) + more, runArguments(thread, run) + arguments)
    }

    private func runArguments(_ thread: String, _ run: String) -> [RedisArgument] {
        [RedisArgument(thread), RedisArgument(run)]
    }
}
