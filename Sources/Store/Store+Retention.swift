internal import Logging
internal import Messages
internal import NIOCore
internal import Redis

/// Letting go of what has been kept for long enough.
///
/// A sorted set has each thread by when it is to be looked at. A sweeper takes a few that are due under a lease, so any number of them
/// share the work, and what one that dies has taken is taken again. Every step can be repeated.
extension Store {
    /// How long after its creation, or after the end of a run, a thread is looked at.
    private static let firstLook: Int64 = 10_000
    /// How long after a thread was listed and not found it is looked at again.
    private static let secondLook: Int64 = 60_000
    /// Longer than ``firstLook``: a run that ends while its thread is looked at brings it forward.
    private static let retentionLease: Int64 = 300_000
    /// Threads that are taken at once, and runs of one that are looked at.
    private static let sweepCount = 32
    private static let runCount = 200
    /// Entries that one script removes.
    private static let foldCount = 500
    private static let day: Int64 = 86_400_000

    /// Looks at the threads that are due.
    ///
    /// - Parameter now: Unix time in milliseconds, if it is not to be the present by the clock of Redis.
    /// - Returns: how many there were; ask again at once while it is not zero.
    /// - Throws: `.unavailable`; what was taken is then due again after a while.
    public func sweep(_ retention: Retention, at now: Int64? = nil) async throws(StoreError) -> Int {
        let (_, values) = try await run(
            RetentionScripts.take,
            [keys.sweep],
            [now.map { RedisArgument($0) } ?? "", RedisArgument(Self.retentionLease), RedisArgument(Self.sweepCount)]
        )
        guard values.count == 3, let now = values[0].string.flatMap({ Int64($0) }),
            let lease = values[1].string.flatMap({ Int64($0) })
        else { throw .unexpected(.array(values), of: "take") }
        let threads = (values[2].array ?? []).compactMap(\.string)
        // One whose server is away does not keep the others waiting.
        var failure: StoreError?
        for thread in threads {
            do throws(StoreError) {
                let next = try await tend(thread, retention, now)
                _ = try await run(
                    RetentionScripts.settle,
                    [keys.sweep],
                    [RedisArgument(thread), RedisArgument(lease), next.map { RedisArgument($0) } ?? ""]
                )
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return threads.count
    }

    /// When a thread is to be looked at of which something is new.
    var soon: Int64 { Self.now + Self.firstLook }

    /// Sees to it that a thread is looked at soon.
    func sweepSoon(_ thread: String) -> RedisCommand {
        RedisCommand("ZADD", .key(keys.sweep), "LT", RedisArgument(soon), RedisArgument(thread))
    }

    /// As ``sweepSoon(_:)``, after a run. That it has ended is stored; what is old goes later if this cannot be.
    func expectSweep(of thread: String) async {
        do {
            _ = try await send(sweepSoon(thread))
        } catch {
            logger.debug("a thread will be swept late", metadata: ["thread": "\(thread)", "error": "\(error)"])
        }
    }

    /// Lets go of what one thread need not keep, and makes good what whoever created or deleted it has left undone.
    ///
    /// - Returns: when it is to be looked at again; nil for never.
    private func tend(_ thread: String, _ retention: Retention, _ now: Int64) async throws(StoreError) -> Int64? {
        guard let log = try await sweptLog(thread) else {
            // It was deleted; or its creation is still under way, and comes late.
            return try await unlist(thread) ? now + Self.secondLook : nil
        }
        _ = try await send(list(thread, since: log.createdAt))
        if !log.isLive, let end = Retention.end(of: retention.thread, since: log.updatedAt), end <= now {
            return try await expire(thread, unchangedSince: log.updatedAt) ? nil : now + Self.day
        }
        var runs = log.runs
        for index in runs.indices where runs[index].isOver(retention.deltas, now) {
            try await fold(&runs[index], on: thread)
        }
        var kept = runs.firstIndex { !$0.isOver(retention.events, now) } ?? runs.count
        try await trim(thread, log, to: kept)
        if retention.bytes > 0 { kept = try await economize(thread, log, &runs, from: kept, retention.bytes) }
        return log.nextLook(runs[kept...], retention, now)
    }

    // MARK: The thread as it is

    private func sweptLog(_ thread: String) async throws(StoreError) -> SweptLog? {
        let names: [RedisArgument] = ["active", "updated_at", "swept", "last_id", "created_at"]
        let values = try await send(RedisCommand("HMGET", [.key(keys.metadata(thread))] + names)).array ?? []
        guard values.count == 5, let updatedAt = values[1].string.flatMap({ Int64($0) }) else { return nil }
        let swept = values[2].string.flatMap { Int($0) } ?? 0
        let range = RedisCommand(
            "LRANGE",
            .key(keys.runs(thread)),
            RedisArgument(swept),
            RedisArgument(swept + Self.runCount)
        )
        let ids = (try await send(range).array ?? []).compactMap(\.string)
        var runs: [SweptRun] = []
        let replies = await redis.send(
            batch: ids.map { id in
                let fields: [RedisArgument] = ["status", "ended_at", "cursor", "final_id", "folded"]
                return RedisCommand("HMGET", [.key(keys.run(thread, id))] + fields)
            }
        )
        for (id, reply) in zip(ids, replies) {
            do { runs.append(SweptRun(id: id, try reply.get())) } catch { throw StoreError(error) }
        }
        return SweptLog(
            createdAt: values[4].string.flatMap { Int64($0) } ?? updatedAt,
            isLive: values[0].string != nil,
            updatedAt: updatedAt,
            swept: swept,
            last: values[3].string.flatMap { EventID($0) } ?? .zero,
            runs: Array(runs.prefix(Self.runCount)),
            following: runs.count > Self.runCount ? runs[Self.runCount].start : nil
        )
    }

    // MARK: Steps

    /// Removes a run's deltas, so far as a completed message holds their text.
    private func fold(_ run: inout SweptRun, on thread: String) async throws(StoreError) {
        guard !run.isFolded, let end = run.end else { return }
        var folding = DeltaFolding(run: run.id)
        var cursor = run.start
        while cursor < end.id {
            let page = try await send(
                RedisCommand(
                    "XRANGE",
                    .key(keys.stream(thread)),
                    RedisArgument("(\(cursor)"),
                    RedisArgument(end.id.description),
                    "COUNT",
                    RedisArgument(256)
                )
            )
            let events = (page.array ?? []).compactMap { StoredEvent(entry: $0) }
            for event in events { folding.pass(event) }
            guard let last = events.last else { break }
            cursor = last.id
        }
        var ids = folding.folded[...]
        repeat {
            let some = ids.prefix(Self.foldCount)
            ids = ids.dropFirst(Self.foldCount)
            _ = try await self.run(
                RetentionScripts.fold,
                [keys.metadata(thread), keys.stream(thread), keys.run(thread, run.id)],
                [ids.isEmpty ? "1" : "0"] + some.map { RedisArgument($0.description) }
            )
        } while !ids.isEmpty
        run.isFolded = true
    }

    /// Removes the events before those of a run, and all of them if there is no such run.
    private func trim(_ thread: String, _ log: SweptLog, to index: Int) async throws(StoreError) {
        guard index > 0 else { return }
        let place = index < log.runs.count ? log.runs[index].start : log.following ?? log.last
        _ = try await run(
            RetentionScripts.trim,
            [keys.metadata(thread), keys.stream(thread)],
            [RedisArgument(place.description), RedisArgument(log.swept + index)]
        )
    }

    /// Brings the log down to so many bytes, as far as that is allowed; see ``Retention/bytes``. - Returns: the first run that is kept.
    private func economize(
        _ thread: String,
        _ log: SweptLog,
        _ runs: inout [SweptRun],
        from first: Int,
        _ limit: Int
    ) async throws(StoreError) -> Int {
        let finished = runs.firstIndex { $0.end == nil } ?? runs.count
        var kept = first
        for index in first..<max(first, finished) {
            guard try await size(of: thread) > limit else { return kept }
            try await fold(&runs[index], on: thread)
        }
        while kept < finished - 1, try await size(of: thread) > limit {
            kept += 1
            try await trim(thread, log, to: kept)
        }
        return kept
    }

    /// What the log takes of Redis' memory.
    private func size(of thread: String) async throws(StoreError) -> Int {
        Int(try await send(RedisCommand("MEMORY", "USAGE", .key(keys.stream(thread)))).int ?? 0)
    }

    /// - Returns: whether the thread is gone; it stays when a run has begun meanwhile, or is to begin one day.
    private func expire(_ thread: String, unchangedSince time: Int64) async throws(StoreError) -> Bool {
        do {
            try await deleteThread(thread, unchangedSince: time)
            return true
        } catch  where error.code == .busy {
            return false
        } catch  where error.code == .notFound {
            return true
        }
    }
}

/// A thread's log as the sweeper finds it.
private struct SweptLog {
    let createdAt: Int64
    let isLive: Bool
    let updatedAt: Int64
    /// How many of the oldest runs have no events left.
    let swept: Int
    let last: EventID
    /// Those after them, oldest first.
    let runs: [SweptRun]
    /// Where the first run begins that is not among ``runs``.
    let following: EventID?

    /// When there may be something to let go of next.
    func nextLook(_ kept: ArraySlice<SweptRun>, _ retention: Retention, _ now: Int64) -> Int64? {
        // A live run may outgrow the budget at any time, and runs that were not looked at may be due.
        if isLive || following != nil { return now + 60_000 }
        let unfolded = kept.first { !$0.isFolded }?.end.flatMap { Retention.end(of: retention.deltas, since: $0.time) }
        let oldest = kept.first?.end.flatMap { Retention.end(of: retention.events, since: $0.time) }
        let thread = Retention.end(of: retention.thread, since: updatedAt)
        return [unfolded, oldest, thread].compactMap(\.self).min().map { max($0, now + 1) }
    }
}

private struct SweptRun {
    let id: String
    /// The place before its first event.
    let start: EventID
    /// When it ended, and its last event.
    let end: (time: Int64, id: EventID)?
    var isFolded: Bool

    init(id: String, _ fields: RESPValue) {
        let values = fields.array ?? []
        func text(_ index: Int) -> String? { index < values.count ? values[index].string : nil }
        self.id = id
        start = text(2).flatMap { EventID($0) } ?? .zero
        isFolded = text(4) != nil
        if let time = text(1).flatMap({ Int64($0) }), let last = text(3).flatMap({ EventID($0) }) {
            end = (time, last)
        } else {
            end = nil
        }
    }

    func isOver(_ duration: Duration, _ now: Int64) -> Bool {
        guard let end, let due = Retention.end(of: duration, since: end.time) else { return false }
        return due <= now
    }
}

/// Finds the deltas of a run whose text a later event holds, or which a later event has declared void. A value without I/O.
struct DeltaFolding {
    let run: String
    private(set) var folded: [EventID] = []
    /// Deltas of which nothing else is known yet; if that stays so they stay.
    private var open: [EventID] = []

    init(run: String) { self.run = run }

    mutating func pass(_ stored: StoredEvent) {
        // What the log holds was written by this project; anything else in the stream is passed over.
        guard let event = try? Event(serialized: Array(stored.bytes.readableBytesView)), event.runID == run else {
            return
        }
        switch event.payload {
        case .taskAgentExecute(let progress):
            switch progress.progress {
            case .textDelta, .reasoningDelta: open.append(stored.id)
            case .stepRestarted: close()
            default: break
            }
        case .messageCompleted: close()
        default: break
        }
    }

    private mutating func close() {
        folded += open
        open = []
    }
}
