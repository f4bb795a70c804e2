import Messages
import NIOCore
import NIOPosix
import OrderedCollections
import TestSupport
import Testing

@testable import Redis
@testable import Store

/// The whole store over a real cluster: threads, the list of them and the queue lie on different servers.
@Suite(.timeLimit(.minutes(2))) struct ClusterStoreTests {
    private func newThread(_ store: Store) async throws -> String {
        try await store.initiate(InitiateThreadRequest()).thread.threadID
    }

    private func execute(_ store: Store, _ thread: String, _ task: String = "x", onBusy: String = "") async throws
        -> Run
    {
        try await store.execute(ExecuteRunRequest(threadID: thread, task: task, onBusy: onBusy)).run
    }

    /// Carries out whichever run comes next. - Returns: its thread.
    @discardableResult
    private func finishNext(_ store: Store) async throws -> String {
        let run = try #require(try await store.claimNext(for: "w"))
        let log = RunLog(run: run, store: store)
        try await log.text("hello")
        try await log.record(["entry"], memory: "{}")
        try await log.finish(RunEnd(.completed, text: "done", messages: ["m"]))
        return run.threadID
    }

    private func listed(_ store: Store) async throws -> [String] {
        try await store.threads(ListThreadsRequest(pageSize: 100)).threads.map(\.threadID)
    }

    @Test func `threads, their runs and events, and the queue, over all masters`() async throws {
        try await withClusterStore { store, _, group in
            var threads: [String] = []
            for _ in 0..<12 { threads.append(try await newThread(store)) }
            #expect(Set(try await listed(store)) == Set(threads))
            let loop = group.next()
            let (events, sink) = AsyncStream.makeStream(of: Int.self)
            let subscriptions = try await loop.submit { [threads] in
                let subscriptions = Subscriptions(store: store, loop: loop, logger: .quiet)
                for thread in threads {
                    subscriptions.watch(
                        thread: thread,
                        onReady: { sink.yield(0) },
                        onEvents: { sink.yield($0.count) },
                        onGap: {}
                    )
                }
                return NIOLoopBound(subscriptions, eventLoop: loop)
            }.get()
            var iterator = events.makeAsyncIterator()
            for _ in threads { #expect(await iterator.next() == 0) }

            for thread in threads { _ = try await execute(store, thread) }
            #expect(try await store.queueStats().ready == 12)
            var finished: Set<String> = []
            for _ in threads { finished.insert(try await finishNext(store)) }
            #expect(finished == Set(threads))
            for thread in threads {
                let log = try await store.log(thread, on: loop)
                #expect(
                    log.map(\.type) == [
                        "thread_created", "run_queued", "run_attempt_started", "task_agent_execute", "run_completed",
                    ]
                )
                #expect(try await store.snapshot(thread).runs.map(\.status) == ["completed"])
            }
            var announced = 0
            while announced < 4 * threads.count { announced += try #require(await iterator.next()) }
            #expect(announced == 4 * threads.count)
            let stats = try await store.queueStats()
            #expect(stats.ready == 0 && stats.held == 0 && stats.due == 0)

            for thread in threads { try await store.deleteThread(thread) }
            #expect(try await listed(store).isEmpty)
            try await loop.submit { subscriptions.value.close() }.get()
        }
    }

    @Test func `cancelling, waiting, answering, lost workers, dead letters, schedules`() async throws {
        try await withClusterStore { store, _, group in
            // Several threads, so that each step crosses from every master to the queue's.
            for _ in 0..<4 {
                let thread = try await newThread(store)
                let first = try await execute(store, thread)
                let second = try await execute(store, thread)
                #expect(try await store.cancel(thread, second.runID).status == "cancelled")
                let running = try #require(try await store.claimNext(for: "w"))
                _ = try await execute(store, thread, "also", onBusy: "steer")
                let third = try await execute(store, thread, "instead", onBusy: "interrupt")
                #expect(try await store.cancelling([running.entry]) == [running.entry: "superseded"])
                try await RunLog(run: running, store: store).finish(RunEnd(.cancelled, reason: "superseded"))
                #expect(try await store.run(thread, first.runID).status == "cancelled")

                let asking = try #require(try await store.claimNext(for: "w"))
                #expect(asking.runID == third.runID)
                let question = Question(callID: "c", text: "Well?")
                try await RunLog(run: asking, store: store)
                    .pause(RunEnd(.requiresAction), for: question, limit: .seconds(60))
                let answer = AnswerRunRequest(threadID: thread, runID: third.runID, text: "yes")
                #expect(try await store.answer(answer).status == "queued")
                let answered = try #require(try await store.claimNext(for: "w0"))
                #expect(answered.answers == ["c": "yes"])
                for attempt in 1...3 {
                    let entry = try #require(try await store.takeOver(for: "w\(attempt)").first)
                    _ = try await store.claim(entry, maxAttempts: 3)
                }
                #expect(try await store.run(thread, third.runID).error?.code == "max_attempts")
                let letters = try await store.deadLetters(ListDeadLettersRequest())
                #expect(letters.deadLetters.map(\.runID) == [third.runID])
                let again = RequeueDeadLetterRequest(threadID: thread, runID: third.runID)
                let requeued = try await store.requeue(again)
                #expect(try await finishNext(store) == thread)
                #expect(try await store.run(thread, requeued.runID).status == "completed")
                #expect(try await store.deadLetters(ListDeadLettersRequest()).total == 0)

                let later = ScheduleRunRequest(threadID: thread, task: "later", delaySeconds: 3600)
                let kept = try await store.schedule(later)
                _ = try await store.schedule(ScheduleRunRequest(threadID: thread, task: "now", at: 1))
                #expect(try await store.sweep(every: .seconds(1)) == .zero)
                #expect(try await finishNext(store) == thread)
                #expect(try await store.schedules(thread).schedules.map(\.task) == ["later"])
                try await store.deleteSchedule(DeleteScheduleRequest(threadID: thread, scheduleID: kept.scheduleID))
                #expect(try await store.log(thread, on: group.next()).filter(\.final).count == 5)
            }
        }
    }

    @Test func `what is asked of a thread whose keys are just moving is done when they have moved`() async throws {
        try await withClusterStore { store, cluster, group in
            let thread = try await newThread(store)
            let metadata = store.keys.metadata(thread)
            let slot = HashSlot.of(metadata)
            let source = cluster.master(of: slot)
            let target = try #require(cluster.nodes[..<3].first { $0.port != source.port })
            let sourceID = try await source.server.cli("CLUSTER", "MYID")
            let targetID = try await target.server.cli("CLUSTER", "MYID")
            _ = try await target.server.cli("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", sourceID)
            _ = try await source.server.cli("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", targetID)
            func migrate(_ key: String) async throws {
                _ = try await source.server.cli("MIGRATE", "127.0.0.1", "\(target.port)", key, "0", "5000")
            }
            // The log goes ahead, the thread's hash is still where it was.
            try await migrate(store.keys.stream(thread))
            async let run = execute(store, thread)
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await source.server.cli("HGET", metadata, "run_count") == "0", "it must not be half done")
            #expect(try await source.server.cli("CLUSTER", "COUNTKEYSINSLOT", "\(slot)") == "1")
            try await migrate(metadata)
            for node in [target, source] {
                _ = try await node.server.cli("CLUSTER", "SETSLOT", "\(slot)", "NODE", targetID)
            }
            #expect(try await run.status == "queued")
            #expect(try await finishNext(store) == thread)
            let log = try await store.log(thread, on: group.next())
            #expect(log.map(\.seq) == Array(1...5))
        }
    }

    @Test func `forks, idempotency keys, updates and what is let go of`() async throws {
        try await withClusterStore { store, _, group in
            let hour: Int64 = 3_600_000
            for number in 0..<6 {
                let request = InitiateThreadRequest(metadata: ["n": "\(number)"], idempotencyKey: "k\(number)")
                let first = try await store.initiate(request)
                let again = try await store.initiate(request)
                let thread = first.thread.threadID
                #expect(!first.isReplay && again.isReplay && again.thread.threadID == thread)
                let other = InitiateThreadRequest(idempotencyKey: "k\(number)")
                let reused = await #expect(throws: StoreError.self) { try await store.initiate(other) }
                #expect(reused?.code == .conflict)
                _ = try await store.update(UpdateThreadRequest(threadID: thread, title: "T"), metadataLimit: 9)
                _ = try await execute(store, thread)
                try await finishNext(store)
                let fork = try await store.fork(ForkThreadRequest(threadID: thread))
                #expect(fork.title == "T" && fork.runCount == 1)
                _ = try await execute(store, fork.threadID)
                let run = try #require(try await store.claimNext(for: "w"))
                #expect(run.messages == ["m"] && run.memory == "{}")
                try await RunLog(run: run, store: store).finish(RunEnd(.completed))
                #expect(Set(try await listed(store)) == [thread, fork.threadID])
                while try await store.sweep(Retention(), at: Store.now + 2 * hour) > 0 {}
                while try await store.sweep(Retention(), at: Store.now + 8 * 24 * hour) > 0 {}
                #expect(try await store.log(fork.threadID, on: group.next()).isEmpty)
                while try await store.sweep(Retention(), at: Store.now + 32 * 24 * hour) > 0 {}
                #expect(try await listed(store).isEmpty)
                // The key still stands for the thread that is gone, and brings it back no more.
                let gone = await #expect(throws: StoreError.self) { try await store.initiate(request) }
                #expect(gone?.code == .notFound)
                #expect(try await listed(store).isEmpty)
            }
        }
    }

    @Test func `without the queue's server nothing is accepted that the queue would not learn of`() async throws {
        try await withClusterStore { store, cluster, group in
            let queue = cluster.master(of: HashSlot.of("{default}"))
            var thread = try await newThread(store)
            while cluster.master(of: HashSlot.of("{\(thread)}")).port == queue.port {
                thread = try await newThread(store)
            }
            await queue.server.pause()
            let request = ExecuteRunRequest(threadID: thread, task: "x")
            let error = await #expect(throws: StoreError.self) { try await store.execute(request) }
            #expect(error?.code == .unavailable)
            let runCount = try await store.thread(thread).runCount
            #expect(runCount == 0)
            await queue.server.resume()
        }
    }
}

