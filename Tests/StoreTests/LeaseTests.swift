import Messages
import NIOPosix
import OrderedCollections
import TestSupport
import Testing

@testable import Redis
@testable import Store

/// Who holds a run, when answers are lost, Redis is away, or someone comes late.
@Suite(.timeLimit(.minutes(1)))
struct LeaseTests {
    private static let lease = Duration.seconds(10)
    private static let silence = Duration.seconds(5)

    private func submit(_ store: Store) async throws -> Run {
        let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
        return try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")).run
    }

    private func losses(_ store: Store, _ run: Run) async throws -> Int64 {
        let key = RedisArgument("thread:\(run.threadID):run:\(run.runID)")
        return try await store.redis.send(RedisCommand("HGET", key, "losses")).int ?? 0
    }

    /// A thread that another master serves.
    private func thread(
        _ store: Store,
        apartFrom node: TestCluster.Node,
        _ cluster: TestCluster
    ) async throws -> String {
        while true {
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            if cluster.master(of: HashSlot.of("{\(thread)}")).port != node.port { return thread }
        }
    }

    /// As if no worker had been heard of for a minute, nor any lease renewed.
    private func outage(_ store: Store) async throws {
        let workers = try await store.redis.send(RedisCommand("ZRANGE", "queue:default:workers", "0", "-1"))
        for worker in workers.array ?? [] {
            let time = RedisArgument(Store.now - 60_000)
            let name = RedisArgument(worker.string ?? "")
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:default:workers", time, name))
        }
        try await store.loseWorkers()
    }

    // MARK: Lost answers

    @Test func `a worker that asks is given what it holds without knowing, at once and uncounted`() async throws {
        try await withStore { store, _, _ in
            var runs: [Run] = []
            for _ in 0..<3 { runs.append(try await submit(store)) }
            let known = try await store.take(for: "w", count: 1, lease: Self.lease)
            _ = try await store.take(for: "other", count: 1, lease: Self.lease)
            // The answer to this one is lost.
            _ = try await store.take(for: "w", count: 1, lease: Self.lease)
            #expect(try await store.take(for: "w", count: 9, lease: Self.lease).isEmpty)
            let found = try await store.take(for: "w", count: 9, lease: Self.lease, held: known)
            #expect(found.map(\.run) == [runs[2].runID] && !found[0].wasLost)
            #expect(try await store.claim(found[0], maxAttempts: 1)?.attempt == 1)
            #expect(try await store.take(for: "w", count: 9, lease: Self.lease, held: known + found).isEmpty)
            #expect(try await store.queueStats().held == 3)
        }
    }

