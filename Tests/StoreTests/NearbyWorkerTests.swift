import Messages
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Redis
@testable import Store

/// A worker that says what it is asked, and carries nothing out.
private final class IdleWorker: NearbyWorker {
    let asked = Mutex(0)
    let started = Mutex<[ClaimedRun]>([])
    let givenUp = Mutex<[Bool]>([])
    private let lease: Duration

    init(lease: Duration = .seconds(10)) { self.lease = lease }

    func makeRoom(for run: RunName) -> RunLease? {
        asked.withLock { $0 += 1 }
        return RunLease(run, worker: "near", length: lease)
    }

    func start(_ entry: QueueEntry, _ run: @escaping @Sendable () -> ClaimedRun) {
        started.withLock { $0.append(run()) }
    }
    func giveUp(_ entry: QueueEntry, isCertain: Bool) { givenUp.withLock { $0.append(isCertain) } }
}

/// Runs that do not pass through the queue.
@Suite(.timeLimit(.minutes(1)))
struct NearbyWorkerTests {
    private func newThread(_ store: Store) async throws -> String {
        try await store.initiate(InitiateThreadRequest()).thread.threadID
    }

    @Test func `a run is accepted, leased and begun in one step, with all that a claim would have given`() async throws
    {
        try await withStore { store, _, group in
            let thread = try await newThread(store)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "before"))
            let before = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: before, store: store)
                .finish(RunEnd(.completed, messages: ["said", "done"], memory: "{}"))
            let worker = IdleWorker()
            store.offer(worker)
            let run = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x", model: "m")).run
            let started = try #require(worker.started.withLock { $0.first })
            #expect(started.runID == run.runID && started.threadID == thread && started.attempt == 1)
            #expect(started.task == "x" && started.model == "m" && started.failures == 0)
            #expect(started.messages == ["said", "done"] && started.memory == "{}")
            let stats = try await store.queueStats()
            #expect(stats.ready == 0 && stats.held == 1 && stats.due == 0)
            #expect(try await store.take(for: "w", count: 1, lease: .seconds(10)).isEmpty)
            let log = RunLog(run: started, store: store)
            try await log.text("hello")
            try await log.finish(RunEnd(.completed))
            #expect(try await store.queueStats().held == 0)
            let events = try await store.log(thread, on: group.next()).filter { $0.runID == run.runID }
            #expect(
                events.map(\.type) == ["run_queued", "run_attempt_started", "task_agent_execute", "run_completed"]
            )
            #expect(events.map(\.attempt) == [0, 1, 1, 1])
            #expect(try await store.run(thread, run.runID).status == "completed")
        }
    }

    @Test func `one that the worker drops is taken over when its lease is over`() async throws {
        try await withStore { store, _, _ in
            let thread = try await newThread(store)
            store.offer(IdleWorker(lease: .milliseconds(100)))
            let run = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")).run
            let entry = try #require(try await store.takeNext(for: "w").first)
            #expect(entry.run == run.runID && entry.wasLost)
            let claimed = try #require(try await store.claim(entry, maxAttempts: 3))
            #expect(claimed.attempt == 2 && claimed.task == "x")
        }
    }

    @Test func `one whose acceptance was not heard of is the worker's when it asks what it holds`() async throws {
        try await withStore { store, _, _ in
            let thread = try await newThread(store)
            store.offer(IdleWorker())
            let run = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")).run
            let entry = try #require(
                try await store.take(for: "near", count: 1, lease: .seconds(10), held: []).first
            )
            #expect(entry.run == run.runID && !entry.wasLost)
            #expect(try #require(try await store.claim(entry, maxAttempts: 1)).attempt == 2)
        }
    }

    @Test func `what is refused, repeated or has to wait is given up, and a waiting run still gives up the wait`()
        async throws
    {
        try await withStore(queueLimit: .milliseconds(200)) { store, _, _ in
            let worker = IdleWorker()
            store.offer(worker)
            let thread = try await newThread(store)
            let first = ExecuteRunRequest(threadID: thread, task: "x", idempotencyKey: "k")
            let run = try await store.execute(first).run
            #expect(try await store.execute(first).isReplay)
            await #expect(throws: StoreError.self) {
                try await store.execute(ExecuteRunRequest(threadID: thread, task: "x", onBusy: "reject"))
            }
            await #expect(throws: StoreError.self) {
                try await store.execute(ExecuteRunRequest(threadID: "none", task: "x"))
            }
            #expect(
                try await store.execute(ExecuteRunRequest(threadID: thread, task: "y", onBusy: "steer")).run.runID
                    == run.runID
            )
            let waiting = try await store.execute(ExecuteRunRequest(threadID: thread, task: "z")).run
            #expect(worker.started.withLock { $0.map(\.runID) } == [run.runID])
            #expect(worker.givenUp.withLock { $0 } == [true, true, true, true, true])
            #expect(try await store.queueStats().held == 1)
            // A sweeper that comes upon it in time sees that it waits, one that comes later ends it.
            let due = "run \(thread) \(waiting.runID) \(Store.commonTenant)"
            while try await !store.run(thread, waiting.runID).hasEnded {
                _ = try await store.redis.send(RedisCommand("ZADD", store.queueKey("due"), "XX", 1, RedisArgument(due)))
                _ = try await store.sweep(every: .milliseconds(50))
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await store.run(thread, waiting.runID).error?.code == "queue_limit")
        }
    }

    @Test func `without an answer nobody knows whose the run is`() async throws {
        try await withStore { store, redis, _ in
            let worker = IdleWorker()
            let thread = try await newThread(store)
            store.offer(worker)
            _ = try await redis.cli("CLIENT", "PAUSE", "4000")
            await #expect(throws: StoreError.self) {
                try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            }
            #expect(worker.givenUp.withLock { $0 } == [false])
        }
    }

    @Test func `what was never sent is nobody's`() async throws {
        try await withStore { store, redis, _ in
            let worker = IdleWorker()
            let thread = try await newThread(store)
            store.offer(worker)
            await redis.stop()
            await #expect(throws: StoreError.self) {
                try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            }
            #expect(worker.givenUp.withLock { $0 } == [true])
        }
    }

    @Test func `a worker that has withdrawn is asked no more, and another's word does not withdraw it`() async throws {
        try await withStore { store, _, _ in
            let (worker, other) = (IdleWorker(), IdleWorker())
            store.offer(worker)
            store.withdraw(other)
            _ = try await store.execute(ExecuteRunRequest(threadID: try await newThread(store), task: "x"))
            store.withdraw(worker)
            _ = try await store.execute(ExecuteRunRequest(threadID: try await newThread(store), task: "x"))
            #expect(worker.asked.withLock { $0 } == 1 && other.asked.withLock { $0 } == 0)
            #expect(try await store.queueStats().ready == 1)
        }
    }
}