/// What creates or deletes a thread in steps, and is lost between two of them.
@Suite(.timeLimit(.minutes(1))) struct ThreadListTests {
    private static let later = Store.now + 11_000

    private func sweep(_ store: Store, at time: Int64 = later) async throws {
        while try await store.sweep(Retention(), at: time) > 0 {}
    }

    private func listed(_ store: Store) async throws -> [String] {
        let members = try await store.redis.send(RedisCommand("ZRANGE", "threads", "0", "-1"))
        return (members.array ?? []).compactMap(\.string)
    }

    @Test func `a thread that was created and not listed is listed by the sweeper, where it belongs`() async throws {
        try await withStore { store, _, _ in
            var threads: [String] = []
            for _ in 0..<3 {
                threads.append(try await store.initiate(InitiateThreadRequest()).thread.threadID)
                try await Task.sleep(for: .milliseconds(2))
            }
            _ = try await store.redis.send(RedisCommand("ZREM", "threads", RedisArgument(threads[1])))
            try await sweep(store)
            #expect(try await listed(store) == threads)
        }
    }

    @Test func `a thread that was deleted and is still listed goes from the list`() async throws {
        try await withStore { store, _, _ in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            // As if the deletion had come to its script and no further.
            _ = try await store.redis.send(
                RedisCommand(
                    "DEL",
                    RedisArgument("thread:\(thread):metadata"),
                    RedisArgument("thread:\(thread):stream")
                )
            )
            #expect(try await store.threads(ListThreadsRequest()).threads.isEmpty)
            try await sweep(store)
            #expect(try await listed(store).isEmpty)
            try await sweep(store, at: Self.later + 61_000)
            #expect(try await store.redis.send(RedisCommand("KEYS", "*")).array == [])
        }
    }

    @Test func `a creation that comes after the sweeper has looked is listed by its second look`() async throws {
        try await withStore { store, _, _ in
            let key = InitiateThreadRequest(idempotencyKey: "k")
            let thread = try await store.initiate(key).thread.threadID
            let name = RedisArgument("thread:\(thread):metadata")
            _ = try await store.redis.send(RedisCommand("RENAME", name, "aside"))
            try await sweep(store)
            _ = try await store.redis.send(RedisCommand("RENAME", "aside", name))
            try await sweep(store, at: Self.later + 61_000)
            #expect(try await listed(store) == [thread])
        }
    }

    @Test func `a key whose thread was not created for a crash creates it when the request comes again`() async throws {
        try await withStore { store, _, _ in
            let request = InitiateThreadRequest(idempotencyKey: "k")
            let first = try await store.initiate(request).thread.threadID
            _ = try await store.redis.send(
                RedisCommand("DEL", RedisArgument("thread:\(first):metadata"), RedisArgument("thread:\(first):stream"))
            )
            let again = try await store.initiate(request)
            #expect(again.thread.threadID == first && again.thread.seq == 1)
            #expect(try await listed(store) == [first])
            try await store.deleteThread(first)
            let gone = await #expect(throws: StoreError.self) { try await store.initiate(request) }
            #expect(gone?.code == .notFound)
            #expect(try await listed(store).isEmpty)
        }
    }
}