    @Test func `a claim that comes again is answered as the first time`() async throws {
        try await withStore { store, _, group in
            let run = try await submit(store)
            let entry = try #require(try await store.takeNext(for: "w").first)
            for _ in 0..<2 { #expect(try await store.claim(entry, maxAttempts: 1)?.attempt == 1) }
            let claimed = try #require(try await store.claim(entry, maxAttempts: 1))
            try await RunLog(run: claimed, store: store).finish(RunEnd(.completed))
            #expect(try await store.claim(entry, maxAttempts: 1) == nil)
            let types = try await store.log(run.threadID, on: group.next()).map(\.type)
            #expect(types == ["thread_created", "run_queued", "run_attempt_started", "run_completed"])
        }
    }

    @Test func `what follows from a run's end is said until the queue has heard it, and counts once`() async throws {
        try await withClusterStore { store, cluster, _ in
            let queue = cluster.master(of: HashSlot.of("{default}"))
            let thread = try await thread(store, apartFrom: queue, cluster)
            let first = try await store.execute(ExecuteRunRequest(threadID: thread, task: "1")).run
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "2"))
            let run = try #require(try await store.claimNext(for: "w"))
            // The queue's master takes no write.
            _ = try await queue.server.cli("CONFIG", "SET", "min-replicas-to-write", "5")
            async let finished: Void = RunLog(run: run, store: store).finish(RunEnd(.completed))
            while try await !store.run(thread, first.runID).hasEnded { try await Task.sleep(for: .milliseconds(5)) }
            var stats = try await store.queueStats()
            let before = stats.ready
            #expect(stats.held == 1)
            _ = try await queue.server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
            try await finished
            stats = try await store.queueStats()
            #expect(stats.held == 0 && stats.ready == before + 1)
            // And once more, as when the answer is lost.
            var change = QueueChange()
            change.next = ("again", "default")
            try await store.settle(run.entry, change)
            stats = try await store.queueStats()
            #expect(stats.ready == before + 1)
        }
    }

    @Test func `a cancel that says nothing to the queue is made good`() async throws {
        try await withStore { store, _, _ in
            let first = try await submit(store)
            let second = try await store.execute(ExecuteRunRequest(threadID: first.threadID, task: "2")).run
            _ = try await store.cancel(first.threadID, first.runID)
            // As if the process had died before it said so: what it has put down before is there.
            let lose = RedisCommand("DEL", "queue:default:ready:default", "queue:default:ring")
            _ = try await store.redis.send(lose)
            #expect(try await store.queueStats().due == 0)
            let item = RedisArgument("run \(first.threadID) \(first.runID) default")
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:default:due", "1", item))
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.claimNext(for: "w")?.runID == second.runID)
            #expect(try await store.queueStats().due == 0)
        }
    }

    @Test func `a cancel says beforehand what is to be looked at`() async throws {
        try await withClusterStore { store, cluster, _ in
            let queue = cluster.master(of: HashSlot.of("{default}"))
            let thread = try await thread(store, apartFrom: queue, cluster)
            let run = try await store.execute(ExecuteRunRequest(threadID: thread, task: "1")).run
            _ = try await queue.server.cli("CONFIG", "SET", "min-replicas-to-write", "5")
            let error = await #expect(throws: StoreError.self) { try await store.cancel(thread, run.runID) }
            #expect(error?.code == .unavailable)
            _ = try await queue.server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
            // Nobody could have made good what follows.
            #expect(try await store.run(thread, run.runID).status == "queued")
        }
    }

    // MARK: Leases that are gone

    @Test func `a run that was claimed late, from a lease that is gone, goes on with the next worker`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            let still = try #require(try await store.takeNext(for: "a").first)
            let next = try #require(try await store.takeOver(for: "b").first)
            let claimed = try #require(try await store.claim(next, maxAttempts: 3))
            try await RunLog(run: claimed, store: store).release()
            // The first one wakes up and does not know that it has no lease.
            let late = try #require(try await store.claim(still, maxAttempts: 3))
            #expect(late.attempt == 2)
            #expect(try await store.claimNext(for: "c")?.attempt == 3)
            await #expect(throws: StoreError.self) {
                try await RunLog(run: late, store: store).finish(RunEnd(.completed))
            }
            #expect(try await store.run(run.threadID, run.runID).status == "running")
        }
    }

    @Test func `an entry that was given back by who had just lost the run again is not the last of it`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            _ = try await store.claimNext(for: "a")
            let second = try #require(try await store.takeOver(for: "b").first)
            #expect(try await store.claim(second, maxAttempts: 9)?.attempt == 2)
            let third = try #require(try await store.takeOver(for: "a").first)
            try await store.postpone(third)
            #expect(try await store.queueStats().held == 0)
            _ = try await store.sweep(every: .seconds(1))
            let again = try #require(try await store.claimNext(for: "c"))
            #expect(again.runID == run.runID && again.attempt == 3)
        }
    }

    @Test func `a cancelled run whose lease is gone ends`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            _ = try await store.claimNext(for: "a")
            _ = try await store.redis.send(RedisCommand("DEL", store.queueKey("leases")))
            #expect(try await store.cancel(run.threadID, run.runID).status == "cancelling")
            let item = RedisArgument("run \(run.threadID) \(run.runID) default")
            _ = try await store.redis.send(RedisCommand("ZADD", store.queueKey("due"), "1", item))
            _ = try await store.sweep(every: .seconds(1))
            let entry = try #require(try await store.takeNext(for: "b").first)
            #expect(try await store.claim(entry, maxAttempts: 3) == nil)
            #expect(try await store.run(run.threadID, run.runID).status == "cancelled")
        }
    }

    @Test func `a sweeper that comes late leaves a time that was set meanwhile`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            let claimed = try #require(try await store.claimNext(for: "w"))
            let item = DueItem.run(QueueEntry(thread: run.threadID, run: run.runID, tenant: "default"))
            _ = try await store.redis.send(RedisCommand("ZADD", store.queueKey("due"), "5", RedisArgument(item.member)))
            // It is under way, says the sweeper's look; then its worker puts it off.
            try await RunLog(run: claimed, store: store).retry(RunEnd(.failed), after: .seconds(600), maxFailures: 3)
            let score = RedisCommand("ZSCORE", store.queueKey("due"), RedisArgument(item.member))
            let time = try await store.redis.send(score).string
            try await store.settle(item, seenAt: 5, QueueChange())
            #expect(try await store.redis.send(score).string == time)
            var change = QueueChange()
            change.again = 7
            try await store.settle(item, seenAt: 5, change)
            #expect(try await store.redis.send(score).string == time)
            try await store.settle(item, seenAt: try #require(time.flatMap { Int64($0) }), QueueChange())
            #expect(try await store.redis.send(score).isNull)
        }
    }

    // MARK: Outages

    @Test func `while nobody was heard of nobody is lost, and who comes back goes on`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            _ = try await store.renew([], of: "a", lease: Self.lease, silence: Self.silence)
            var claimed = try #require(try await store.claimNext(for: "a"))
            // More often than a run may lose its worker.
            for attempt in 2...5 {
                try await outage(store)
                #expect(try await store.take(for: "b", count: 1, lease: Self.lease, silence: Self.silence).isEmpty)
                _ = try await store.renew([], of: "b", lease: Self.lease, silence: Self.silence)
                #expect(try await store.take(for: "b", count: 1, lease: Self.lease, silence: Self.silence).isEmpty)
                let own = try await store.take(for: "a", count: 1, lease: Self.lease, silence: Self.silence, held: [])
                let entry = try #require(own.first)
                claimed = try #require(try await store.claim(entry, maxAttempts: 3))
                #expect(claimed.attempt == UInt32(attempt))
            }
            #expect(try await losses(store, run) == 0)
            #expect(try await store.queueStats().held == 1)
        }
    }

    @Test func `who does not come back after an outage is lost, and its run another's`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            _ = try await store.renew([], of: "a", lease: Self.lease, silence: Self.silence)
            _ = try await store.claimNext(for: "a")
            try await outage(store)
            _ = try await store.renew([], of: "b", lease: .milliseconds(20), silence: Self.silence)
            // Now it is heard of, so that the other's lease counts; half of it was ten milliseconds.
            var taken: [QueueEntry] = []
            while taken.isEmpty {
                try Task.checkCancellation()
                taken = try await store.take(for: "b", count: 1, lease: Self.lease, silence: Self.silence)
            }
            #expect(try await store.claim(taken[0], maxAttempts: 3)?.attempt == 2)
            #expect(try await losses(store, run) == 1)
        }
    }

    @Test func `the last worker that was heard of is remembered, the others are forgotten by it`() async throws {
        try await withStore { store, _, _ in
            for (name, time) in [("a", "1000"), ("b", "100000")] {
                _ = try await store.redis.send(
                    RedisCommand("ZADD", "queue:default:workers", RedisArgument(time), RedisArgument(name))
                )
            }
            _ = try await store.sweep(every: .seconds(1))
            let workers = try await store.redis.send(RedisCommand("ZRANGE", "queue:default:workers", "0", "-1"))
            #expect(workers.array?.map(\.string) == ["b"])
        }
    }

    // MARK: Who comes late

    @Test func `a lost entry does not take the run from whoever has it by another`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            let entry = RedisArgument("\(run.threadID) \(run.runID) 0")
            _ = try await store.redis.send(RedisCommand("RPUSH", "queue:default:ready:default", entry))
            // One entry goes to a worker that is never heard of again, the other to one that carries the run out.
            let lost = try await store.take(for: "lost", count: 1, lease: .zero)
            #expect(lost.count == 1)
            let ready = try await store.redis.send(RedisCommand("LLEN", "queue:default:ready:default"))
            #expect(ready.int == 1)
            _ = try await store.redis.send(
                RedisCommand("ZADD", "queue:default:leases", "XX", "99999999999999", RedisArgument(lost[0].holding))
            )
            let held = try #require(try await store.takeNext(for: "good").first)
            let claimed = try #require(try await store.claim(held, maxAttempts: 3))
            _ = try await store.redis.send(
                RedisCommand("ZADD", "queue:default:leases", "XX", "1", RedisArgument(lost[0].holding))
            )
            let late = try #require(try await store.takeNext(for: "late").first)
            #expect(late.wasLost)
            #expect(try await store.claim(late, maxAttempts: 3) == nil)
            #expect(try await store.queueStats().held == 1)
            try await RunLog(run: claimed, store: store).finish(RunEnd(.completed))
            #expect(try await store.run(run.threadID, run.runID).attempt == 1)
        }
    }

    @Test func `a worker that stood still after it took a lost run does not take it from the next`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            _ = try #require(try await store.claimNext(for: "lost"))
            let still = try #require(try await store.takeOver(for: "still").first)
            let next = try #require(try await store.takeOver(for: "next").first)
            let claimed = try #require(try await store.claim(next, maxAttempts: 3))
            #expect(claimed.attempt == 2)
            #expect(try await store.claim(still, maxAttempts: 3) == nil)
            try await RunLog(run: claimed, store: store).finish(RunEnd(.completed))
            #expect(try await store.run(run.threadID, run.runID).attempt == 2)
        }
    }
}
