/// Carries work out against the clock: when the time is over it is cancelled, and when it has come to rest `orElse` speaks for it.
///
/// - Returns: what the work came to; also when it was done just as its time was over.
func withTimeLimit<Value: Sendable>(
    _ limit: Duration,
    _ work: @escaping @Sendable () async throws -> Value,
    orElse: () throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            // Cancelled when the work is done first.
            try? await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        if let value = try await group.next() ?? nil { return value }
        group.cancelAll()
        do {
            if let value = try await group.next() ?? nil { return value }
        } catch is CancellationError where !Task.isCancelled {
            return try orElse()
        }
        try Task.checkCancellation()
        return try orElse()
    }
}
