import Messages
import NIOPosix
import Redis
import Store
import TestSupport
import Testing

/// Runs that pause, fail and are tried again, or wait too long.
struct RunLifeTests {
    private static let question = Question(callID: "c1", text: "Red or blue?", choices: ["red", "blue"])

    private func submit(_ store: Store, _ task: String = "x", tenant: String = "default") async throws -> Run {
        let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
        return try await store.execute(ExecuteRunRequest(threadID: thread, task: task), tenant: tenant).run
    }

    /// Takes the run up and lets it ask.
    private func pause(_ store: Store, limit: Duration = .seconds(60)) async throws -> ClaimedRun {
        let run = try #require(try await store.claimNext(for: "w"))
        let log = RunLog(run: run, store: store)
        try await log.record(["asked"], memory: nil)
        let end = RunEnd(.requiresAction, usage: Usage(inputTokens: 5), messages: ["task", "unanswered"])
        try await log.pause(end, for: Self.question, limit: limit)
        return run
    }

    // MARK: Questions

    @Test func `a run that asks holds no worker, and goes on with the answer`() async throws {
        try await withStore { store, _, group in
            let submitted = try await submit(store, tenant: "t")
            let (thread, id) = (submitted.threadID, submitted.runID)
            _ = try await pause(store)
            let paused = try await store.run(thread, id)
            #expect(paused.status == "requires_action" && paused.question == Self.question)
            var stats = try await store.queueStats()
            #expect(stats.held == 0 && stats.ready == 0 && stats.due == 1)

            let answer = AnswerRunRequest(threadID: thread, runID: id, callID: "c1", text: "blue")
            #expect(try await store.answer(answer).status == "queued")
            // Once more, because its answer was lost.
            #expect(try await store.answer(answer).status == "queued")
            let again = try #require(try await store.claimNext(for: "w"))
            #expect(again.runID == id && again.answers == ["c1": "blue"] && again.journal == ["asked"])
            #expect(again.entry.tenant == "t" && again.attempt == 2)
            try await RunLog(run: again, store: store).finish(RunEnd(.completed))
            stats = try await store.queueStats()
            #expect(stats.held == 0)

            let events = try await store.log(thread, on: group.next())
            #expect(
                events.map(\.type) == [
                    "thread_created", "run_queued", "run_attempt_started", "run_requires_action", "run_answered",
                    "run_attempt_started", "run_completed",
                ]
            )
            #expect(
                events[3].payload == .run(RunUpdate(status: "requires_action", question: Self.question))
            )
        }
    }

    @Test func `answers to what is not asked are refused`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            var answer = AnswerRunRequest(threadID: run.threadID, runID: run.runID, text: "blue")
            var error = await #expect(throws: StoreError.self) { try await store.answer(answer) }
            #expect(error?.code == .busy)
            _ = try await pause(store)
            answer.callID = "other"
            error = await #expect(throws: StoreError.self) { try await store.answer(answer) }
            #expect(error?.code == .busy && error?.message.contains("c1") == true)
            answer.runID = "nobody"
            error = await #expect(throws: StoreError.self) { try await store.answer(answer) }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `a question that nobody answers expires, and the next run finds a whole conversation`() async throws {
        try await withStore { store, _, group in
            let first = try await submit(store)
            _ = try await pause(store, limit: .zero)
            let second = try await store.execute(ExecuteRunRequest(threadID: first.threadID, task: "2")).run
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            let expired = try await store.run(first.threadID, first.runID)
            #expect(expired.status == "expired" && expired.error?.code == "action_limit")
            let late = AnswerRunRequest(threadID: first.threadID, runID: first.runID, text: "blue")
            await #expect(throws: StoreError.self) { try await store.answer(late) }
            let next = try #require(try await store.claimNext(for: "w"))
            #expect(next.runID == second.runID && next.messages == ["task", "unanswered"])
            #expect(try await store.thread(first.threadID).usage?.inputTokens == 5)
            #expect(
                try await store.log(first.threadID, on: group.next()).filter(\.final).map(\.type) == ["run_expired"]
            )
        }
    }

    @Test func `a cancel ends a run that asks at once`() async throws {
        try await withStore { store, _, _ in
            let first = try await submit(store)
            _ = try await pause(store)
            #expect(try await store.cancel(first.threadID, first.runID).status == "cancelled")
            _ = try await store.execute(ExecuteRunRequest(threadID: first.threadID, task: "2"))
            #expect(try await store.claimNext(for: "w")?.messages == ["task", "unanswered"])
        }
    }

    @Test func `a run that is asked to stop while it wants to ask, stops`() async throws {
        try await withStore { store, _, _ in
            let submitted = try await submit(store)
            let run = try #require(try await store.claimNext(for: "w"))
            _ = try await store.cancel(run.threadID, run.runID)
            let log = RunLog(run: run, store: store)
            try await log.pause(RunEnd(.requiresAction), for: Self.question, limit: .seconds(60))
            let ended = try await store.run(submitted.threadID, submitted.runID)
            #expect(ended.status == "cancelled" && ended.reason == "user")
        }
    }

    // MARK: Failures

    @Test func `a failure that may pass is tried again later, from the journal, and then stands`() async throws {
        try await withStore { store, _, group in
            let submitted = try await submit(store)
            let failure = Failure(code: "model_overloaded", message: "too much")
            for attempt in 1...3 {
                let run = try #require(try await store.claimNext(for: "w"))
                #expect(
                    run.attempt == UInt32(attempt) && run.failures == attempt - 1 && run.journal.count == attempt - 1
                )
                let log = RunLog(run: run, store: store)
                try await log.record(["step \(attempt)"], memory: nil)
                try await log.retry(RunEnd(.failed, error: failure), after: .seconds(60), maxFailures: 3)
                guard attempt < 3 else { break }
                #expect(try await store.run(run.threadID, run.runID).status == "queued")
                // Before its time nobody gets it.
                #expect(try await store.take(for: "w", count: 1, lease: .seconds(10)).isEmpty)
                try await store.setRetryDue(run)
                _ = try await store.sweep(every: .seconds(1))
            }
            let ended = try await store.run(submitted.threadID, submitted.runID)
            #expect(ended.status == "failed" && ended.error == failure)
            let letters = try await store.deadLetters(ListDeadLettersRequest())
            #expect(letters.total == 1 && letters.deadLetters.map(\.runID) == [submitted.runID])
            let events = try await store.log(submitted.threadID, on: group.next())
            #expect(events.filter(\.final).map(\.type) == ["run_failed"])
            #expect(
                events.filter { $0.type == "run_queued" }.dropFirst().map(\.payload)
                    == Array(repeating: .run(RunUpdate(status: "queued", reason: "retry", error: failure)), count: 2)
            )
        }
    }

    @Test func `a sweeper that looks too early at a failed run comes again`() async throws {
        try await withStore { store, _, _ in
            _ = try await submit(store)
            let run = try #require(try await store.claimNext(for: "w"))
            let log = RunLog(run: run, store: store)
            try await log.retry(RunEnd(.failed, error: Failure(code: "c")), after: .seconds(60), maxFailures: 3)
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            let stats = try await store.queueStats()
            #expect(stats.ready == 0 && stats.due == 1)
        }
    }

    @Test func `dead letters are listed, put back once as new runs, and purged`() async throws {
        try await withStore { store, _, _ in
            var ids: [(thread: String, run: String)] = []
            for number in 0..<3 {
                let run = try await submit(store, "\(number)", tenant: "t")
                ids.append((run.threadID, run.runID))
                let entry = try #require(try await store.takeNext(for: "w").first)
                _ = try await store.claim(entry, maxAttempts: 1)
                let lost = try #require(try await store.takeOver(for: "v").first)
                #expect(try await store.claim(lost, maxAttempts: 1) == nil)
            }
            let letters = try await store.deadLetters(ListDeadLettersRequest(pageSize: 2))
            #expect(letters.total == 3 && letters.deadLetters.count == 2)
            #expect(
                letters.deadLetters.allSatisfy { $0.error?.code == "max_attempts" && $0.tenant == "t" && $0.time > 0 }
            )

            let request = RequeueDeadLetterRequest(threadID: ids[0].thread, runID: ids[0].run)
            let again = try await store.requeue(request)
            #expect(again.task == "0" && again.retryOf == ids[0].run && again.tenant == "t")
            let gone = await #expect(throws: StoreError.self) { try await store.requeue(request) }
            #expect(gone?.code == .notFound)
            #expect(try await store.purgeDeadLetters() == 2)
            #expect(try await store.deadLetters(ListDeadLettersRequest()) == ListDeadLettersResponse())
            // An entry of such a run that was in the queue twice does not bring it back.
            let twice = RedisArgument("\(ids[1].thread) \(ids[1].run) 0")
            _ = try await store.redis.send(RedisCommand("LPUSH", store.queueKey("ready:t"), twice))
            #expect(try await store.claimNext(for: "w")?.runID == again.runID)
            #expect(try await store.deadLetters(ListDeadLettersRequest()).total == 0)
        }
    }

    @Test func `a run that has ended can be tried again, one that goes on cannot`() async throws {
        try await withStore { store, _, _ in
            let first = try await submit(store, "the task")
            var request = RetryRunRequest(threadID: first.threadID, runID: first.runID)
            let error = await #expect(throws: StoreError.self) { try await store.retry(request) }
            #expect(error?.code == .busy)
            _ = try await store.cancel(first.threadID, first.runID)
            request.idempotencyKey = "k"
            let again = try await store.retry(request)
            let repeated = try await store.retry(request)
            #expect(again.run.task == "the task" && again.run.retryOf == first.runID && !again.isReplay)
            #expect(repeated.run.runID == again.run.runID && repeated.isReplay)
        }
    }

    // MARK: Time

    @Test func `a run that waits too long for a worker is timed out, also behind another one`() async throws {
        try await withStore(queueLimit: .milliseconds(1)) { store, _, _ in
            let first = try await submit(store)
            let second = try await store.execute(ExecuteRunRequest(threadID: first.threadID, task: "2")).run
            for id in [second.runID, first.runID] {
                let key = RedisArgument("thread:\(first.threadID):run:\(id)")
                _ = try await store.redis.send(RedisCommand("HSET", key, "start_by", "1"))
            }
            while let entry = try await store.take(for: "w", count: 1, lease: .seconds(10)).first {
                #expect(try await store.claim(entry, maxAttempts: 3) == nil)
            }
            for id in [first.runID, second.runID] {
                let run = try await store.run(first.threadID, id)
                #expect(run.status == "timed_out" && run.error?.code == "queue_limit" && run.attempt == 0)
            }
            #expect(try await store.thread(first.threadID).status == "idle")
        }
    }

    @Test func `a run that waits too long is timed out though no worker has room`() async throws {
        try await withStore(queueLimit: .milliseconds(1)) { store, _, _ in
            let first = try await submit(store)
            let second = try await store.execute(ExecuteRunRequest(threadID: first.threadID, task: "2")).run
            try await store.makeDue()
            try await Task.sleep(for: .milliseconds(5))
            for _ in 0..<3 { _ = try await store.sweep(every: .seconds(1)) }
            for id in [first.runID, second.runID] {
                #expect(try await store.run(first.threadID, id).status == "timed_out")
            }
            #expect(try await store.queueStats().due == 0)
        }
    }

    @Test func `a run's time counts over its attempts, without the time in which it waits for an answer`() async throws
    {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            _ = try await pause(store)
            let key = RedisArgument("thread:\(run.threadID):run:\(run.runID)")
            // It began 100 s before it asked, and asked 60 s ago.
            let asked = try #require(try await store.redis.send(RedisCommand("HGET", key, "paused_at")).int)
            _ = try await store.redis.send(
                RedisCommand(
                    "HSET",
                    key,
                    "started_at",
                    RedisArgument(asked - 160_000),
                    "paused_at",
                    RedisArgument(asked - 60_000)
                )
            )
            _ = try await store.answer(AnswerRunRequest(threadID: run.threadID, runID: run.runID, text: "blue"))
            let again = try #require(try await store.claimNext(for: "w"))
            #expect(again.elapsed >= .seconds(100) && again.elapsed < .seconds(130))
        }
    }
}

extension Store {
    /// The time has come at which a failed run is to be tried again.
    fileprivate func setRetryDue(_ run: ClaimedRun) async throws {
        let key = RedisArgument("thread:\(run.threadID):run:\(run.runID)")
        _ = try await redis.send(RedisCommand("HSET", key, "retry_at", "1"))
        try await makeDue()
    }
}
