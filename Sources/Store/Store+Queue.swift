internal import Logging
public import NIOCore
public import Redis

/// A run in the hands of a worker, as the queue knows it.
public struct QueueEntry: Sendable, Hashable {
    public let thread: String
    public let run: String
    public let tenant: String
    /// The name of the lease under which a worker holds it, another each time it is taken; empty where no worker does.
    let lease: String
    /// The lease of the worker that had it before and has lost it; empty where none has.
    let lostLease: String
    /// Whether another worker had it, and has not been heard of for the length of a lease; or this one, and is to be counted as lost.
    public private(set) var wasLost: Bool

    init(
        thread: String,
        run: String,
        tenant: String,
        lease: String = "",
        lostLease: String = "",
        wasLost: Bool = false
    ) {
        self.thread = thread
        self.run = run
        self.tenant = tenant
        self.lease = lease
        self.lostLease = lostLease
        self.wasLost = wasLost
    }

    /// From `thread run tenant`.
    init?(_ text: some StringProtocol, lease: String = "", lostLease: String = "", wasLost: Bool = false) {
        let parts = text.utf8.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard parts.count == 3 else { return nil }
        self.init(
            thread: parts[0],
            run: parts[1],
            tenant: parts[2],
            lease: lease,
            lostLease: lostLease,
            wasLost: wasLost
        )
    }

    /// Whether it was taken from that holding of it, rather than being in the queue a second time.
    public func isTaken(from other: QueueEntry) -> Bool { self == other && lostLease == other.lease }

    /// The same, to be counted as one more worker that the run has lost.
    public func countedAsLost() -> QueueEntry {
        var copy = self
        copy.wasLost = true
        return copy
    }

    public static func == (left: QueueEntry, right: QueueEntry) -> Bool {
        left.run == right.run && left.thread == right.thread
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(run) }

    var name: String { "\(thread) \(run)" }
    var text: String { "\(thread) \(run) \(tenant)" }
    /// As it stands among the leases.
    var holding: String { "\(lease) \(text)" }
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
    /// How many runs that were given up are kept for an operator; beyond them the oldest are forgotten.
    static let deadLetterLimit = 100_000

    /// A connection for ``waitForRuns(upTo:on:)``, which blocks: each worker needs one of its own.
    public func blockingConnection(on loop: any EventLoop) -> BlockingConnection {
        redis.makeBlockingConnection(on: loop)
    }

    /// Runs for a worker, which holds them from now on: those of workers that have not renewed their lease, then what is ready, one
    /// tenant after the other.
    ///
    /// - Parameters:
    ///   - silence: if no worker at all has been heard of for so long, none counts as lost (zero: that is not asked).
    ///   - held: what the worker knows that it holds, where answers to it may have been lost. It gets first what it does not know of;
    ///     that is not counted as lost.
    public func take(
        for worker: String,
        count: Int,
        lease: Duration,
        silence: Duration = .zero,
        held: [QueueEntry]? = nil
    ) async throws(StoreError) -> [QueueEntry] {
        let (_, values) = try await run(
            QueueScripts.take,
            [keys.ring, keys.wake, keys.leases, keys.workers],
            [
                RedisArgument(worker), RedisArgument(count), RedisArgument(lease.milliseconds),
                RedisArgument(keys.ready("")), RedisArgument(Self.makeLeaseName()),
                RedisArgument(silence.milliseconds), held == nil ? "0" : "1",
            ] + (held ?? []).map { RedisArgument($0.holding) }
        )
        return stride(from: 0, to: values.count - 3, by: 4).compactMap { index in
            let words = values[index..<index + 4].map { $0.string ?? "" }
            let wasLost = !words[0].isEmpty && words[1] == "0"
            return QueueEntry(words[3], lease: words[2], lostLease: words[0], wasLost: wasLost)
        }
    }

    /// Lets go of an entry that is not to be carried out. Of one that the worker does not hold nothing is changed.
    func letGo(of entry: QueueEntry) async throws(StoreError) {
        try await settle(entry, QueueChange())
    }

    /// Gives back an entry that cannot be looked at here now: a sweeper looks at its run soon, and puts it into the queue again if it
    /// belongs there. Of one that the worker does not hold nothing is changed.
    public func postpone(_ entry: QueueEntry) async throws(StoreError) {
        var change = QueueChange()
        change.again = 1
        try await settle(entry, change)
    }

