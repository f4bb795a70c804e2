public import NIOCore

extension EventLoop {
    /// Begins an asynchronous operation from the event loop, at once, and keeps it there wherever no actor says otherwise (SE-0417).
    ///
    /// An operation that only waits for what its own loop brings then never leaves the loop's thread: no other is woken, neither for it
    /// nor for its result. It must not block, as nothing on a loop may.
    ///
    /// - Parameter completion: called on the loop with what came of it; possibly before this returns.
    @discardableResult
    public func begin<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value,
        then completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) -> Task<Void, Never> {
        preconditionInEventLoop()
        return Task.immediate(executorPreference: EventLoopTaskExecutor(self)) {
            let result: Result<Value, any Error>
            do {
                result = .success(try await operation())
            } catch {
                result = .failure(error)
            }
            completion(result)
        }
    }
}

/// Carries out the parts of a task on an event loop.
private final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Not at once, even on the loop: whoever resumes the task is in the middle of something.
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
