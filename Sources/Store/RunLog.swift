public import Messages
internal import Redis

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
/// Owned by the worker that holds the run's lease. Events are gathered while a write is under way and for a while after it, so that
/// a fast model costs one script call per while and not one per word; the first after a silence waits a millisecond for what comes
/// with it. Every write bears the attempt; once another attempt has begun, each call throws `.stale` and nothing more is written.
public actor RunLog {
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

    /// What an event takes beside its text, about.
    private static let eventBytes = 128

    public nonisolated let run: ClaimedRun
    private let store: Store
    private let batching: Batching

    private var pending: [Event] = []
    /// What the model is saying, until it is an event: behind all that is pending.
    private var passage: Passage?
    private var pendingBytes = 0
    /// Writes of this attempt, counted.
    private var batchCount = 0
    /// The write that is under way, or was given up for a cancelled task or an outage: nothing is known of it until it has been repeated.
    private var unconfirmed: Batch?
    /// What was said to the run since it began, also by those who steer it while it goes on.
    public private(set) var inputs: [String]
    private var isWriting = false
    private var writersInLine: [CheckedContinuation<Void, Never>] = []
    /// Tells ``gather()`` that there is something; holds at most one signal.
    private let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Text of one kind, to which the model adds word by word.
    private struct Passage {
        enum Kind {
            case text, reasoning
        }

        let kind: Kind
        /// When its first word came.
        let time: Int64
        var text: String

        var progress: AgentProgress {
            switch kind {
            case .text: AgentProgress(progress: .textDelta(TextDelta(text: text)))
            case .reasoning: AgentProgress(progress: .reasoningDelta(TextDelta(text: text)))
            }
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
        inputs = run.inputs
    }

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
        append(makeEvent(content.type, content.payload))
        try await relieve()
    }

    private func add(_ delta: String, _ kind: Passage.Kind) async throws {
        guard !delta.isEmpty else { return }
        if passage?.kind == kind {
            passage?.text.append(delta)
        } else {
            endPassage()
            passage = Passage(kind: kind, time: Store.now, text: delta)
            pendingBytes += Self.eventBytes
            signal.yield()
        }
        pendingBytes += delta.utf8.count
        try await relieve()
    }

    /// What the model says next begins another event.
    private func endPassage() {
        guard let passage = passage.take() else { return }
        pending.append(makeEvent("task_agent_execute", .taskAgentExecute(passage.progress), time: passage.time))
    }

    private func append(_ event: Event) {
        endPassage()
        pending.append(event)
        pendingBytes += Self.eventBytes
        signal.yield()
    }

    /// Once too much has gathered, whoever adds to it waits for the write.
    private func relieve() async throws {
        if pendingBytes >= batching.bytes { try await flush() }
    }

    private func makeEvent(_ type: String, _ payload: Event.Payload, time: Int64 = Store.now) -> Event {
        Event(
            threadID: run.threadID,
            runID: run.runID,
            attempt: run.attempt,
            type: type,
            time: time,
            payload: payload
        )
    }

    // MARK: Writing

    /// Writes what has gathered, time and again, until the run has ended; a child task of whoever carries the run out.
    public func gather() async throws {
        var next = ContinuousClock.now
        for await _ in signals {
            try await Task.sleep(until: max(.now + batching.moment, next))
            try await flush()
            next = .now + batching.interval
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
        endPassage()
        pending += news.map { makeEvent($0.type, $0.payload) }
        guard !pending.isEmpty || !journal.isEmpty || memory != nil else { return }
        batchCount += 1
        unconfirmed = Batch(number: batchCount, events: takePending(), journal: journal, memory: memory)
        try await confirm()
    }

    private func confirm() async throws {
        guard let batch = unconfirmed else { return }
        inputs += try await store.write(
            batch.events,
            journal: batch.journal,
            memory: batch.memory,
            batch: batch.number,
            inputs: inputs.count,
            for: run,
            patience: Self.patience
        )
        unconfirmed = nil
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
        guard try await write(takePending()) else { throw StoreError.stale(run) }
        close()
    }

    private func close() {
        (pending, passage) = ([], nil)
        signal.finish()
    }

    private func takePending() -> [Event] {
        endPassage()
        defer {
            pending = []
            pendingBytes = 0
        }
        return pending
    }

    /// One write at a time, in the order of the calls.
    private func waitForTurn() async {
        if isWriting {
            await withCheckedContinuation { writersInLine.append($0) }
        } else {
            isWriting = true
        }
    }

    private func endTurn() {
        if writersInLine.isEmpty {
            isWriting = false
        } else {
            writersInLine.removeFirst().resume()
        }
    }
}
