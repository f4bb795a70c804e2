internal import Logging
internal import Messages
internal import Store
internal import Synchronization

/// One claimed run while this worker carries it out: the handler, the writer of its events, and whatever stops it.
///
/// A task of the modem runs ``carryOut(_:store:configuration:logger:)``; heartbeat, control channel and shutdown call ``stop(_:)``.
final class Job: Sendable {
    enum StopReason: Sendable {
        /// The run was cancelled: user, superseded, rollback, ...
        case cancelled(String)
        /// The lease is another worker's, or may be: nothing more is written.
        case leaseLost
        /// This process stops: the run is handed back.
        case shutdown
    }

    private enum Outcome: Sendable {
        case ended(RunEnd)
        case failed(any Error)
        case stopped(StopReason)
        case writerFailed(any Error)
    }

    let entry: QueueEntry
    /// When this worker got the entry, and the lease with it; or right before that.
    let since = ContinuousClock.now
    private let state = Mutex(State())

    private struct State {
        /// What came first: the handler's end, or what is to make an end of it.
        var first: Outcome?
        var handler: Task<Outcome, Never>?
    }

    /// False while the run is only about to be accepted for this worker: then there may be no lease to renew.
    let isHeld: Atomic<Bool>

    private let (ends, endContinuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))

    init(entry: QueueEntry, isHeld: Bool = true) {
        self.entry = entry
        self.isHeld = Atomic(isHeld)
    }

    /// The first reason counts.
    func stop(_ reason: StopReason) { settle(.stopped(reason)) }

    /// The handler is cancelled unless it has ended before.
    private func settle(_ outcome: Outcome) {
        let handler = state.withLock { state in
            guard state.first == nil else { return Task<Outcome, Never>?.none }
            state.first = outcome
            return state.handler
        }
        handler?.cancel()
    }

    /// The modem is done with it: nothing of it runs any more.
    func end() { endContinuation.finish() }

    /// For one waiter.
    func waitForEnd() async { for await _ in ends {} }

    /// - Throws: when the run's end could not be written; it is not this worker's any more, or will be taken up again.
    func carryOut(
        _ handler: any RunHandler,
        run: ClaimedRun,
        store: Store,
        configuration: ModemConfiguration,
        logger: Logger
    ) async throws {
        let log = RunLog(run: run, store: store, batching: configuration.batching)
        let (first, end) = await race(handler, run: run, log: log)
        do {
            try await conclude(first, end, log, configuration, logger)
        } catch let error as StoreError where error.code == .stale {
            logger.notice("the run is no longer ours", metadata: ["error": "\(error)"])
        } catch {
            logger.error("the run's end could not be written; it will be taken over", metadata: ["error": "\(error)"])
            throw error
        }
    }

    /// The handler against whatever stops it. Returns when both the handler and the writer have come to rest.
    private func race(_ handler: any RunHandler, run: ClaimedRun, log: RunLog) async -> (first: Outcome, end: RunEnd?) {
        // Not a child: whatever stops it leaves this task as it is, which is to write the end. It begins at once, on this thread.
        let task = Task.immediate {
            let outcome: Outcome
            do { outcome = .ended(try await handler.carryOut(run, log: log)) } catch { outcome = .failed(error) }
            settle(outcome)
            return outcome
        }
        let isSettled = state.withLock { state in
            state.handler = task
            return state.first != nil
        }
        // One that has ended by now needs no timer: its end writes all that there is.
        if isSettled { task.cancel() } else { log.writeInTime { self.settle(.writerFailed($0)) } }
        let outcome = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        await log.rest()
        let end: RunEnd? = if case .ended(let end) = outcome { end } else { nil }
        return (state.withLock(\.first) ?? outcome, end)
    }

    private func conclude(
        _ first: Outcome,
        _ end: RunEnd?,
        _ log: RunLog,
        _ configuration: ModemConfiguration,
        _ logger: Logger
    ) async throws {
        switch first {
        case .ended(let end) where end.status == .cancelled && Task.isCancelled:
            // Nobody cancelled the run: this process is cancelled, and the handler with it.
            try await log.release()
        case .failed(let error as StoreError):
            // The log could not be written: the run itself has not failed, and another worker goes on with it.
            throw error
        case .failed where Task.isCancelled:
            try await log.release()
        case .ended(let end):
            try await conclude(end, log, configuration)
        case .failed(let error):
            logger.error("a run failed", metadata: ["error": "\(error)"])
            let failure = Failure(code: "internal", message: "internal error; the worker's log says more")
            try await log.finish(RunEnd(.failed, error: failure))
        case .stopped(.cancelled(let reason)):
            var end = end ?? RunEnd(.cancelled)
            end.status = .cancelled
            end.reason = reason
            end.error = nil
            try await log.finish(end)
        case .stopped(.shutdown):
            try await log.release()
        case .stopped(.leaseLost):
            break
        case .writerFailed(let error):
            throw error
        }
    }

    /// The handler has come to an end by itself: of the run, or of this attempt.
    private func conclude(_ end: RunEnd, _ log: RunLog, _ configuration: ModemConfiguration) async throws {
        if let question = end.question, end.status == .requiresAction {
            try await log.pause(end, for: question, limit: configuration.actionLimit)
        } else if let least = end.retryAfter, end.status == .failed {
            let delay = max(least, configuration.retries.delay(after: log.run.failures))
            try await log.retry(end, after: delay, maxFailures: configuration.maxAttempts)
        } else {
            try await log.finish(end)
        }
    }
}
