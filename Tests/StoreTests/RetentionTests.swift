import Messages
import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

@testable import Store

/// What is let go of, when, and what is not.
@Suite(.timeLimit(.minutes(1)))
struct RetentionTests {
    private static let hour: Int64 = 3_600_000
    private static let day = 24 * hour

    /// Carries out the thread's next run: so many deltas of so many bytes, with a message after each, and one more delta.
    private func carryOut(_ store: Store, _ loop: any EventLoop, deltas: Int = 2, bytes: Int = 1) async throws -> String
    {
        let run = try #require(try await store.claimNext(for: "w"))
        let log = RunLog(run: run, store: store)
        for _ in 0..<deltas {
            try await log.text(String(repeating: "x", count: bytes))
            try await log.emit("message_completed", .messageCompleted(MessageCompleted(text: "x")))
            try await log.flush()
        }
        try await log.text("cut off")
        try await log.finish(RunEnd(.completed))
        return run.runID
    }

    private func newThread(_ store: Store) async throws -> String {
        try await store.initiate(InitiateThreadRequest()).thread.threadID
    }

    private func types(_ store: Store, _ thread: String, _ loop: any EventLoop) async throws -> [String] {
        try await store.log(thread, on: loop).map(\.type)
    }

    @Test func `deltas are folded into the message that holds their text, and no others`() async throws {
        try await withStore { store, _, group in
            let loop = group.next()
            let thread = try await newThread(store)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            _ = try await carryOut(store, loop)
            let before = try await types(store, thread, loop)
            #expect(try await store.sweep(Retention(), at: Store.now + Self.hour - 60_000) == 1)
            #expect(try await types(store, thread, loop) == before)
            #expect(try await store.sweep(Retention(), at: Store.now + Self.hour + 1000) == 1)
            let after = try await store.log(thread, on: loop)
            #expect(
                after.map(\.type) == [
                    "thread_created", "run_queued", "run_attempt_started", "message_completed", "message_completed",
                    "task_agent_execute", "run_completed",
                ]
            )
            #expect(after.map(\.seq) == [1, 2, 3, 5, 7, 8, 9], "numbers are not given anew")
            #expect(try await store.sweep(Retention(), at: Store.now + Self.hour + 2000) == 0, "due in a week")
        }
    }

    @Test func `events go a week after their run, those of a live run stay, and the log goes on`() async throws {
        try await withStore { store, redis, group in
            let loop = group.next()
            let thread = try await newThread(store)
            for _ in 0..<2 { _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")) }
            _ = try await carryOut(store, loop)
            let last = try await store.thread(thread)
            let live = try #require(try await store.claimNext(for: "w"))
            let log = RunLog(run: live, store: store)
            try await log.text("alive")
            try await log.flush()
            _ = try await store.sweep(Retention(), at: Store.now + 8 * Self.day)
            let kept = try await store.log(thread, on: loop)
            #expect(kept.filter { $0.runID == live.runID }.map(\.type).first == "run_queued")
            #expect(kept.allSatisfy { $0.seq > 2 }, "what came before the live run is gone")
            try await log.finish(RunEnd(.completed))
            _ = try await store.sweep(Retention(), at: Store.now + 20 * Self.day)
            #expect(try await store.log(thread, on: loop).isEmpty)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "again"))
            let next = try await store.log(thread, on: loop)
            let first = try #require(next.first)
            #expect(first.seq > last.seq && next.count == 1)
            #expect(try #require(EventID(first.id)) > (try #require(EventID(last.lastID))))
        }
    }

    @Test func `a page tells what was trimmed before a cursor and what was folded`() async throws {
        try await withStore { store, _, group in
            let loop = group.next()
            let thread = try await newThread(store)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            _ = try await carryOut(store, loop)
            let events = try await store.log(thread, on: loop)
            let ids = try events.map { try #require(EventID($0.id)) }
            func page(after cursor: EventID) async throws -> EventPage {
                try await loop.flatSubmit {
                    let promise = loop.makePromise(of: EventPage.self)
                    store.page(of: thread, after: cursor, count: 10, on: loop) {
                        promise.completeWith($0.mapError { $0 })
                    }
                    return promise.futureResult
                }.get()
            }
            #expect(try await page(after: .zero).passedSeq == 0)
            #expect(try await page(after: ids[2]).passedSeq == 3)
            _ = try await store.sweep(Retention(), at: Store.now + 2 * Self.hour)
            let folded = try await page(after: ids[3])
            #expect(
                folded.passedSeq == 3 && folded.trimmedSeq == 0,
                "the delta itself is gone, the one before it is not"
            )
            _ = try await store.sweep(Retention(), at: Store.now + 8 * Self.day)
            let trimmed = try await page(after: ids[4])
            #expect(trimmed.events.isEmpty && trimmed.trimmedSeq == 9 && trimmed.lastSeq == 9 && trimmed.passedSeq == 0)
            #expect(
                try await page(after: ids[8]).passedSeq == 9,
                "who has seen the last trimmed event has missed nothing"
            )
        }
    }

    @Test func `a thread goes a month after its last event, unless a run is active`() async throws {
        try await withStore { store, redis, group in
            let idle = try await newThread(store)
            let busy = try await newThread(store)
            _ = try await store.execute(ExecuteRunRequest(threadID: busy, task: "x"))
            _ = try await store.sweep(Retention(), at: Store.now + 29 * Self.day)
            #expect(try await store.thread(idle).threadID == idle)
            _ = try await store.sweep(Retention(), at: Store.now + 31 * Self.day)
            let gone = await #expect(throws: StoreError.self) { try await store.thread(idle) }
            #expect(gone?.code == .notFound)
            #expect(try await store.thread(busy).status == "busy")
            let left = try await store.redis.send(RedisCommand("KEYS", RedisArgument("*\(idle)*"))).array
            #expect(left?.isEmpty == true)
        }
    }

    @Test func `beyond the budget the oldest finished runs go, deltas first, and the newest stays`() async throws {
        try await withStore { store, _, group in
            let loop = group.next()
            let thread = try await newThread(store)
            var runs: [String] = []
            for _ in 0..<3 {
                _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
                runs.append(try await carryOut(store, loop, deltas: 40, bytes: 8000))
            }
            let whole = try await store.log(thread, on: loop).count
            var retention = Retention(deltas: .zero, events: .zero, thread: .zero, bytes: 1 << 20)
            _ = try await store.sweep(retention, at: Store.now + Self.hour)
            #expect(try await store.log(thread, on: loop).count == whole, "there is room")
            retention.bytes = 500_000
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            _ = try await store.cancel(thread, try await store.thread(thread).activeRunID)
            try await store.sweepNow(thread)
            _ = try await store.sweep(retention, at: Store.now + Self.hour)
            let folded = try await store.log(thread, on: loop)
            #expect(folded.filter { $0.runID == runs[0] }.count < folded.filter { $0.runID == runs[2] }.count)
            #expect(folded.first?.type == "thread_created", "folding was enough")
            retention.bytes = 1
            try await store.sweepNow(thread)
            _ = try await store.sweep(retention, at: Store.now + 2 * Self.hour)
            let least = try await store.log(thread, on: loop)
            #expect(least.map(\.type) == ["run_queued", "run_cancelled"])
        }
    }

    @Test func `nothing goes where everything is kept for ever`() async throws {
        try await withStore { store, _, group in
            let thread = try await newThread(store)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            _ = try await carryOut(store, group.next())
            let before = try await types(store, thread, group.next())
            let retention = Retention(deltas: .zero, events: .zero, thread: .zero, bytes: 0)
            #expect(try await store.sweep(retention, at: Store.now + 1000 * Self.day) == 1)
            #expect(try await types(store, thread, group.next()) == before)
        }
    }

    @Test func `sweepers share the work`() async throws {
        try await withStore { store, _, group in
            for _ in 0..<100 { _ = try await newThread(store) }
            let time = Store.now + 31 * Self.day
            let counts = try await withThrowingTaskGroup(of: Int.self) { sweepers in
                for _ in 0..<4 {
                    sweepers.addTask {
                        var count = 0
                        while case let some = try await store.sweep(Retention(), at: time), some > 0 { count += some }
                        return count
                    }
                }
                return try await sweepers.reduce(into: []) { $0.append($1) }
            }
            #expect(counts.reduce(0, +) == 100)
            #expect(try await store.threads(ListThreadsRequest()).threads.isEmpty)
        }
    }

    @Test func `what a sweeper took and did not finish is taken again`() async throws {
        try await withStore { store, _, group in
            let thread = try await newThread(store)
            let time = Store.now + 31 * Self.day
            let taken = try await store.run(
                RetentionScripts.take,
                [store.keys.sweep],
                [RedisArgument(time), 300_000, 10]
            )
            #expect(taken.values.last?.array?.count == 1)
            #expect(try await store.sweep(Retention(), at: time) == 0)
            #expect(try await store.sweep(Retention(), at: time + 300_000) == 1)
            await #expect(throws: StoreError.self) { try await store.thread(thread) }
        }
    }
}

extension Store {
    fileprivate func sweepNow(_ thread: String) async throws {
        _ = try await redis.send(RedisCommand("ZADD", RedisArgument(keys.sweep), "0", RedisArgument(thread)))
    }
}
