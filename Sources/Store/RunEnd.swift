public import Messages

/// What an attempt of a run has come to.
public struct RunEnd: Sendable {
    public enum Status: String, Sendable {
        case completed
        case failed
        case cancelled
        case timedOut = "timed_out"
        /// The run is not over: it asks something, see ``RunEnd/question``.
        case requiresAction = "requires_action"
    }

    public var status: Status
    /// Why it was cancelled.
    public var reason: String
    /// Why it failed.
    public var error: Failure?
    /// Whether another attempt may succeed, and how long it is to wait at least.
    public var retryAfter: Duration?
    /// Whether it has failed as often as it may, and goes to the dead letters.
    public var gaveUp = false
    public var question: Question?
    /// What was going on when it was stopped, and is gone.
    public var stopped: [String]
    public var usage: Usage
    /// The agent's last message.
    public var text: String
    /// `provider/model` as it was resolved.
    public var model: String
    /// What the thread's conversation gains.
    public var messages: [String]
    /// The agent's memory, if it has changed.
    public var memory: String?
    /// How much of what was said to the run it has heeded (``RunLog/inputs``). A completed run that has not heeded all goes on.
    public var inputs: Int
    /// What the run has completed and not recorded, because it was about to end; stored only if it goes on.
    public var journal: [String]

    public init(
        _ status: Status,
        reason: String = "",
        error: Failure? = nil,
        retryAfter: Duration? = nil,
        question: Question? = nil,
        stopped: [String] = [],
        usage: Usage = Usage(),
        text: String = "",
        model: String = "",
        messages: [String] = [],
        memory: String? = nil,
        inputs: Int = .max,
        journal: [String] = []
    ) {
        self.status = status
        self.reason = reason
        self.error = error
        self.retryAfter = retryAfter
        self.question = question
        self.stopped = stopped
        self.usage = usage
        self.text = text
        self.model = model
        self.messages = messages
        self.memory = memory
        self.inputs = inputs
        self.journal = journal
    }
}

extension Event {
    /// The one event of a run that is final.
    static func terminal(_ run: ClaimedRun, _ end: RunEnd) -> Event {
        Event(
            threadID: run.threadID,
            runID: run.runID,
            attempt: run.attempt,
            type: "run_\(end.status.rawValue)",
            time: Store.now,
            final: true,
            payload: .run(
                RunUpdate(
                    status: end.status.rawValue,
                    reason: end.reason,
                    error: end.error,
                    usage: end.usage,
                    stopped: end.stopped
                )
            )
        )
    }
}
