import Messages
import NIOCore
import Redis
import Store
import TestSupport
import Testing

/// The outbox of webhooks: what is laid down in it, and how it is emptied.
@Suite(.timeLimit(.minutes(1)))
struct WebhookTests {
    private static let webhook = Webhook(url: "https://hooks.example/x?y=1,2")
    private static let question = Question(callID: "c1", text: "Red or blue?")

    private func submit(
        _ store: Store,
        on thread: String? = nil,
        webhook: Webhook? = Self.webhook,
        onBusy: String = ""
    ) async throws -> Run {
        var place = thread ?? ""
        if thread == nil { place = try await store.initiate(InitiateThreadRequest()).thread.threadID }
        let request = ExecuteRunRequest(threadID: place, task: "x", onBusy: onBusy, webhook: webhook)
        return try await store.execute(request).run
    }

    private func finish(_ store: Store, _ end: RunEnd = RunEnd(.completed, text: "done")) async throws {
        let run = try #require(try await store.claimNext(for: "w"))
        try await RunLog(run: run, store: store).finish(end)
    }

    /// What is to be told now, taken in hand.
    private func next(_ store: Store) async throws -> WebhookDelivery? {
        while let due = try await store.dueWebhooks(count: 1, lease: .seconds(30)).due.first {
            if let delivery = try await store.claim(due, lease: .seconds(30)) { return delivery }
        }
        return nil
    }

    /// The types of the events that are told one after the other, each of which arrives.
    private func told(_ store: Store) async throws -> [String] {
        var types: [String] = []
        while let delivery = try await next(store) {
            types.append(try Event(serialized: Array(delivery.message.readableBytesView)).type)
            try await store.complete(delivery)
        }
        return types
    }

    private func keys(_ store: Store, _ pattern: String) async throws -> [String] {
        (try await store.redis.send(RedisCommand("KEYS", RedisArgument(pattern))).array ?? []).compactMap(\.string)
    }

    /// Keys of entries and outboxes, and the index.
    private func outboxes(_ store: Store) async throws -> [String] {
        try await keys(store, "*webhook*") + keys(store, "*outbox*")
    }

