public import NIOCore
public import Redis

/// A run in the hands of a worker, as the queue knows it.
public struct QueueEntry: Sendable, Hashable {
    public let thread: String
    public let run: String
    public let tenant: String
    /// Whether another worker had it, and has not been heard of for the length of a lease.
    public let wasLost: Bool

    init(thread: String, run: String, tenant: String, wasLost: Bool = false) {
        self.thread = thread
        self.run = run
        self.tenant = tenant
        self.wasLost = wasLost
    }

    /// From `thread run tenant`.
    init?(_ text: some StringProtocol, wasLost: Bool = false) {
        let parts = text.split(separator: " ")
        guard parts.count == 3 else { return nil }
        self.init(thread: String(parts[0]), run: String(parts[1]), tenant: String(parts[2]), wasLost: wasLost)
    }

    public static func == (left: QueueEntry, right: QueueEntry) -> Bool {
        left.run == right.run && left.thread == right.thread
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(run) }

    var name: String { "\(thread) \(run)" }
    var text: String { "\(thread) \(run) \(tenant)" }
}

/// What the queue has to learn of a change of a thread, see ``RunPrelude``.
struct QueueChange: Sendable, Equatable {
    /// When the run is to be looked at again, in milliseconds since 1970 by the clock of Redis.
    var again: Int64?
    /// A run that is ready for a worker.
    var next: (id: String, tenant: String)?
    var gaveUp = false
    /// Runs of the thread that have something to tell their webhooks.
    var told: [String] = []

    init() {}

    init(_ values: some Collection<RESPValue>) {
        let values = values.map { $0.string ?? "" } + Array(repeating: "", count: 5)
        again = Int64(values[0])
        next = values[1].isEmpty ? nil : (values[1], values[2])
        gaveUp = values[3] == "1"
        told = Self.told(values[4])
    }

    /// The runs that a script names, each behind a blank.
    static func told(_ text: String) -> [String] {
        text.split(separator: " ").map(String.init)
    }

    static func == (left: QueueChange, right: QueueChange) -> Bool {
        left.again == right.again && left.next?.id == right.next?.id && left.gaveUp == right.gaveUp
    }
}

/// Runs that are ready, and the leases of those that workers hold.
extension Store {
    /// How long what is due stays with the sweeper that has seen it, and how long what was put down before a change has to be followed
    /// by the change; in milliseconds.
    static let sweepLease = 10_000

    /// A connection for ``waitForRuns(upTo:on:)``, which blocks: each worker needs one of its own.
    public func blockingConnection(on loop: any EventLoop) -> BlockingConnection {
        redis.makeBlockingConnection(on: loop)
    }

    /// Runs for a worker, which holds them from now on: those of workers that have not renewed their lease, then what is ready, one
    /// tenant after the other.
    public func take(for worker: String, count: Int, lease: Duration) async throws(StoreError) -> [QueueEntry] {
        let (_, values) = try await run(
            QueueScripts.take,
            [keys.ring, keys.wake, keys.leases],
            [
                RedisArgument(worker), RedisArgument(count), RedisArgument(lease.milliseconds),
                RedisArgument(keys.ready("")),
            ]
        )
        return stride(from: 0, to: values.count - 1, by: 2).compactMap { index in
            values[index + 1].string.flatMap { QueueEntry($0, wasLost: values[index].string == "1") }
        }
    }

    /// Returns when a run may be ready, or when the time is over.
    ///
    /// - Parameter connection: the worker's own.
    public func waitForRuns(upTo limit: Duration, on connection: BlockingConnection) async throws(StoreError) {
        let seconds = RedisArgument("\(Double(limit.milliseconds) / 1000)")
        do {
            _ = try await connection.send(
                RedisCommand("BLPOP", .key(keys.wake), seconds),
                timeout: limit + .seconds(2)
            )
        } catch {
            throw StoreError(error)
        }
    }

    /// Renews a worker's leases and says that it is alive.
    ///
    /// - Returns: the entries that are no longer its own.
    public func renew(
        _ entries: [QueueEntry],
        of worker: String,
        lease: Duration
    ) async throws(StoreError) -> [QueueEntry] {
        let (_, values) = try await run(
            QueueScripts.renew,
            [keys.leases, keys.workers],
            [RedisArgument(worker), RedisArgument(lease.milliseconds)] + entries.map { RedisArgument($0.text) }
        )
        let lost = Set(values.compactMap { $0.string.flatMap { QueueEntry($0) } })
        return entries.filter { lost.contains($0) }
    }

    /// The runs out of these that are to stop, with the reason.
    public func cancelling(_ entries: [QueueEntry]) async throws(StoreError) -> [QueueEntry: String] {
        let replies = await redis.send(
            batch: entries.map { RedisCommand("HMGET", .key(keys.run($0.thread, $0.run)), "status", "reason") }
        )
        var result: [QueueEntry: String] = [:]
        for (entry, reply) in zip(entries, replies) {
            switch reply {
            case .success(let fields):
                if fields.array?.first?.string == "cancelling" { result[entry] = fields.array?.last?.string ?? "user" }
            case .failure(let error): throw StoreError(error)
            }
        }
        return result
    }

    /// Forgets a worker that stops.
    public func forget(_ worker: String) async throws(StoreError) {
        _ = try await send(RedisCommand("ZREM", .key(keys.workers), RedisArgument(worker)))
    }

    // MARK: After a change of a thread

    /// The run is out of the worker's hands; what follows from it comes to the queue in the same step.
    func settle(_ entry: QueueEntry, of worker: String, _ change: QueueChange) async throws(StoreError) {
        let member = "\(worker) \(entry.text)"
        try await announceWebhooks(of: change.told, on: entry.thread)
        guard change != QueueChange() else {
            _ = try await send(RedisCommand("ZREM", .key(keys.leases), RedisArgument(member)))
            return
        }
        try await settle(member, in: keys.leases, .run(entry), change)
    }

    /// What was due has been looked at.
    func settle(_ item: DueItem, _ change: QueueChange) async throws(StoreError) {
        try await announceWebhooks(of: change.told, on: item.entry.thread)
        try await settle(item.member, in: keys.due, item, change)
    }

    /// - Parameter member: what leaves the set.
    private func settle(
        _ member: String,
        in set: String,
        _ item: DueItem,
        _ change: QueueChange
    ) async throws(StoreError) {
        let entry = item.entry
        let next = change.next.map { QueueEntry(thread: entry.thread, run: $0.id, tenant: $0.tenant) }
        _ = try await run(
            QueueScripts.settle,
            [set, keys.due, keys.dead, keys.ready(next?.tenant ?? ""), keys.ring, keys.wake],
            [
                RedisArgument(member), RedisArgument(next?.name ?? ""), RedisArgument(next?.tenant ?? ""),
                RedisArgument(change.again == nil ? "" : item.member), RedisArgument(change.again ?? 0),
                RedisArgument(change.gaveUp ? entry.text : ""),
            ]
        )
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
