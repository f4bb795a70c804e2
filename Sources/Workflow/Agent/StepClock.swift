internal import Synchronization

/// The time that is left for an agent's step. The agent says when one begins; a task beside it waits until one has taken too long.
final class StepClock: Sendable {
    private let limit: Duration
    private let ends: Mutex<ContinuousClock.Instant>

    init(limit: Duration) {
        self.limit = limit
        ends = Mutex(.now + limit)
    }

    func begin() { ends.withLock { $0 = .now + limit } }

    /// Returns when a step has taken too long, or the task is cancelled.
    func run() async {
        while true {
            let end = ends.withLock { $0 }
            guard end > .now else { return }
            do { try await Task.sleep(until: end) } catch { return }
        }
    }
}
