internal import Synchronization

/// A worker in the process that accepts a run, for a client or by a schedule: if it has room it gets the run at once, without the queue.
///
/// The run is accepted, leased and begun in one step, so there is nothing to make good if the process dies: a lease that is not renewed
/// is taken over like any other. Not in a cluster, where no step may touch both a thread and the leases.
public protocol NearbyWorker: AnyObject, Sendable {
    /// Keeps room for a run that is about to be accepted, until ``start(_:_:)`` or ``giveUp(_:isCertain:)`` is called.
    ///
    /// - Returns: nil if there is none, or if others wait in the queue: their turn comes first.
    func makeRoom(for run: RunName) -> RunLease?

    /// Carries the run out. - Parameter run: what there is to know of it, which takes its time on a long conversation.
    func start(_ entry: QueueEntry, _ run: @escaping @Sendable () -> ClaimedRun)

    /// The run is not to be carried out here now. - Parameter isCertain: whether Redis has said so; otherwise it may think that the
    /// worker has the lease.
    func giveUp(_ entry: QueueEntry, isCertain: Bool)
}

/// Which run it is, and who pays for it with its place in the queue.
public struct RunName: Sendable {
    public let thread: String
    public let run: String
    public let tenant: String
}

/// Under which name and for how long a worker is to hold a run.
public struct RunLease: Sendable {
    public let entry: QueueEntry
    let length: Duration

    /// - Parameter worker: its name, by which it finds the lease should the answer be lost.
    public init(_ run: RunName, worker: String, length: Duration) {
        let lease = "\(worker)#\(Store.makeLeaseName()).0"
        entry = QueueEntry(thread: run.thread, run: run.run, tenant: run.tenant, lease: lease)
        self.length = length
    }
}

extension Store {
    /// A part of a lease's name that no other has.
    static func makeLeaseName() -> String { String(UInt64.random(in: 0 ... .max), radix: 36) }

    /// From now on runs that are accepted through this store may go straight to the worker.
    public func offer(_ worker: any NearbyWorker) { nearby.withLock { $0 = worker } }

    /// They do not any more.
    public func withdraw(_ worker: any NearbyWorker) { nearby.withLock { if $0 === worker { $0 = nil } } }
}
