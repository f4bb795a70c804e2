import Messages
import NIOCore
import NIOPosix
import OrderedCollections
import Redis
import Store
import TestSupport
import Testing

extension Store {
    /// The whole log of a thread, decoded. A loop whose connection is still waiting to be made anew is given a moment.
    func log(_ thread: String, after cursor: EventID = .zero, on loop: any EventLoop) async throws -> [Event] {
        var attempts = 0
        var events: [Event] = []
        var cursor = cursor
        while true {
            do {
                let page = try await withCheckedThrowingContinuation { continuation in
                    loop.execute { [cursor] in
                        self.page(of: thread, after: cursor, count: 10_000, on: loop) { continuation.resume(with: $0) }
                    }
                }
                guard let last = page.events.last else { return events }
                events += try page.events.map { try Event(serialized: Array($0.serialized().readableBytesView)) }
                cursor = last.id
            } catch let error as StoreError where error.code == .unavailable && attempts < 500 {
                attempts += 1
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }
}

struct StoreTests {
    @Test func `a run from the request to its end, as the log tells it`() async throws {
        try await withStore { store, _, group in
            let loop = group.next()
            let thread = try await store.initiate(InitiateThreadRequest(metadata: ["user": "a"])).thread
            #expect(thread.metadata == ["user": "a"] && thread.status == "idle" && thread.seq == 1)
            let accepted = try await store.execute(
                ExecuteRunRequest(threadID: thread.threadID, task: "do", model: "m/x")
            ).run
            #expect(accepted.status == "queued")
            #expect(try await store.thread(thread.threadID).activeRunID == accepted.runID)

            let run = try #require(try await store.claimNext(for: "w1"))
            #expect(run.attempt == 1 && run.task == "do" && run.model == "m/x" && run.journal.isEmpty)
            let log = RunLog(run: run, store: store)
            try await log.text("hello ")
            try await log.text("world")
            try await log.record(["entry"], memory: "{}")
            let usage = Usage(inputTokens: 3, outputTokens: 2)
            try await log.finish(RunEnd(.completed, usage: usage, text: "hello world", messages: ["m1", "m2"]))

            let events = try await store.log(thread.threadID, on: loop)
            #expect(
                events.map(\.type) == [
                    "thread_created", "run_queued", "run_attempt_started", "task_agent_execute", "run_completed",
                ]
            )
            #expect(events.map(\.seq) == [1, 2, 3, 4, 5])
            #expect(events.filter(\.final).map(\.type) == ["run_completed"])
            #expect(
                events[3].payload
                    == .taskAgentExecute(AgentProgress(progress: .textDelta(TextDelta(text: "hello world"))))
            )
            #expect(events[2].attempt == 1)
            let ended = try await store.run(thread.threadID, accepted.runID)
            #expect(ended.status == "completed" && ended.text == "hello world" && ended.usage == usage)
            let after = try await store.thread(thread.threadID)
            #expect(after.status == "idle" && after.usage == usage && after.lastID == events[4].id)

            // The next run finds the conversation and the memory.
            _ = try await store.execute(ExecuteRunRequest(threadID: thread.threadID, task: "more"))
            let next = try #require(try await store.claimNext(for: "w1"))
            #expect(next.messages == ["m1", "m2"] && next.memory == "{}" && next.journal.isEmpty)
        }
    }

