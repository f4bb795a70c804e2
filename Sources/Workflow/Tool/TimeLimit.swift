internal import Synchronization

/// Carries work out against the clock: when the time is over it is cancelled, and when it has come to rest `orElse` speaks for it.
///
/// - Returns: what the work came to; also when it was done just as its time was over.
func withTimeLimit<Value: Sendable>(
    _ limit: Duration,
    _ work: @escaping @Sendable () async throws -> Value,
    orElse: () throws -> Value
) async throws -> Value {
    try Task.checkCancellation()
    let isOver = Atomic(false)
    let task = Task { try await work() }
    let alarm = AlarmClock.shared.set(.now + limit) {
        isOver.store(true, ordering: .sequentiallyConsistent)
        task.cancel()
    }
    defer { AlarmClock.shared.cancel(alarm) }
    do {
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    } catch is CancellationError where !Task.isCancelled && isOver.load(ordering: .sequentiallyConsistent) {
        return try orElse()
    }
}
