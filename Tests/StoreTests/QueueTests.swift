import Messages
import NIOPosix
import Redis
import Store
import TestSupport
import Testing

/// The worker queue, which no script changes together with a thread: what is lost between the two is made good.
struct QueueTests {
    private func submit(_ store: Store, _ task: String = "x", tenant: String = "default") async throws -> Run {
        let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
        return try await store.execute(ExecuteRunRequest(threadID: thread, task: task), tenant: tenant).run
    }

    @Test func `a run whose queue entry was lost is put into the queue by a sweeper`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            try await store.loseQueue()
            _ = try await store.redis.send(
                RedisCommand(
                    "ZADD",
                    "queue:default:due",
                    "0",
                    RedisArgument("run \(run.threadID) \(run.runID) default")
                )
            )
            // What was only just put down may still be followed up by whoever did so.
            #expect(try await store.sweep(every: .seconds(1)) == .seconds(1))
            #expect(try await store.queueStats().ready == 0)
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.claimNext(for: "w")?.runID == run.runID)
            #expect(try await store.queueStats().due == 0)
        }
    }

    @Test func `what was put down for a run that never came to be is forgotten`() async throws {
        try await withStore { store, _, _ in
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:default:due", "1", "run t r default"))
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.queueStats() == QueueStats.nothing)
        }
    }

    @Test func `an entry that overtakes its run is looked at again, and forgotten if no run comes`() async throws {
        try await withStore { store, _, _ in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.redis.send(
                RedisCommand("RPUSH", store.queueKey("ready:default"), RedisArgument("\(thread) early 0"))
            )
            _ = try await store.redis.send(RedisCommand("RPUSH", store.queueKey("ring"), "default"))
            let entry = try #require(try await store.takeNext(for: "w").first)
            #expect(try await store.claim(entry, maxAttempts: 3) == nil)
            var stats = try await store.queueStats()
            #expect(stats.held == 0 && stats.due == 1)
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            stats = try await store.queueStats()
            #expect(stats.ready == 0 && stats.due == 0)
        }
    }

    @Test func `what cannot be looked at does not keep the rest waiting`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            try await store.loseQueue()
            let broken = RedisArgument("thread:0:run:broken")
            _ = try await store.redis.send(RedisCommand("SET", broken, "no hash"))
            for item in ["run 0 broken default", "run \(run.threadID) \(run.runID) default"] {
                _ = try await store.redis.send(RedisCommand("ZADD", store.queueKey("due"), "1", RedisArgument(item)))
            }
            await #expect(throws: StoreError.self) { try await store.sweep(every: .seconds(1)) }
            #expect(try await store.claimNext(for: "w")?.runID == run.runID)
        }
    }

    @Test func `requests that are refused leave nothing in the queue`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            let before = try await store.queueStats()
            for _ in 0..<50 {
                let busy = await #expect(throws: StoreError.self) {
                    try await store.execute(ExecuteRunRequest(threadID: run.threadID, task: "x", onBusy: "reject"))
                }
                #expect(busy?.code == .busy)
                let nowhere = await #expect(throws: StoreError.self) {
                    try await store.execute(ExecuteRunRequest(threadID: "none", task: "x"), tenant: "t")
                }
                #expect(nowhere?.code == .notFound)
                _ = try await store.execute(ExecuteRunRequest(threadID: run.threadID, task: "x", onBusy: "steer"))
            }
            let after = try await store.queueStats()
            #expect(after.ready == before.ready && after.tenants == 1 && after.due == before.due)
            #expect(try await store.claimNext(for: "w")?.runID == run.runID)
            let answer = AnswerRunRequest(threadID: run.threadID, runID: run.runID, text: "to nothing")
            await #expect(throws: StoreError.self) { try await store.answer(answer) }
            #expect(try await store.queueStats().ready == 0)
        }
    }

    @Test func `a tenant in the ring who has nothing left does not stop the others`() async throws {
        try await withStore { store, _, _ in
            _ = try await store.redis.send(RedisCommand("RPUSH", store.queueKey("ring"), "gone"))
            let run = try await submit(store)
            #expect(try await store.claimNext(for: "w")?.runID == run.runID)
        }
    }

    @Test func `of runs that were given up the oldest are forgotten`() async throws {
        try await withStore { store, _, _ in
            let fill = "for i = 1, 100000 do redis.call('ZADD', KEYS[1], i, 'run ' .. i .. ' default') end"
            _ = try await store.redis.send(RedisCommand("EVAL", RedisArgument(fill), "1", store.queueKey("dead")))
            let run = try await submit(store)
            _ = try await store.claimNext(for: "w")
            let lost = try #require(try await store.takeOver(for: "v").first)
            #expect(try await store.claim(lost, maxAttempts: 1) == nil)
            #expect(try await store.queueStats().dead == 100_000)
            let newest = try await store.redis.send(RedisCommand("ZRANGE", store.queueKey("dead"), "-1", "-1")).array
            #expect(newest?.first?.string == "\(run.threadID) \(run.runID) default")
        }
    }

    @Test func `an entry that comes twice starts nothing twice`() async throws {
        try await withStore { store, _, group in
            let run = try await submit(store)
            let entry = RedisArgument("\(run.threadID) \(run.runID) 0")
            for _ in 0..<2 {
                _ = try await store.redis.send(RedisCommand("RPUSH", "queue:default:ready:default", entry))
            }
            let entries = try await store.take(for: "w", count: 9, lease: .seconds(10))
            #expect(entries.count == 3)
            let first = try #require(try await store.claim(entries[0], maxAttempts: 3))
            let second = try await store.claim(entries[1], maxAttempts: 3)
            #expect(second == nil)
            try await RunLog(run: first, store: store).finish(RunEnd(.completed))
            let third = try await store.claim(entries[2], maxAttempts: 3)
            #expect(third == nil)
            #expect(try await store.log(run.threadID, on: group.next()).count { $0.type == "run_attempt_started" } == 1)
            #expect(try await store.queueStats().held == 0)
        }
    }

    @Test func `a worker that ends a run and says so no more costs the next run only time`() async throws {
        try await withStore { store, _, _ in
            let first = try await submit(store, "1")
            let second = try await store.execute(ExecuteRunRequest(threadID: first.threadID, task: "2")).run
            let run = try #require(try await store.claimNext(for: "w"))
            let lease = RedisArgument("w \(first.threadID) \(first.runID) default")
            try await RunLog(run: run, store: store).finish(RunEnd(.completed))
            // As if nothing had come after the run's end: the lease is there and the next run is not in the queue.
            try await store.loseQueue()
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:default:leases", "1", lease))
            #expect(try await store.claimNext(for: "v")?.runID == second.runID)
            #expect(try await store.queueStats().held == 1)
        }
    }

    @Test func `tenants take turns, however much one of them queues`() async throws {
        try await withStore { store, _, _ in
            for number in 0..<500 { _ = try await submit(store, "\(number)", tenant: "a") }
            let only = try await submit(store, "b", tenant: "b")
            #expect(try await store.queueStats().tenants == 2)
            let taken = try await store.take(for: "w", count: 2, lease: .seconds(10))
            #expect(taken.map(\.tenant).sorted() == ["a", "b"])
            #expect(taken.contains { $0.run == only.runID })
            let rest = try await store.take(for: "w", count: 500, lease: .seconds(10))
            #expect(rest.count == 499 && rest.allSatisfy { $0.tenant == "a" })
            let stats = try await store.queueStats()
            #expect(stats.ready == 0 && stats.held == 501 && stats.tenants == 0)
        }
    }

    @Test func `a worker that is not heard of is forgotten`() async throws {
        try await withStore { store, _, _ in
            _ = try await store.renew([], of: "alive", lease: .seconds(10))
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:default:workers", "1", "crashed"))
            _ = try await store.sweep(every: .seconds(1))
            let workers = try await store.redis.send(RedisCommand("ZRANGE", "queue:default:workers", "0", "-1"))
            #expect(workers.array?.map(\.string) == ["alive"])
        }
    }

    @Test func `in cluster mode each script's keys share a slot`() async throws {
        try await withStore(keys: Keys(cluster: true)) { store, _, _ in
            let run = try await submit(store)
            let claimed = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: claimed, store: store).finish(RunEnd(.completed, messages: ["m"]))
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:{default}:due", "1", "run t r default"))
            let keys = try await store.redis.send(RedisCommand("KEYS", "*")).array?.compactMap(\.string) ?? []
            #expect(keys.contains("thread:{\(run.threadID)}:metadata"))
            for key in keys where key != "threads" && key != "threads:sweep" {
                #expect(key.contains("{\(run.threadID)}") || key.contains("{default}"), "\(key)")
            }
        }
    }
}

extension QueueStats {
    fileprivate static let nothing = QueueStats(
        ready: 0,
        tenants: 0,
        oldest: .zero,
        held: 0,
        due: 0,
        dead: 0,
        workers: 0
    )
}

extension Store {
    /// All that is ready is gone, as if it had never been put into the queue.
    fileprivate func loseQueue() async throws {
        _ = try await redis.send(RedisCommand("DEL", queueKey("ready:default"), queueKey("ring")))
    }

    /// The time has come for everything that waits for one.
    func makeDue() async throws {
        for member in try await redis.send(RedisCommand("ZRANGE", queueKey("due"), "0", "-1")).array ?? [] {
            guard let member = member.bytes else { continue }
            _ = try await redis.send(RedisCommand("ZADD", queueKey("due"), "1", RedisArgument(member)))
        }
    }
}