    @Test func `runs of a thread are carried out one after the other, first in first out`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            var ids: [String] = []
            for number in 0..<3 {
                ids.append(try await store.execute(ExecuteRunRequest(threadID: thread, task: "\(number)")).run.runID)
            }
            for (number, id) in ids.enumerated() {
                let run = try #require(try await store.claimNext(for: "w"))
                #expect(run.runID == id && run.task == "\(number)")
                try await RunLog(run: run, store: store).finish(RunEnd(.completed))
            }
            #expect(try await store.thread(thread).status == "idle")
        }
    }

    @Test func `too many runs on one thread are refused`() async throws {
        try await withStore { store, _, _ in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            for _ in 0..<101 { _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")) }
            let error = await #expect(throws: StoreError.self) {
                try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            }
            #expect(error?.code == .exhausted)
        }
    }

    @Test func `an idempotency key gives the same run, and refuses another request`() async throws {
        try await withStore { store, _, group in
            let request = InitiateThreadRequest(idempotencyKey: "i")
            let thread = try await store.initiate(request).thread
            #expect(try await store.initiate(request).thread.threadID == thread.threadID)
            let run = ExecuteRunRequest(threadID: thread.threadID, task: "x", idempotencyKey: "k")
            let first = try await store.execute(run)
            let second = try await store.execute(run)
            #expect(first.run.runID == second.run.runID && !first.isReplay && second.isReplay)
            let error = await #expect(throws: StoreError.self) {
                try await store.execute(ExecuteRunRequest(threadID: thread.threadID, task: "y", idempotencyKey: "k"))
            }
            #expect(error?.code == .conflict)
            #expect(try await store.log(thread.threadID, on: group.next()).count { $0.type == "run_queued" } == 1)
        }
    }

    @Test func `a stale attempt writes nothing`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            let first = try #require(try await store.claimNext(for: "w1"))
            let old = RunLog(run: first, store: store)
            try await old.record(["done by the first"], memory: nil)
            try await old.text("half a sen")
            try await old.flush()
            // The lease is over at once, and another worker takes the run.
            let entries = try await store.takeOver(for: "w2")
            let entry = try #require(entries.first)
            let second = try #require(try await store.claim(entry, maxAttempts: 3))
            #expect(second.attempt == 2 && second.journal == ["done by the first"])

            let before = try await store.log(thread, on: group.next())
            for write in [
                {
                    try await old.text("tence")
                    try await old.flush()
                }, { try await old.record(["x"], memory: nil) },
                { try await old.finish(RunEnd(.completed)) }, { try await old.release() },
            ] as [@Sendable () async throws -> Void] {
                let error = await #expect(throws: StoreError.self) { try await write() }
                #expect(error?.code == .stale)
            }
            #expect(try await store.log(thread, on: group.next()) == before)
            // The new attempt says from where on the old one's text is void: the half sentence was event 4.
            #expect(before.last?.type == "run_attempt_started" && before.last?.attempt == 2)
            #expect(before.last?.payload == .run(RunUpdate(status: "running", discardFromSeq: 4)))
            #expect(try await store.renew([first.entry], of: "w1", lease: .seconds(10)) == [first.entry])
            #expect(try await store.renew([second.entry], of: "w2", lease: .seconds(10)) == [])
        }
    }

    @Test func `a run that loses its workers is given up`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let id = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")).run.runID
            var claimed = try await store.claimNext(for: "w0")
            for attempt in 1...2 {
                #expect(claimed?.attempt == UInt32(attempt))
                let entries = try await store.takeOver(for: "w\(attempt)")
                let entry = try #require(entries.first)
                claimed = try await store.claim(entry, maxAttempts: 3)
            }
            #expect(claimed?.attempt == 3)
            let entries = try await store.takeOver(for: "w3")
            let entry = try #require(entries.first)
            let givenUp = try await store.claim(entry, maxAttempts: 3)
            #expect(givenUp == nil)
            let run = try await store.run(thread, id)
            #expect(run.status == "failed" && run.error?.code == "max_attempts")
            #expect(try await store.redis.send(RedisCommand("ZCARD", "queue:default:dead")).int == 1)
            #expect(try await store.log(thread, on: group.next()).count(where: \.final) == 1)
            #expect(try await store.takeOver(for: "w4") == [])
        }
    }

    @Test func `cancelling a queued run ends it, a running one is asked to stop`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let first = try await store.execute(ExecuteRunRequest(threadID: thread, task: "1")).run.runID
            let second = try await store.execute(ExecuteRunRequest(threadID: thread, task: "2")).run.runID
            let third = try await store.execute(ExecuteRunRequest(threadID: thread, task: "3")).run.runID
            let running = try #require(try await store.claimNext(for: "w"))
            #expect(try await store.cancel(thread, second).status == "cancelled")
            #expect(try await store.cancel(thread, first).status == "cancelling")
            #expect(try await store.cancel(thread, first).status == "cancelling")
            #expect(try await store.cancelling([running.entry]) == [running.entry: "user"])
            try await RunLog(run: running, store: store).finish(RunEnd(.cancelled, reason: "user"))
            #expect(try await store.cancel(thread, first).status == "cancelled")
            // The one in between is passed over.
            #expect(try await store.claimNext(for: "w")?.runID == third)
            let events = try await store.log(thread, on: group.next())
            #expect(events.filter(\.final).map(\.runID) == [second, first])
            #expect(events.map(\.seq) == Array(1...UInt64(events.count)))
        }
    }

    @Test func `a handed back run goes on where it was, and does not count as lost`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            for attempt in 1...5 {
                let run = try #require(try await store.claimNext(for: "w"))
                #expect(run.attempt == UInt32(attempt) && run.journal.count == attempt - 1)
                let log = RunLog(run: run, store: store)
                try await log.record(["step \(attempt)"], memory: nil)
                try await log.release()
            }
        }
    }

    @Test func `a write that is repeated because its answer was lost is stored once`() async throws {
        try await withStore(appendOnly: true) { store, redis, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            let run = try #require(try await store.claimNext(for: "w"))
            let log = RunLog(run: run, store: store)
            try await log.text("before ")
            try await log.flush()
            // The server takes the command but does not answer in time; the client gives the connection up and asks again.
            await redis.pause()
            async let written: Void = {
                try await log.text("after")
                try await log.flush()
            }()
            try await Task.sleep(for: .milliseconds(3500))
            await redis.resume()
            try await written
            try await log.finish(RunEnd(.completed))
            let events = try await store.log(thread, on: group.next())
            #expect(events.count { $0.type == "task_agent_execute" } == 2)
            #expect(events.map(\.seq) == Array(1...UInt64(events.count)))
        }
    }

    @Test func `pages of threads and runs, newest first`() async throws {
        try await withStore { store, _, _ in
            var threads: [String] = []
            for _ in 0..<5 {
                threads.append(try await store.initiate(InitiateThreadRequest()).thread.threadID)
                // Creation times have the resolution of a millisecond; within one the order is that of the ids.
                try await Task.sleep(for: .milliseconds(2))
            }
            var seen: [String] = []
            var token = ""
            repeat {
                let page = try await store.threads(ListThreadsRequest(pageSize: 2, pageToken: token))
                seen += page.threads.map(\.threadID)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(seen == threads.reversed())

            var runs: [String] = []
            for number in 0..<5 {
                runs.append(
                    try await store.execute(ExecuteRunRequest(threadID: threads[0], task: "\(number)")).run.runID
                )
            }
            seen = []
            repeat {
                let page = try await store.runs(ListRunsRequest(threadID: threads[0], pageSize: 2, pageToken: token))
                seen += page.runs.map(\.runID)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(seen == runs.reversed())
        }
    }

    @Test func `a lost worker's run is found behind many that are held`() async throws {
        try await withStore { store, _, group in
            for number in 0..<40 {
                let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
                _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "\(number)"))
            }
            let held = try await store.take(for: "busy", count: 39, lease: .seconds(10))
            let lost = try await store.take(for: "lost", count: 1, lease: .zero)
            #expect(held.count == 39 && lost.count == 1)
            let taken = try await store.takeNext(for: "w")
            #expect(taken == lost && taken.allSatisfy(\.wasLost))
            #expect(try await store.take(for: "v", count: 1, lease: .seconds(10)).isEmpty)
        }
    }

    @Test func `a write that was given up is made good by the next one, once`() async throws {
        try await withStore(appendOnly: true) { store, redis, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            let run = try #require(try await store.claimNext(for: "w"))
            let log = RunLog(run: run, store: store)
            await redis.kill()
            try await log.text("said while Redis was away")
            let recorded = Task { try await log.record(["done"], memory: "{}") }
            recorded.cancel()
            await #expect(throws: (any Error).self) { try await recorded.value }
            try await redis.start()
            try await log.finish(RunEnd(.completed))
            // Each loop has a connection of its own, which comes back in its own time.
            var events: [Event]?
            for _ in 0..<1_000 where events == nil {
                events = try? await store.log(thread, on: group.next())
                if events == nil { try await Task.sleep(for: .milliseconds(10)) }
            }
            #expect(events?.map(\.type).suffix(2) == ["task_agent_execute", "run_completed"])
        }
    }

    @Test func `where a run's events lie, and how many runs come before it`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            var runs: [String] = []
            for number in 0..<3 {
                runs.append(try await store.execute(ExecuteRunRequest(threadID: thread, task: "\(number)")).run.runID)
            }
            for (number, id) in runs.enumerated() {
                let extent = try await store.extent(ofRun: id, on: thread)
                #expect(extent.end == nil && extent.ahead == number)
                #expect(try await store.log(thread, after: extent.start, on: group.next()).first?.runID == id)
            }
            let before = try await store.extent(ofRun: runs[0], on: thread)
            let run = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: run, store: store).finish(RunEnd(.completed))
            let after = try await store.extent(ofRun: runs[0], on: thread)
            #expect(try #require(after.end) > before.newest, "a run seen to go on ends after the place seen with it")
            let error = await #expect(throws: StoreError.self) { try await store.extent(ofRun: "nobody", on: thread) }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `deleting a thread`() async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            let busy = await #expect(throws: StoreError.self) { try await store.deleteThread(thread) }
            #expect(busy?.code == .busy)
            let run = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: run, store: store).finish(RunEnd(.completed, messages: ["m"], memory: "{}"))
            try await store.deleteThread(thread)
            let gone = await #expect(throws: StoreError.self) { try await store.thread(thread) }
            #expect(gone?.code == .notFound)
            let left = try await store.redis.send(RedisCommand("KEYS", "thread:*"))
            #expect(left.array == [])
            #expect(try await store.threads(ListThreadsRequest()).threads.isEmpty)
        }
    }

    @Test func `a server that may throw data away is refused`() async throws {
        try await withStore { store, _, _ in
            _ = try await store.redis.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
            let error = await #expect(throws: StoreError.self) { try await store.prepare() }
            #expect(error?.code == .invalid && error?.message.contains("noeviction") == true)
        }
    }

    @Test func `the prefix stands before every key`() async throws {
        try await withStore(keys: Keys(prefix: "p:")) { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x", idempotencyKey: "k"))
            let run = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: run, store: store).finish(RunEnd(.completed, messages: ["m"]))
            let keys = try await store.redis.send(RedisCommand("KEYS", "*")).array ?? []
            #expect(!keys.isEmpty && keys.allSatisfy { $0.string?.hasPrefix("p:") == true })
        }
    }
}
