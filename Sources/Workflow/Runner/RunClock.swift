internal import Synchronization

/// The time that a run has, and that each step of its agent has. The agent says when a step begins.
final class RunClock: Sendable {
    enum Limit: Sendable {
        case run, step
    }

    private struct State {
        var step: AlarmClock.Alarm?
        /// When the step's time is over: an alarm of the one before may be under way.
        var stepEnd: ContinuousClock.Instant?
        /// The first one that was over.
        var over: Limit?
        var isDone = false
        var stop: @Sendable () -> Void = {}
    }

    private let stepLimit: Duration
    private let alarms: AlarmClock
    private let state = Mutex(State())

    init(stepLimit: Duration, alarms: AlarmClock = .shared) {
        self.stepLimit = stepLimit
        self.alarms = alarms
    }

    /// A step begins: the time of the one before is forgotten.
    func begin() {
        state.withLock { state in
            guard !state.isDone else { return }
            state.step.map(alarms.cancel)
            let end = ContinuousClock.now + stepLimit
            (state.step, state.stepEnd) = (alarms.set(end) { self.expire(.step) }, end)
        }
    }

    /// Carries work out and cancels it when a limit is over; returns when it has come to rest.
    ///
    /// - Returns: what it came to, and the limit that was over before.
    func limit<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value,
        to end: ContinuousClock.Instant
    ) async throws -> (Value, over: Limit?) {
        // A task is not born cancelled as a child of this one would be. It begins at once, on this thread.
        let isCancelled = Task.isCancelled
        let task = Task.immediate {
            if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
            return try await work()
        }
        let isOver = state.withLock { state in
            state.stop = { task.cancel() }
            return state.over != nil
        }
        if isOver { task.cancel() }
        let alarm = alarms.set(end) { self.expire(.run) }
        begin()
        defer { finish(alarm) }
        let value = try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
        return (value, state.withLock(\.over))
    }

    private func expire(_ limit: Limit) {
        let stop: (@Sendable () -> Void)? = state.withLock { state in
            guard !state.isDone, state.over == nil else { return nil }
            if limit == .step, let end = state.stepEnd, end > .now { return nil }
            state.over = limit
            return state.stop
        }
        stop?()
    }

    private func finish(_ run: AlarmClock.Alarm) {
        alarms.cancel(run)
        state.withLock { state in
            state.isDone = true
            state.step.map(alarms.cancel)
            state.stop = {}
        }
    }
}
