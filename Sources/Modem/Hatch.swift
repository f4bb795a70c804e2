public import Store
internal import Synchronization

/// Where runs come in that the gateway of this process hands to the worker as it accepts them.
///
/// Open as long as the queue had less for the worker than it had room for when it was asked last: nobody waits there then for a slot of
/// this worker. Jobs that are expected count against the slots, which bound them.
final class Hatch: Sendable {
    private struct State {
        var isOpen = false
        var isClosed = false
        /// Jobs for which there is room, and whose run has not come yet.
        var expected: [QueueEntry: Job] = [:]
    }

    let runs: AsyncStream<(Job, ClaimedRun)>
    private let state = Mutex(State())
    private let sink: AsyncStream<(Job, ClaimedRun)>.Continuation

    init() { (runs, sink) = AsyncStream.makeStream() }

    func open() { state.withLock { $0.isOpen = !$0.isClosed } }

    func shut() { state.withLock { $0.isOpen = false } }

    /// The worker stops: ``runs`` ends when all that are expected have come.
    func close() {
        let isOver = state.withLock { state in
            (state.isOpen, state.isClosed) = (false, true)
            return state.expected.isEmpty
        }
        if isOver { sink.finish() }
    }

    /// A run is about to come. - Returns: false if it must not.
    func expect(_ job: Job) -> Bool {
        state.withLock { state in
            if state.isOpen { state.expected[job.entry] = job }
            return state.isOpen
        }
    }

    /// The run of a job that was expected has come, or does not come (nil).
    ///
    /// - Returns: the job.
    @discardableResult
    func settle(_ entry: QueueEntry, with run: ClaimedRun?) -> Job? {
        // Under the lock, so that nobody closes before it has gone through.
        state.withLock { state in
            let job = state.expected.removeValue(forKey: entry)
            if let job, let run {
                job.isHeld.store(true, ordering: .relaxed)
                sink.yield((job, run))
            }
            if state.isClosed, state.expected.isEmpty { sink.finish() }
            return job
        }
    }
}

extension Modem: NearbyWorker {
    public func makeRoom(for run: RunName) -> RunLease? {
        let lease = RunLease(run, worker: name, length: configuration.lease)
        let job = Job(entry: lease.entry, isHeld: false)
        guard hatch.expect(job) else { return nil }
        guard slots.take(upTo: 1) == 1 else {
            // This run goes to the queue now, and those that come later stand behind it.
            hatch.shut()
            hatch.settle(lease.entry, with: nil)
            return nil
        }
        // From now on it can be cancelled.
        jobs.withLock { $0[lease.entry] = job }
        return lease
    }

    public func start(_ run: ClaimedRun) {
        hatch.settle(run.entry, with: run)
    }

    public func giveUp(_ entry: QueueEntry, isCertain: Bool) {
        guard let job = hatch.settle(entry, with: nil) else { return }
        forget(job)
        if !isCertain { doubtLeases() }
    }
}
