public import Messages
internal import NIOCore
internal import Redis
internal import Synchronization

/// What an event tells, before it has a place in a log.
public struct EventContent: Sendable {
    public let type: String
    public let payload: Event.Payload

    public init(_ type: String, _ payload: Event.Payload) {
        self.type = type
        self.payload = payload
    }

    /// What the agent does.
    public static func progress(_ progress: AgentProgress.Progress) -> EventContent {
        EventContent("task_agent_execute", .taskAgentExecute(AgentProgress(progress: progress)))
    }
}

/// The writing end of one attempt of a run: its events, its journal, its end.
///
/// Made by the worker that holds the run's lease, and used by the tasks that carry the run out; a lock that is held for a moment and
/// never across a write guards what has gathered, so that a word of the model costs no change of tasks. Events are gathered while a
/// write is under way and for a while after it, so that a fast model costs one script call per while and not one per word; the first
/// after a silence waits a millisecond for what comes with it. Every write bears the attempt; once another attempt has begun, each call
/// throws `.stale` and nothing more is written.
public final class RunLog: Sendable {
    /// How long and how much is gathered.
    public struct Batching: Sendable {
        /// How long the first event after a silence waits: an answer that comes at once, to its end, is one write.
        public var moment: Duration
        /// How long the next ones wait, from the write before on.
        public var interval: Duration
        public var bytes: Int

        public init(
            moment: Duration = .milliseconds(1),
            interval: Duration = .milliseconds(15),
            bytes: Int = 16 * 1024
        ) {
            self.moment = moment
            self.interval = interval
            self.bytes = bytes
        }
    }

    /// How long a write is tried while Redis is away, before the run is given up by this worker.
    private static let patience = Duration.seconds(30)

    /// As ``patience``, where the process is about to end.
    private static let releasePatience = Duration.seconds(2)

    public let run: ClaimedRun
    private let store: Store
    private let batching: Batching
    private let state: Mutex<State>

    private struct State {
        var gathered = GatheredEvents()
        /// Writes of this attempt, counted.
        var batchCount = 0
        /// The write that is under way, or was given up for a cancelled task or an outage: nothing is known of it until it has been
        /// repeated.
        var unconfirmed: Batch?
        var inputs: [String]
        var isWriting = false
        var writersInLine: [CheckedContinuation<Void, Never>] = []

        /// Told when what has gathered could not be written; nil while it is written only when that is asked for.
        var onFailure: (@Sendable (any Error) -> Void)?
        /// Before that, what has gathered is not written unless that is asked for.
        var nextWrite = ContinuousClock.now
        var isTimerSet = false
        /// The write that the timer began.
        var timedWrite: Task<Void, Never>?

        /// How long it is until what has gathered is to be written, if no timer is set for that yet; now there is one.
        mutating func timeToSet(_ moment: Duration) -> Duration? {
            guard onFailure != nil, !gathered.isEmpty, !isTimerSet, timedWrite == nil else { return nil }
            isTimerSet = true
            return max(moment, nextWrite - .now)
        }
    }

    private struct Batch {
        /// By which a write that comes again is recognized.
        let number: Int
        let events: [Event]
        let journal: [String]
        let memory: String?
    }

    public init(run: ClaimedRun, store: Store, batching: Batching = Batching()) {
        self.run = run
        self.store = store
        self.batching = batching
        state = Mutex(State(inputs: run.inputs))
    }

    /// What was said to the run since it began, also by those who steer it while it goes on.
    public var inputs: [String] { state.withLock(\.inputs) }

    // MARK: Events

    /// Adds text of the model; what is not yet written is joined to one event.
    public func text(_ delta: String) async throws { try await add(delta, .text) }

    public func reasoning(_ delta: String) async throws { try await add(delta, .reasoning) }

    /// Adds what the agent does.
    public func progress(_ progress: AgentProgress.Progress) async throws {
        try await emit(.progress(progress))
    }

    public func emit(_ type: String, _ payload: Event.Payload) async throws {
        try await emit(EventContent(type, payload))
    }

    public func emit(_ content: EventContent) async throws {
        try await gather { $0.append(content, of: run) }
    }

    private func add(_ delta: String, _ kind: GatheredEvents.Passage.Kind) async throws {
        guard !delta.isEmpty else { return }
        try await gather { $0.append(delta, kind, of: run) }
    }

    /// Once too much has gathered, whoever adds to it waits for the write.
    private func gather(_ add: (inout GatheredEvents) -> Void) async throws {
        let (isTooMuch, wait) = state.withLock { state in
            add(&state.gathered)
            return (state.gathered.bytes >= batching.bytes, state.timeToSet(batching.moment))
        }
        if let wait { setTimer(wait) }
        if isTooMuch { try await flush() }
    }

    // MARK: Writing what has gathered

    /// From now on what gathers, and what has gathered, is written time and again, until ``rest()``.
    ///
    /// - Parameter onFailure: called once if that fails, after which nothing more is written so.
    public func writeInTime(onFailure: @escaping @Sendable (any Error) -> Void) {
        let wait = state.withLock { state in
            state.onFailure = onFailure
            return state.timeToSet(batching.moment)
        }
        if let wait { setTimer(wait) }
    }

    /// Ends what ``writeInTime(onFailure:)`` began; returns when nothing of it is under way any more.
    public func rest() async {
        let write = state.withLock { state in
            state.onFailure = nil
            return state.timedWrite
        }
        // One that Redis does not answer is given up, and made good by the next.
        write?.cancel()
        await write?.value
    }

    /// The timer goes off once, whatever becomes of the run meanwhile: that is at most ``Batching/interval`` later.
    private func setTimer(_ wait: Duration) {
        store.redis.anyLoop.scheduleTask(in: TimeAmount(wait)) { self.timeIsUp() }
    }