    /// Returns when a run may be ready, or when the time is over.
    ///
    /// - Parameter connection: the worker's own.
    /// - Returns: whether a run may be ready. Only this worker was told of it.
    public func waitForRuns(upTo limit: Duration, on connection: BlockingConnection) async throws(StoreError) -> Bool {
        let seconds = RedisArgument("\(Double(limit.milliseconds) / 1000)")
        do {
            return try await !connection.send(
                RedisCommand("BLPOP", .key(keys.wake), seconds),
                timeout: limit + .seconds(2)
            ).isNull
        } catch {
            throw StoreError(error)
        }
    }

    /// Tells another worker what this one was told and cannot heed.
    public func passOnWake() async throws(StoreError) {
        _ = try await send(RedisCommand("RPUSH", .key(keys.wake), "1"))
    }

    /// Renews a worker's leases and says that it is alive.
    ///
    /// - Parameter silence: if no worker at all has been heard of for so long, Redis was away, and all of them get time to come back
    ///   (zero: that is not asked).
    /// - Returns: the entries that are no longer its own.
    public func renew(
        _ entries: [QueueEntry],
        of worker: String,
        lease: Duration,
        silence: Duration = .zero
    ) async throws(StoreError) -> [QueueEntry] {
        let (_, values) = try await run(
            QueueScripts.renew,
            [keys.leases, keys.workers],
            [RedisArgument(worker), RedisArgument(lease.milliseconds), RedisArgument(silence.milliseconds)]
                + entries.map { RedisArgument($0.holding) }
        )
        let lost = Set(values.compactMap(\.string))
        return entries.filter { lost.contains($0.holding) }
    }

    /// The runs out of these that are to stop, with the reason.
    public func cancelling(_ entries: [QueueEntry]) async -> [QueueEntry: String] {
        let replies = await redis.send(
            batch: entries.map { RedisCommand("HMGET", .key(keys.run($0.thread, $0.run)), "status", "reason") }
        )
        var result: [QueueEntry: String] = [:]
        for (entry, reply) in zip(entries, replies) {
            switch reply {
            case .success(let fields):
                if fields.array?.first?.string == "cancelling" { result[entry] = fields.array?.last?.string ?? "user" }
            case .failure(let error):
                // Those of other servers are told of all the same, and these with the next heartbeat.
                logger.debug(
                    "it is not known whether a run is to stop",
                    metadata: ["run": "\(entry.run)", "error": "\(error)"]
                )
            }
        }
        return result
    }

    /// Forgets a worker that stops.
    public func forget(_ worker: String) async throws(StoreError) {
        _ = try await send(RedisCommand("ZREM", .key(keys.workers), RedisArgument(worker)))
    }

    // MARK: After a change of a thread

    /// The run is out of the worker's hands; what follows from it comes to the queue in the same step. Can be repeated.
    func settle(_ entry: QueueEntry, _ change: QueueChange) async throws(StoreError) {
        try await announceWebhooks(of: change.told, on: entry.thread)
        guard change != QueueChange() else {
            _ = try await send(RedisCommand("ZREM", .key(keys.leases), RedisArgument(entry.holding)))
            return
        }
        try await settle(entry.holding, in: keys.leases, .run(entry), change, once: true)
    }

    /// What was due has been looked at. - Parameter time: when it was due then; if it is due at another time by now, that stands.
    func settle(_ item: DueItem, seenAt time: Int64, _ change: QueueChange) async throws(StoreError) {
        try await announceWebhooks(of: change.told, on: item.entry.thread)
        try await settle(item.member, in: keys.due, item, change, seenAt: time)
    }

    /// - Parameters:
    ///   - member: what leaves the set.
    ///   - once: nothing is to be done unless it is there.
    ///   - time: nothing is to be done about it unless that is still its score.
    private func settle(
        _ member: String,
        in set: String,
        _ item: DueItem,
        _ change: QueueChange,
        once: Bool = false,
        seenAt time: Int64? = nil
    ) async throws(StoreError) {
        let entry = item.entry
        let next = change.next.map { QueueEntry(thread: entry.thread, run: $0.id, tenant: $0.tenant) }
        _ = try await run(
            QueueScripts.settle,
            [set, keys.due, keys.dead, keys.ready(next?.tenant ?? ""), keys.ring, keys.wake],
            [
                RedisArgument(member), RedisArgument(next?.name ?? ""), RedisArgument(next?.tenant ?? ""),
                RedisArgument(change.again == nil ? "" : item.member), RedisArgument(change.again ?? 0),
                RedisArgument(change.gaveUp ? entry.text : ""), once ? "1" : "0", time.map { RedisArgument($0) } ?? "",
                RedisArgument(Self.deadLetterLimit),
            ]
        )
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
