public import Store
internal import Synchronization

/// Runs that this process accepts, while there is room and nobody waits in the queue.
extension Modem: NearbyWorker {
    public func makeRoom(for run: RunName) -> RunLease? {
        guard hatch.isOpen else { return nil }
        let lease = RunLease(run, worker: name, length: configuration.lease)
        let job = Job(entry: lease.entry, isHeld: false)
        // From now on it can be cancelled, and is told when the worker asks what it holds.
        jobs.withLock { $0[lease.entry] = job }
        guard hatch.expect(job) else {
            jobs.withLock { $0[lease.entry] = nil }
            return nil
        }
        guard slots.take(upTo: 1) == 1 else {
            // This run goes to the queue now, and those that come later stand behind it.
            hatch.shut()
            _ = hatch.forget(lease.entry)
            jobs.withLock { $0[lease.entry] = nil }
            return nil
        }
        return lease
    }

    public func start(_ entry: QueueEntry, _ run: @escaping @Sendable () -> ClaimedRun) {
        if let job = hatch.deliver(entry, run) { end(job) }
    }

    public func giveUp(_ entry: QueueEntry, isCertain: Bool) {
        guard let job = hatch.forget(entry) else { return }
        end(job)
        if !isCertain { doubtLeases() }
    }
}
