internal import Synchronization

/// Calls back at the times it is set to, with one timer for all of them.
///
/// `Task.sleep` keeps its timer until the time it was set to, also when it is cancelled long before: the limits of runs, an hour each,
/// would pile up. Here the earliest time has a timer, and what is not waited for any more is forgotten at once.
final class AlarmClock: Sendable {
    /// Names what was set, for ``cancel(_:)``.
    struct Alarm: Sendable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let time: ContinuousClock.Instant
        let action: @Sendable () -> Void
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        var lastNumber: UInt64 = 0
        /// When the timer that counts will go off; those that were set for later times before it find nothing to do.
        var timer: ContinuousClock.Instant?
    }

    /// The process's own: there is one time.
    static let shared = AlarmClock()

    private let state = Mutex(State())

    /// - Parameter action: called once, soon after that time, unless it is cancelled before. Actions are called one behind the other, in
    ///   the order of their times: they must be short. One that has begun to be called is not cancelled any more.
    func set(_ time: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> Alarm {
        state.withLock { state in
            state.lastNumber += 1
            state.entries[state.lastNumber] = Entry(time: time, action: action)
            if state.timer.map({ time < $0 }) ?? true { startTimer(time, &state) }
            return Alarm(number: state.lastNumber)
        }
    }

    /// Has no effect once the time has come.
    func cancel(_ alarm: Alarm) {
        _ = state.withLock { $0.entries.removeValue(forKey: alarm.number) }
    }

    private func startTimer(_ time: ContinuousClock.Instant, _ state: inout State) {
        state.timer = time
        Task.detached { [self] in
            // Nobody has this task, so nobody cancels it.
            try? await Task.sleep(until: time)
            ring(time)
        }
    }

    /// The timer that was set for this time has gone off; whenever that is, the next one is set.
    private func ring(_ time: ContinuousClock.Instant) {
        let due = state.withLock { state in
            guard state.timer == time else { return [Entry]() }
            let now = ContinuousClock.now
            let due = state.entries.filter { $0.value.time <= now }
            for number in due.keys { state.entries[number] = nil }
            state.timer = nil
            if let next = state.entries.values.map(\.time).min() { startTimer(next, &state) }
            return due.values.sorted { $0.time < $1.time }
        }
        for entry in due { entry.action() }
    }
}