    private func timeIsUp() {
        state.withLock { state in
            state.isTimerSet = false
            // What comes while a write is under way sets the timer when that is done.
            guard state.onFailure != nil, !state.gathered.isEmpty, state.timedWrite == nil else { return }
            state.timedWrite = Task { await self.writeTimed() }
        }
    }

    private func writeTimed() async {
        var failure: (any Error)?
        do {
            try await flush()
        } catch is CancellationError {
            // Whoever rests does not wait for Redis.
        } catch {
            failure = error
        }
        if let wait = endTimedWrite(failed: failure != nil) { setTimer(wait) }
        if let failure { state.withLock { $0.onFailure.take() }?(failure) }
    }

    /// - Returns: how long it is until the next one.
    private func endTimedWrite(failed: Bool) -> Duration? {
        state.withLock { state in
            state.timedWrite = nil
            state.nextWrite = .now + batching.interval
            return failed ? nil : state.timeToSet(batching.moment)
        }
    }

    /// Writes what has gathered now.
    public func flush() async throws {
        try await record([], memory: nil)
    }

    /// Records what is completed, together with the events that tell of it: from then on no other attempt does it again.
    ///
    /// - Parameters:
    ///   - memory: the agent's memory if it has changed.
    ///   - news: events that nobody is to see unless the rest is recorded: all are one write.
    public func record(
        _ journal: [String],
        memory: String?,
        with news: [EventContent] = []
    ) async throws {
        await waitForTurn()
        defer { endTurn() }
        try await confirm()
        state.withLock { state in
            for content in news { state.gathered.append(content, of: run) }
            guard !state.gathered.isEmpty || !journal.isEmpty || memory != nil else { return }
            state.batchCount += 1
            let events = state.gathered.take(of: run)
            state.unconfirmed = Batch(number: state.batchCount, events: events, journal: journal, memory: memory)
        }
        try await confirm()
    }

    /// Writes the batch that there is, if there is one.
    private func confirm() async throws {
        let (unconfirmed, known) = state.withLock { ($0.unconfirmed, $0.inputs.count) }
        guard let batch = unconfirmed else { return }
        let inputs = try await store.write(
            batch.events,
            journal: batch.journal,
            memory: batch.memory,
            batch: batch.number,
            inputs: known,
            for: run,
            patience: Self.patience
        )
        state.withLock { state in
            state.inputs += inputs
            state.unconfirmed = nil
        }
    }

    /// The terminal transition, together with all that has gathered; nothing can be written after it.
    ///
    /// A run to which something was said that it has not heeded goes back to the queue instead, and on from its journal.
    public func finish(_ end: RunEnd) async throws {
        try await conclude { events in
            let last = Event.terminal(run, end)
            guard try await !store.finish(end, events: events + [last], for: run, patience: Self.patience) else {
                return true
            }
            let requeue = Requeue(word: "steered")
            return try await store.requeue(
                run,
                requeue,
                events: events,
                journal: end.journal,
                patience: Self.patience
            ) == .done
        }
    }

    /// Hands the run back to the queue, for a worker that goes on from the journal.
    public func release() async throws {
        try await conclude { events in
            let requeue = Requeue(word: "shutdown")
            return try await store.requeue(
                run,
                requeue,
                events: events,
                journal: [],
                patience: Self.releasePatience
            ) == .done
        }
    }

    /// Puts a run that has failed back into the queue, to be tried again after a while; ends it if it has failed too often.
    public func retry(_ end: RunEnd, after delay: Duration, maxFailures: Int) async throws {
        try await handBack(end) { events in
            let reason = Requeue(word: "retry", delay: delay, maxFailures: maxFailures, error: end.error)
            return try await store.requeue(run, reason, events: events, journal: [], patience: Self.patience)
        }
    }

    /// The run asks something: it waits for the answer without a worker, at most for so long.
    public func pause(_ end: RunEnd, for question: Question, limit: Duration) async throws {
        try await handBack(end) { events in
            try await store.pause(run, question, end, limit: limit, events: events, patience: Self.patience)
        }
    }

    /// Ends the run where it can go neither back nor on.
    private func handBack(_ end: RunEnd, _ attempt: ([Event]) async throws -> Handback) async throws {
        try await conclude { events in
            var end = end
            switch try await attempt(events) {
            case .done: return true
            case .exhausted: end.gaveUp = true
            case .cancelling(let reason): (end.status, end.reason, end.error) = (.cancelled, reason, nil)
            }
            return try await store.finish(
                end,
                events: events + [.terminal(run, end)],
                for: run,
                patience: Self.patience
            )
        }
    }

    /// The last write, with what has gathered. - Parameter write: false where the run is asked to stop just now; then it stays as it is
    /// until its lease is over.
    private func conclude(_ write: ([Event]) async throws -> Bool) async throws {
        await waitForTurn()
        defer { endTurn() }
        try await confirm()
        guard try await write(state.withLock { $0.gathered.take(of: run) }) else { throw StoreError.stale(run) }
    }

    /// One write at a time, in the order of the calls.
    private func waitForTurn() async {
        let isOurs = state.withLock { state in
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard !isOurs else { return }
        await withCheckedContinuation { continuation in
            let isOurs = state.withLock { state in
                if state.isWriting { state.writersInLine.append(continuation) }
                defer { state.isWriting = true }
                return !state.isWriting
            }
            if isOurs { continuation.resume() }
        }
    }

    private func endTurn() {
        let next = state.withLock { state in
            guard state.writersInLine.isEmpty else { return Optional(state.writersInLine.removeFirst()) }
            state.isWriting = false
            return nil
        }
        next?.resume()
    }
}
