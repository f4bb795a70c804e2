internal import Store
internal import Synchronization

/// Where runs come in that are handed to the worker as they are accepted in its process.
///
/// Open as long as the queue had less for the worker than it had room for when it was asked last: nobody waits there then for a slot of
/// this worker. Jobs that are expected count against the slots, which bound them.
final class Hatch: Sendable {
    typealias Delivery = (job: Job, run: @Sendable () -> ClaimedRun)

    private struct State {
        var isOpen = false
        var isClosed = false
        /// How often it has been shut.
        var shutCount = 0
        /// Jobs for which there is room, and whose run has not come yet.
        var expected: [QueueEntry: Job] = [:]
    }

    let deliveries: AsyncStream<Delivery>
    private let state = Mutex(State())
    private let sink: AsyncStream<Delivery>.Continuation

    init() { (deliveries, sink) = AsyncStream.makeStream() }

    // MARK: For the claimer

    var shutCount: Int { state.withLock { $0.shutCount } }

    /// Opens unless it has been shut since it was asked for the count.
    func open(ifShut count: Int) {
        state.withLock { if $0.shutCount == count, !$0.isClosed { $0.isOpen = true } }
    }

    func shut() {
        state.withLock { state in
            state.isOpen = false
            state.shutCount += 1
        }
    }

    /// The worker stops: ``deliveries`` end when all that are expected have come.
    func close() {
        state.withLock { state in
            (state.isOpen, state.isClosed) = (false, true)
            finishIfOver(state)
        }
    }

    // MARK: For whoever accepts a run

    /// What may have changed by the time of ``expect(_:)``.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// A run is about to come. - Returns: false if it must not.
    func expect(_ job: Job) -> Bool {
        state.withLock { state in
            if state.isOpen { state.expected[job.entry] = job }
            return state.isOpen
        }
    }

    /// The run of an expected job does not come. - Returns: the job.
    func forget(_ entry: QueueEntry) -> Job? {
        state.withLock { state in
            defer { finishIfOver(state) }
            return state.expected.removeValue(forKey: entry)
        }
    }

    /// The run of an expected job has come. - Returns: the job if nobody takes it in any more.
    func deliver(_ entry: QueueEntry, _ run: @escaping @Sendable () -> ClaimedRun) -> Job? {
        // All under the lock, so that nobody closes before it has gone through.
        state.withLock { state in
            guard let job = state.expected.removeValue(forKey: entry) else { return nil }
            defer { finishIfOver(state) }
            job.isHeld.store(true, ordering: .relaxed)
            if case .terminated = sink.yield((job, run)) { return job }
            return nil
        }
    }

    private func finishIfOver(_ state: borrowing State) {
        if state.isClosed, state.expected.isEmpty { sink.finish() }
    }
}
