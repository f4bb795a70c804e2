import Messages
import Modem
import Redis
import Store
import Synchronization
import TestSupport
import Testing

/// The worker pool over a real redis-server.
@Suite(.timeLimit(.minutes(1)))
struct ModemTests {
    @Test func `claims runs, carries them out and signs off`() async throws {
        try await ModemBench.with { bench in
            var runs: [Run] = []
            for number in 0..<12 { runs.append(try await bench.submit("task \(number)")) }
            try await bench.working { _ in
            } _: { run, log in
                try await log.text("doing \(run.task)")
                return RunEnd(.completed, text: "did \(run.task)")
            } while: { _ in
                for run in runs { try await bench.log(run.threadID, until: "run_completed") }
                #expect(try await bench.store.queueStats().workers == 1)
            }
            for (number, run) in runs.enumerated() {
                let ended = try await bench.state(run)
                #expect(ended.status == "completed" && ended.text == "did task \(number)" && ended.attempt == 1)
                let types = try await bench.log(run.threadID).map(\.type)
                // What was said right before the end is in the log.
                #expect(
                    types == [
                        "thread_created", "run_queued", "run_attempt_started", "task_agent_execute", "run_completed",
                    ]
                )
            }
            #expect(try await bench.store.queueStats().workers == 0)
            let left = try await bench.store.redis.send(RedisCommand("KEYS", "queue:*"))
            #expect(left.array == [])
        }
    }

    @Test func `a run for which there is room is taken up as it is accepted, the next ones wait in the queue`()
        async throws
    {
        try await ModemBench.with { bench in
            try await bench.working {
                ($0.concurrency, $0.lease, $0.heartbeat) = (2, .seconds(100), .seconds(30))
            } _: { run, _ in
                if run.task == "long" {
                    await bench.signals.raise("started")
                    await bench.signals.wait("go")
                }
                return RunEnd(.completed, text: "did \(run.task)")
            } while: { _ in
                try await bench.untilNearby()
                var runs = [try await bench.submit("long"), try await bench.submit("long")]
                await bench.signals.wait("started", count: 2)
                for _ in 0..<3 { runs.append(try await bench.submit("short")) }
                #expect(try await bench.undelivered() == 3)
                await bench.signals.raise("go")
                for run in runs {
                    try await bench.log(run.threadID, until: "run_completed")
                    let ended = try await bench.state(run)
                    #expect(ended.attempt == 1 && ended.text == "did \(run.task)")
                }
            }
            #expect(try await bench.store.queueStats().held == 0)
        }
    }

    @Test func `a run that was taken up as it was accepted can be cancelled at once`() async throws {
        try await ModemBench.with { bench in
            try await bench.working {
                // No heartbeat comes to tell of it.
                ($0.lease, $0.heartbeat) = (.seconds(100), .seconds(50))
            } _: { _, _ in
                await untilCancelled()
                return RunEnd(.completed)
            } while: { _ in
                var nearby = 0
                while nearby < 10 {
                    let run = try await bench.submit("long")
                    nearby += try await bench.wasStartedNearby(run) ? 1 : 0
                    _ = try await bench.store.cancel(run.threadID, run.runID)
                    try await bench.log(run.threadID, until: "run_cancelled")
                }
            }
        }
    }

    @Test func `what is accepted while the worker stops is carried out by the next one`() async throws {
        try await ModemBench.with { bench in
            var runs: [Run] = []
            try await bench.working { _ in
            } _: { _, _ in
                RunEnd(.completed)
            } while: { modem in
                try await bench.untilNearby()
                modem.shutDown()
                for _ in 0..<20 { runs.append(try await bench.submit()) }
            }
            try await bench.working { _ in
            } _: { _, _ in
                RunEnd(.completed)
            } while: { _ in
                for run in runs {
                    try await bench.log(run.threadID, until: "run_completed")
                    #expect(try await bench.state(run).attempt == 1)
                }
            }
        }
    }

    @Test func `no more runs at once than there are slots`() async throws {
        try await ModemBench.with { bench in
            for _ in 0..<6 { _ = try await bench.submit() }
            let working = Mutex((now: 0, most: 0))
            try await bench.working {
                $0.concurrency = 2
            } _: { _, _ in
                working.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                await bench.signals.raise("started")
                await bench.signals.wait("go")
                working.withLock { $0.now -= 1 }
                await bench.signals.raise("ended")
                return RunEnd(.completed)
            } while: { _ in
                await bench.signals.wait("started", count: 2)
                let undelivered = try await bench.undelivered()
                #expect(undelivered == 4)
                await bench.signals.raise("go")
                await bench.signals.wait("ended", count: 6)
            }
            #expect(working.withLock { $0.most } == 2)
        }
    }

    @Test func `runs of one thread follow each other, those of others overtake them`() async throws {
        try await ModemBench.with { bench in
            let first = try await bench.submit("first")
            _ = try await bench.store.execute(ExecuteRunRequest(threadID: first.threadID, task: "second"))
            let other = try await bench.submit("other")
            try await bench.working { _ in
            } _: { run, _ in
                if run.task == "first" { await bench.signals.wait("other") }
                await bench.signals.raise(run.task)
                return RunEnd(.completed)
            } while: { _ in
                try await bench.log(other.threadID, until: "run_completed")
                let events = try await bench.log(first.threadID, until: "run_completed", count: 2)
                #expect(
                    events.dropFirst(3).map(\.type) == [
                        "run_attempt_started", "run_completed", "run_attempt_started", "run_completed",
                    ]
                )
            }
        }
    }

    // MARK: How a run ends

    @Test func `a cancel reaches the handler, and the end comes after what it cleans up`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working { _ in
            } _: { _, log in
                await bench.signals.raise("started")
                await untilCancelled()
                try await log.emit("message_completed", .messageCompleted(MessageCompleted(text: "all is gone")))
                return RunEnd(.cancelled, text: "as far as I came", messages: ["m"])
            } while: { _ in
                await bench.signals.wait("started")
                let answer = try await bench.store.cancel(run.threadID, run.runID)
                // The handler may be quicker than the answer.
                #expect(["cancelling", "cancelled"].contains(answer.status))
                // A second time changes nothing.
                _ = try await bench.store.cancel(run.threadID, run.runID)
                let events = try await bench.log(run.threadID, until: "run_cancelled")
                #expect(events.dropFirst(3).map(\.type) == ["run_cancelling", "message_completed", "run_cancelled"])
                #expect(events.filter(\.final).count == 1)
                let ended = try await bench.state(run)
                #expect(ended.status == "cancelled" && ended.reason == "user" && ended.text == "as far as I came")
            }
        }
    }

    @Test func `a cancel that was not announced is found by the heartbeat`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working { _ in
            } _: { _, _ in
                await bench.signals.raise("started")
                await untilCancelled()
                return RunEnd(.cancelled)
            } while: { _ in
                await bench.signals.wait("started")
                let key = RedisArgument("thread:\(run.threadID):run:\(run.runID)")
                _ = try await bench.store.redis.send(RedisCommand("HSET", key, "status", "cancelling"))
                try await bench.log(run.threadID, until: "run_cancelled")
            }
        }
    }

    @Test func `a handler that throws fails its run`() async throws {
        struct Broken: Error { let secret = "sk-1234" }
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working { _ in
            } _: { _, _ in
                throw Broken()
            } while: { _ in
                let events = try await bench.log(run.threadID, until: "run_failed")
                #expect(events.last?.final == true)
                let error = try await bench.state(run).error
                #expect(error?.code == "internal" && error?.message.contains("1234") == false)
            }
        }
    }

    @Test func `a failure that may pass is tried again by itself, as often as it may`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working {
                $0.retries.base = .milliseconds(20)
                $0.retries.limit = .milliseconds(50)
            } _: { run, _ in
                guard run.attempt < 3 else { return RunEnd(.completed) }
                return RunEnd(.failed, error: Failure(code: "model_overloaded"), retryAfter: .zero)
            } while: { _ in
                let events = try await bench.log(run.threadID, until: "run_completed")
                #expect(events.filter(\.final).count == 1)
                #expect(try await bench.state(run).attempt == 3)
            }
        }
    }

    @Test func `a run that asks gives its slot to others until it is answered`() async throws {
        try await ModemBench.with { bench in
            let asking = try await bench.submit("ask")
            try await bench.working {
                $0.concurrency = 1
            } _: { run, _ in
                guard run.task == "ask", run.answers.isEmpty else { return RunEnd(.completed) }
                return RunEnd(.requiresAction, question: Question(callID: "c", text: "Well?"))
            } while: { _ in
                try await bench.log(asking.threadID, until: "run_requires_action")
                let other = try await bench.submit("other")
                try await bench.log(other.threadID, until: "run_completed")
                let answer = AnswerRunRequest(threadID: asking.threadID, runID: asking.runID, text: "yes")
                _ = try await bench.store.answer(answer)
                try await bench.log(asking.threadID, until: "run_completed")
            }
        }
    }

    @Test func `a schedule's run is carried out, once, by whichever worker sees it`() async throws {
        try await ModemBench.with { bench in
            let thread = try await bench.store.initiate(InitiateThreadRequest()).thread.threadID
            let modems = [
                await bench.modem("a") { _, _ in RunEnd(.completed) },
                await bench.modem("b") { _, _ in RunEnd(.completed) },
            ]
            _ = try await bench.store.schedule(ScheduleRunRequest(threadID: thread, task: "later", at: 1))
            try await bench.log(thread, until: "run_completed")
            for modem in modems { modem.shutDown() }
            for modem in modems { try await modem.ended() }
            #expect(try await bench.store.thread(thread).runCount == 1)
            #expect(try await bench.store.schedules(thread).schedules.isEmpty)
        }
    }

    @Test func `a handler that could not write leaves its run for another attempt`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working { _ in
            } _: { run, _ in
                if run.attempt == 1 { throw StoreError(.unavailable, "Redis is not available") }
                return RunEnd(.completed)
            } while: { _ in
                let events = try await bench.log(run.threadID, until: "run_completed")
                #expect(
                    events.map(\.type).suffix(3) == ["run_attempt_started", "run_attempt_started", "run_completed"]
                )
            }
        }
    }

    @Test func `a run that comes back while its job is in its last steps is not forgotten`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working { _ in
            } _: { run, log in
                guard run.attempt == 1 else { return RunEnd(.completed) }
                let question = Question(callID: "c", text: "Well?")
                let end = RunEnd(.requiresAction, question: question)
                try await log.pause(end, for: question, limit: .seconds(600))
                let answer = AnswerRunRequest(threadID: run.threadID, runID: run.runID, text: "yes")
                _ = try await bench.store.answer(answer)
                // This worker, which is the only one, has got it a second time.
                while try await bench.store.queueStats().ready > 0 { await Task.yield() }
                for _ in 0..<100 { await Task.yield() }
                throw StoreError(.unavailable, "the answer to the last step was lost")
            } while: { _ in
                try await bench.log(run.threadID, until: "run_completed")
            }
            #expect(try await bench.state(run).attempt == 2)
        }
    }

    // MARK: Leases

    @Test func `a run that another worker has got is stopped, and nothing of it is written`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            try await bench.working {
                $0.concurrency = 1
            } _: { _, log in
                await bench.signals.raise("started")
                await untilCancelled()
                // On a slow machine its own lease may be over before it is another's.
                await bench.signals.wait("taken")
                let error = await #expect(throws: StoreError.self) {
                    try await log.emit("message_completed", .messageCompleted(MessageCompleted(text: "too late")))
                    try await log.flush()
                }
                #expect(error?.code == .stale)
                await bench.signals.raise("stopped")
                return RunEnd(.completed, text: "too late")
            } while: { _ in
                await bench.signals.wait("started")
                let taken = try await bench.store.takeOver(for: "thief")
                let second = try #require(try await bench.store.claim(taken[0], maxAttempts: 3))
                await bench.signals.raise("taken")
                #expect(second.attempt == 2)
                await bench.signals.wait("stopped")
                try await RunLog(run: second, store: bench.store).finish(RunEnd(.completed, text: "in time"))
            }
            let events = try await bench.log(run.threadID)
            #expect(!events.contains { $0.type == "message_completed" } && events.count(where: \.final) == 1)
            #expect(try await bench.state(run).text == "in time")
        }
    }

    @Test func `what a worker holds without knowing it takes up after a connection error, not after a lease`()
        async throws
    {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            // The answer to this is lost.
            _ = try await bench.store.take(for: "m", count: 1, lease: .seconds(600))
            try await bench.working {
                ($0.lease, $0.maxAttempts) = (.seconds(600), 1)
            } _: { run, _ in
                #expect(run.attempt == 1)
                return RunEnd(.completed)
            } while: { _ in
                while try await bench.store.queueStats().workers == 0 {}
                // The claimer may just not be waiting for anything.
                while try await !bench.ended(run) {
                    _ = try await bench.redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
        }
    }

    @Test func `an outage longer than a lease costs a run time, and none of its attempts`() async throws {
        try await ModemBench.with(appendOnly: true) { bench in
            let run = try await bench.submit()
            var modems: [RunningModem] = []
            for name in ["a", "b"] {
                let modem = await bench.modem(name, { ($0.maxAttempts, $0.lease) = (1, .seconds(3)) }) { run, _ in
                    await bench.signals.raise("attempt \(run.attempt)")
                    if run.attempt == 1 { await untilCancelled() }
                    return RunEnd(.completed)
                }
                modems.append(modem)
            }
            await bench.signals.wait("attempt 1")
            while try await bench.store.queueStats().workers < 2 {}
            await bench.redis.kill()
            try await Task.sleep(for: .milliseconds(3500))
            try await bench.redis.start()
            let ended = try await bench.end(of: run)
            for modem in modems { modem.shutDown() }
            for modem in modems { try await modem.ended() }
            #expect(ended.status == "completed" && ended.attempt == 2)
        }
    }

    @Test func `a lost worker's run goes on with another`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            let lost = try #require(try await bench.claimAndVanish())
            let log = RunLog(run: lost, store: bench.store)
            try await log.record(["done"], memory: nil)
            try await log.text("half a sen")
            try await log.flush()
            try await bench.working { _ in
            } _: { run, _ in
                #expect(run.attempt == 2 && run.journal == ["done"])
                return RunEnd(.completed)
            } while: { _ in
                let events = try await bench.log(run.threadID, until: "run_completed")
                let started = try #require(events.last { $0.type == "run_attempt_started" })
                #expect(
                    started.attempt == 2 && started.payload == .run(RunUpdate(status: "running", discardFromSeq: 4))
                )
            }
        }
    }

    @Test func `a run that has lost too many workers is given up`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            _ = try await bench.claimAndVanish()
            try await bench.working {
                $0.maxAttempts = 1
            } _: { _, _ in
                Issue.record("a run that was given up is not carried out")
                return RunEnd(.completed)
            } while: { _ in
                try await bench.log(run.threadID, until: "run_failed")
            }
            #expect(try await bench.state(run).error?.code == "max_attempts")
            let dead = try await bench.store.redis.send(RedisCommand("ZRANGE", "queue:default:dead", "0", "-1"))
            #expect(dead.array?.map(\.string) == ["\(run.threadID) \(run.runID) default"])
        }
    }

    // MARK: Shutdown

    @Test func `shutdown waits for the runs, and claims no more`() async throws {
        try await ModemBench.with { bench in
            let first = try await bench.submit()
            let modem = await bench.modem("m", { ($0.concurrency, $0.grace) = (1, .seconds(30)) }) { _, _ in
                await bench.signals.raise("started")
                await bench.signals.wait("go")
                return RunEnd(.completed)
            }
            await bench.signals.wait("started")
            let second = try await bench.submit()
            modem.shutDown()
            await bench.signals.raise("go")
            try await modem.ended()
            #expect(try await bench.state(first).status == "completed")
            #expect(try await bench.state(second).status == "queued")
        }
    }

    @Test(arguments: [1, 4])
    func `after the grace a run is handed back, and another worker goes on`(concurrency: Int) async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            let first = await bench.modem(
                "first",
                {
                    $0.concurrency = concurrency
                    $0.grace = .milliseconds(100)
                    $0.lease = .seconds(30)
                }
            ) { _, log in
                try await log.record(["done"], memory: nil)
                await bench.signals.raise("started")
                await untilCancelled()
                return RunEnd(.cancelled)
            }
            await bench.signals.wait("started")
            first.shutDown()
            try await first.ended()
            #expect(try await bench.state(run).status == "queued")
            try await bench.working { _ in
            } _: { run, _ in
                #expect(run.attempt == 2 && run.journal == ["done"])
                return RunEnd(.completed)
            } while: { _ in
                let events = try await bench.log(run.threadID, until: "run_completed")
                #expect(
                    events.dropFirst(2).map(\.type) == [
                        "run_attempt_started", "run_queued", "run_attempt_started", "run_completed",
                    ]
                )
            }
        }
    }

    @Test func `a process that is cancelled hands its runs back and cancels none`() async throws {
        try await ModemBench.with { bench in
            let run = try await bench.submit()
            let modem = await bench.modem { _, _ in
                await bench.signals.raise("started")
                await untilCancelled()
                return RunEnd(.cancelled)
            }
            await bench.signals.wait("started")
            modem.cancel()
            try await modem.ended()
            #expect(try await bench.state(run).status == "queued")
            let events = try await bench.log(run.threadID)
            #expect(events.filter(\.final).isEmpty)
        }
    }

    // MARK: Outages

    @Test func `a short outage is waited out by the runs in hand`() async throws {
        try await ModemBench.with(appendOnly: true) { bench in
            let run = try await bench.submit()
            try await bench.working {
                $0.lease = .seconds(30)
            } _: { _, log in
                await bench.signals.raise("started")
                await bench.signals.wait("down")
                try await log.emit("message_completed", .messageCompleted(MessageCompleted(text: "still here")))
                await bench.signals.raise("said")
                return RunEnd(.completed)
            } while: { _ in
                await bench.signals.wait("started")
                await bench.redis.kill()
                await bench.signals.raise("down")
                await bench.signals.wait("said")
                try await bench.redis.start()
                let events = try await bench.reading { try await $0.log(run.threadID, until: "run_completed") }
                #expect(events.map(\.type).suffix(2) == ["message_completed", "run_completed"])
                let state = try await bench.reading { try await $0.state(run) }
                #expect(state.attempt == 1)
            }
        }
    }

    @Test func `an outage longer than the lease stops the run before another worker may have it`() async throws {
        try await ModemBench.with(appendOnly: true) { bench in
            let run = try await bench.submit()
            try await bench.working { _ in
            } _: { run, _ in
                guard run.attempt == 1 else { return RunEnd(.completed) }
                await bench.signals.raise("started")
                await untilCancelled()
                await bench.signals.raise("stopped")
                return RunEnd(.completed, text: "of the lost lease")
            } while: { _ in
                await bench.signals.wait("started")
                // The server takes connections and answers nothing: a renewal hangs in its time-out.
                let paused = ContinuousClock.now
                await bench.redis.pause()
                await bench.signals.wait("stopped")
                // Before the command, with its limit of 3 s, could tell.
                #expect(ContinuousClock.now - paused < .milliseconds(2900))
                await bench.redis.resume()
                try await bench.reading { try await $0.log(run.threadID, until: "run_completed") }
                let ended = try await bench.reading { try await $0.state(run) }
                #expect(ended.attempt == 2 && ended.text.isEmpty)
            }
        }
    }
}

extension ModemBench {
    /// How many entries of the queue no worker has got yet.
    fileprivate func undelivered() async throws -> Int64 {
        try await store.redis.send(RedisCommand("LLEN", "queue:default:ready:default")).int ?? 0
    }

    /// Reads again for as long as the connections have not come back.
    @discardableResult
    fileprivate func reading<Value>(_ body: (ModemBench) async throws -> Value) async throws -> Value {
        while true {
            do {
                return try await body(self)
            } catch let error as StoreError where error.code == .unavailable {
                try Task.checkCancellation()
            } catch let error as RedisError where error.code == .unavailable || error.code == .timeout {
                try Task.checkCancellation()
            }
        }
    }
}