    @Test func `the end of a run is told once, with the run as it was then`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            #expect(run.webhook == Self.webhook)
            #expect(try await next(store) == nil)
            #expect(try await store.webhookStats() == (1, 0))
            try await finish(store)
            let delivery = try #require(try await next(store))
            let event = try Event(serialized: Array(delivery.message.readableBytesView))
            #expect(event.type == "run_completed" && event.final && event.runID == run.runID && event.seq == 4)
            #expect(event.id == delivery.event && delivery.id == "\(run.runID)_\(event.id)" && delivery.tries == 1)
            let state = try await store.run(run.threadID, run.runID)
            #expect(delivery.run == state)
            #expect(delivery.run.status == "completed" && delivery.run.text == "done")
            // It is in one pair of hands.
            #expect(try await next(store) == nil)
            try await store.complete(delivery)
            #expect(try await next(store) == nil)
            #expect(try await store.webhookStats() == (0, 0))
            #expect(try await outboxes(store) == [])
        }
    }

    @Test func `a run without a webhook leaves nothing`() async throws {
        try await withStore { store, _, _ in
            _ = try await submit(store, webhook: nil)
            try await finish(store)
            #expect(try await store.webhookStats() == (0, 0))
            #expect(try await outboxes(store) == [])
        }
    }

    @Test func `every end is told, whoever brings it about`() async throws {
        try await withStore { store, _, _ in
            for status in [RunEnd.Status.completed, .failed, .cancelled, .timedOut] {
                _ = try await submit(store)
                try await finish(store, RunEnd(status))
                #expect(try await told(store) == ["run_\(status.rawValue)"])
            }
            // While it is queued, by its user.
            let queued = try await submit(store)
            _ = try await store.cancel(queued.threadID, queued.runID)
            #expect(try await told(store) == ["run_cancelled"])
            // One that waits, and the active one, by one that takes their place.
            let active = try await submit(store)
            _ = try await submit(store, on: active.threadID)
            let last = try await submit(store, on: active.threadID, onBusy: "interrupt")
            #expect(try await told(store) == ["run_cancelled", "run_cancelled"])
            _ = try await store.cancel(last.threadID, last.runID)
            #expect(try await told(store) == ["run_cancelled"])
            // It loses its workers.
            _ = try await submit(store)
            _ = try #require(try await store.claimNext(for: "w"))
            let lost = try #require(try await store.takeOver(for: "v").first)
            _ = try await store.claim(lost, maxAttempts: 1)
            #expect(try await told(store) == ["run_failed"])
            // Nobody answers.
            _ = try await submit(store)
            let run = try #require(try await store.claimNext(for: "w"))
            let end = RunEnd(.requiresAction)
            try await RunLog(run: run, store: store).pause(end, for: Self.question, limit: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(20))
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await told(store) == ["run_requires_action", "run_expired"])
        }
        try await withStore(queueLimit: .milliseconds(1)) { store, _, _ in
            _ = try await submit(store)
            try await Task.sleep(for: .milliseconds(20))
            let entry = try #require(try await store.takeNext(for: "w").first)
            let claimed = try await store.claim(entry, maxAttempts: 3)
            #expect(claimed == nil)
            #expect(try await told(store) == ["run_timed_out"])
        }
    }

    @Test func `a question is told before the end, and the end waits for it`() async throws {
        try await withStore { store, _, _ in
            let submitted = try await submit(store)
            let run = try #require(try await store.claimNext(for: "w"))
            let end = RunEnd(.requiresAction)
            try await RunLog(run: run, store: store).pause(end, for: Self.question, limit: .seconds(60))
            let answer = AnswerRunRequest(threadID: submitted.threadID, runID: submitted.runID, text: "blue")
            _ = try await store.answer(answer)
            let question = try #require(try await next(store))
            #expect(question.run.status == "requires_action" && question.run.question == Self.question)
            try await finish(store)
            #expect(try await next(store) == nil)
            try await store.postpone(question, by: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(20))
            #expect(try await told(store) == ["run_requires_action", "run_completed"])
            #expect(try await store.webhookStats() == (0, 0))
        }
    }

    @Test func `only the chosen events are told`() async throws {
        try await withStore { store, _, _ in
            let chosen = Webhook(url: "https://a.example", events: ["run_failed", "run_timed_out"])
            _ = try await submit(store, webhook: chosen)
            try await finish(store)
            #expect(try await told(store) == [])
            #expect(try await submit(store, webhook: chosen).webhook == chosen)
            try await finish(store, RunEnd(.failed))
            #expect(try await told(store) == ["run_failed"])
        }
    }

    @Test
    func `the run's own goes before the thread's, that before the server's; schedules, retries and forks keep it`()
        async throws
    {
        let server = Webhook(url: "https://server.example")
        try await withStore(webhooks: WebhookRules(fallback: server)) { store, _, _ in
            let ofThread = Webhook(url: "https://thread.example", events: ["run_completed"])
            let request = InitiateThreadRequest(webhook: ofThread)
            let thread = try await store.initiate(request).thread
            #expect(thread.webhook == ofThread)
            #expect(try await submit(store, on: thread.threadID).webhook == Self.webhook)
            #expect(try await submit(store, on: thread.threadID, webhook: nil).webhook == ofThread)
            let plain = try await submit(store, webhook: nil)
            #expect(plain.webhook == server)
        }
        try await withStore { store, _, _ in
            let ofThread = Webhook(url: "https://thread.example")
            let thread = try await store.initiate(InitiateThreadRequest(webhook: ofThread)).thread.threadID
            let run = try await submit(store, on: thread, webhook: nil)
            #expect(run.webhook == ofThread)
            try await finish(store)
            #expect(try await told(store) == ["run_completed"])
            let retry = RetryRunRequest(threadID: thread, runID: run.runID)
            #expect(try await store.retry(retry).run.webhook == ofThread)
            try await finish(store)
            #expect(try await told(store) == ["run_completed"])
            #expect(try await store.fork(ForkThreadRequest(threadID: thread)).webhook == ofThread)

            let other = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let request = ScheduleRunRequest(threadID: other, task: "x", at: 1, webhook: Self.webhook)
            #expect(try await store.schedule(request).webhook == Self.webhook)
            _ = try await store.sweep(every: .seconds(1))
            try await finish(store)
            #expect(try await told(store) == ["run_completed"])
        }
    }

    @Test func `whoever holds an event and is not heard of again loses it to another`() async throws {
        try await withStore { store, _, _ in
            _ = try await submit(store)
            try await finish(store)
            let due = try #require(try await store.dueWebhooks(count: 1, lease: .milliseconds(1)).due.first)
            let first = try #require(try await store.claim(due, lease: .milliseconds(1)))
            try await Task.sleep(for: .milliseconds(20))
            let second = try #require(try await next(store))
            #expect(second.id == first.id && second.tries == 2)
            // The first one comes back: what it says does not count any more.
            try await store.complete(first)
            try await store.postpone(first, by: .zero)
            #expect(try await store.webhookStats().outstanding == 1)
            #expect(try await next(store) == nil)
            try await store.complete(second)
            #expect(try await store.webhookStats().outstanding == 0)
        }
    }

    @Test func `an end that nobody has announced is found all the same`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            let index = RedisArgument("queue:default:webhooks")
            let member = RedisArgument("\(run.threadID) \(run.runID)")
            let score = try await store.redis.send(RedisCommand("ZSCORE", index, member))
            try await finish(store)
            // As if the worker had been killed between the two writes.
            let put = RedisCommand("ZADD", index, RedisArgument(score.string ?? ""), member)
            _ = try await store.redis.send(put)
            #expect(try await next(store) == nil)
            let next = try #require(try await store.dueWebhooks(count: 1, lease: .seconds(1)).next)
            #expect(next > .seconds(50) && next <= .seconds(60))
            _ = try await store.redis.send(RedisCommand("ZADD", index, "1", member))
            #expect(try await told(store) == ["run_completed"])
        }
    }

    @Test func `a try that did not take place does not count`() async throws {
        try await withStore { store, _, _ in
            _ = try await submit(store)
            try await finish(store)
            for _ in 0..<3 {
                let delivery = try #require(try await next(store))
                #expect(delivery.tries == 1)
                try await store.putBack(delivery, for: .milliseconds(1))
                try await Task.sleep(for: .milliseconds(20))
            }
            try await store.postpone(try #require(try await next(store)), by: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(20))
            #expect(try await next(store)?.tries == 2)
        }
    }

    @Test func `an event that is given up is counted, and the next one's turn comes`() async throws {
        try await withStore { store, _, _ in
            _ = try await submit(store)
            try await finish(store)
            try await store.bury(try #require(try await next(store)))
            #expect(try await store.webhookStats() == (0, 1))
        }
    }

    @Test func `what is to be told outlives its thread`() async throws {
        try await withStore { store, _, _ in
            let run = try await submit(store)
            try await finish(store)
            try await store.deleteThread(run.threadID)
            #expect(try await told(store) == ["run_completed"])
            #expect(try await keys(store, "*\(run.threadID)*") == [])
        }
    }

    @Test func `too many that are outstanding are refused`() async throws {
        try await withStore(webhooks: WebhookRules(limit: 2)) { store, _, _ in
            let first = try await submit(store)
            _ = try await submit(store)
            let error = await #expect(throws: StoreError.self) { _ = try await submit(store) }
            #expect(error?.code == .exhausted && error?.message.contains("webhooks.max_pending") == true)
            _ = try await submit(store, webhook: nil)
            _ = try await store.cancel(first.threadID, first.runID)
            #expect(try await told(store) == ["run_cancelled"])
            // One that is refused, or was there before, takes no place.
            let refused = ExecuteRunRequest(threadID: "nobody", task: "x", webhook: Self.webhook)
            await #expect(throws: StoreError.self) { _ = try await store.execute(refused) }
            var request = ExecuteRunRequest(threadID: first.threadID, task: "x", idempotencyKey: "k")
            request.webhook = Self.webhook
            _ = try await store.execute(request)
            #expect(try await store.webhookStats().outstanding == 2)
        }
    }

    @Test func `a run that never stops asking has a bounded outbox, and its end is told`() async throws {
        try await withStore { store, _, _ in
            let submitted = try await submit(store)
            for _ in 0..<40 {
                let run = try #require(try await store.claimNext(for: "w"))
                let end = RunEnd(.requiresAction)
                try await RunLog(run: run, store: store).pause(end, for: Self.question, limit: .seconds(60))
                let answer = AnswerRunRequest(threadID: submitted.threadID, runID: submitted.runID, text: "blue")
                _ = try await store.answer(answer)
            }
            try await finish(store)
            let types = try await told(store)
            #expect(types.count == 33 && types.last == "run_completed")
        }
    }

    @Test func `a cluster's keys: the outbox is the thread's, the index is the queue's`() async throws {
        try await withStore(keys: Keys(prefix: "p:", cluster: true)) { store, _, _ in
            let run = try await submit(store)
            #expect(try await keys(store, "*webhook*") == ["p:queue:{default}:webhooks"])
            try await finish(store)
            let key = "p:thread:{\(run.threadID)}:run:\(run.runID)"
            let left = try await keys(store, "*outbox*") + keys(store, "*:webhook:*")
            #expect(left.count == 2 && left.allSatisfy { $0.hasPrefix(key) })
            #expect(try await told(store) == ["run_completed"])
        }
    }
}
