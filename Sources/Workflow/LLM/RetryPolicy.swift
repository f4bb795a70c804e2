internal import Glibc

/// When a failed call of a model is made again.
///
/// What a provider asks for (`retry-after`) is obeyed if it is short enough, else the failure stands at once: to ask
/// earlier would only be refused again. Without a wish, full jitter: a random time below a bound that doubles. Time and
/// chance come from outside.
public struct RetryPolicy: Sendable {
    /// The first call included.
    public var attempts: Int
    public var firstBound: Duration
    public var largestBound: Duration
    public var longestRetryAfter: Duration
    var sleep: @Sendable (Duration) async throws -> Void
    /// Between 0 and 1.
    var random: @Sendable () -> Double
    /// Seconds since 1970.
    var now: @Sendable () -> Int

    public init(
        attempts: Int = 5,
        firstBound: Duration = .milliseconds(500),
        largestBound: Duration = .seconds(30),
        longestRetryAfter: Duration = .seconds(60),
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        now: (@Sendable () -> Int)? = nil
    ) {
        self.attempts = attempts
        self.firstBound = firstBound
        self.largestBound = largestBound
        self.longestRetryAfter = longestRetryAfter
        self.sleep = sleep
        self.random = random
        self.now = now ?? { time(nil) }
    }

    /// How long to wait after this failure, the `attempt`th, counted from 1; nil if it stands.
    func delay(after error: ModelError, attempt: Int) -> Duration? {
        guard error.isRetryable, attempt < attempts else { return nil }
        if let wish = error.retryAfter { return wish <= longestRetryAfter ? wish : nil }
        // Past 2^20 every bound is the largest one.
        let bound = min(largestBound, firstBound * (1 << min(attempt - 1, 20)))
        return bound * random()
    }

    /// Carries out attempts until one succeeds or its failure stands.
    ///
    /// - Parameter attempt: gets its number, counted from 1; throws ``ModelError`` for what may be retried.
    func run(
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void,
        attempt: (Int, inout DeltaSink) async throws -> ModelResponse
    ) async throws -> ModelResponse {
        var number = 1
        while true {
            var sink = DeltaSink(onDelta)
            do {
                return try await attempt(number, &sink)
            } catch let error as ModelError where !sink.hasReceiverFailed {
                try Task.checkCancellation()
                guard let delay = delay(after: error, attempt: number) else { throw error }
                if sink.hasEmitted { try await onDelta(.attemptDiscarded) }
                try await sleep(delay)
                number += 1
            }
        }
    }
}

/// The way of one attempt's parts to their receiver; knows what has to be taken back.
struct DeltaSink {
    private let onDelta: @Sendable (ModelDelta) async throws -> Void
    private(set) var hasEmitted = false
    /// Then the error that is on its way is the receiver's, and no reason to ask the model again.
    private(set) var hasReceiverFailed = false

    init(_ onDelta: @escaping @Sendable (ModelDelta) async throws -> Void) { self.onDelta = onDelta }

    mutating func emit(_ delta: ModelDelta) async throws {
        hasEmitted = true
        do {
            try await onDelta(delta)
        } catch {
            hasReceiverFailed = true
            throw error
        }
    }
}
