import Messages
import NIOPosix
import Redis
import Store
import TestSupport
import Testing

struct ScheduleTests {
    /// 2026-11-23 10:29:30, a Monday.
    private static let monday: Int64 = 1_795_429_770

    private static func next(_ cron: String, after time: Int64 = monday) throws -> Int64? {
        try Cron(cron).next(after: time).map { $0 - time }
    }

    /// Seconds until it comes.
    private static let expressions: KeyValuePairs<String, Int64> = [
        "* * * * *": 30, "*/5 * * * *": 30, "31 * * * *": 90, "0 * * * *": 1830, "0,40-50/5 10 * * *": 630,
        "0 9 * * *": 81_030, "0 11 * * 1-5": 1830, "58/1 10 23 11 1": 1710, "0 11 24 * *": 88_230,
        // Sunday has two numbers.
        "0 11 * * 0": 520_230, "0 11 * * 7": 520_230,
        // Either day may hold where both are named: the Tuesday comes before the first of December.
        "0 11 1 * 2": 88_230,
    ]

    @Test(arguments: expressions.map { ($0.key, $0.value) })
    func `when a cron expression comes next`(cron: String, seconds: Int64) throws {
        #expect(try Self.next(cron) == seconds)
    }

    @Test func `leap days and turns of years`() throws {
        // 2028-02-29 00:00.
        #expect(try Cron("0 0 29 2 *").next(after: Self.monday) == 1_835_395_200)
        // 2096-02-29 to 2104-02-29: 2100 is no leap year.
        let last = try #require(try Cron("0 0 29 2 *").next(after: 3_981_312_000 - 1))
        #expect(last == 3_981_312_000)
        #expect(try Cron("0 0 29 2 *").next(after: last) == last + (8 * 365 + 1) * 86_400)
        // 2027-01-01 00:00.
        #expect(try Cron("0 0 1 1 *").next(after: Self.monday) == 1_798_761_600)
    }

    @Test(arguments: [
        "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-3 * * * *", "*/0 * * * *",
        "a * * * *", "1,,2 * * * *", "1/2/3 * * * *", "-1 * * * *", "0 0 30 2 *", "99999999999999999999 * * * *",
    ])
    func `what is no cron expression is refused`(cron: String) {
        let error = #expect(throws: StoreError.self) { try Cron(cron) }
        #expect(error?.code == .invalid && error?.field == "cron")
    }

    // MARK: In the store

    private func thread(_ store: Store) async throws -> String {
        try await store.initiate(InitiateThreadRequest()).thread.threadID
    }

    @Test func `a single run is executed when its time has come, and the schedule is gone`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let request = ScheduleRunRequest(threadID: thread, task: "later", delaySeconds: 3600)
            let schedule = try await store.schedule(request, tenant: "t")
            #expect(try await store.schedules(thread).schedules == [schedule])
            // Looked at too early it stays.
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.thread(thread).runCount == 0)
            try await store.setTime(of: schedule, to: 1)
            for _ in 0..<2 {
                try await store.makeDue()
                _ = try await store.sweep(every: .seconds(1))
            }
            let run = try #require(try await store.claimNext(for: "w"))
            #expect(run.task == "later" && run.entry.tenant == "t")
            #expect(try await store.thread(thread).runCount == 1)
            #expect(try await store.schedules(thread).schedules.isEmpty)
            #expect(try await store.queueStats().due == 0)
        }
    }

    @Test func `times that were missed are made up for by one run`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let schedule = try await store.schedule(
                ScheduleRunRequest(threadID: thread, task: "tick", cron: "0 0 1 1 *")
            )
            try await store.setTime(of: schedule, to: 60_000)
            for _ in 0..<3 {
                try await store.makeDue()
                _ = try await store.sweep(every: .seconds(1))
            }
            #expect(try await store.thread(thread).runCount == 1)
            let after = try #require(try await store.schedules(thread).schedules.first)
            #expect(after.nextAt % 60_000 == 0 && after.nextAt > schedule.createdAt && !after.lastRunID.isEmpty)
            #expect(try await store.queueStats().due == 1)
        }
    }

    @Test func `a sweeper that is lost after the run was accepted leads to no second one`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let schedule = try await store.schedule(ScheduleRunRequest(threadID: thread, task: "once", at: 1))
            let key = RedisArgument("thread:\(thread):schedules")
            let before = try await store.redis.send(RedisCommand("HGETALL", key)).array ?? []
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.thread(thread).runCount == 1)
            // As it was before the schedule went on.
            _ = try await store.redis.send(
                RedisCommand("HSET", [key] + before.compactMap { $0.bytes.map { RedisArgument($0) } })
            )
            let due = RedisArgument("schedule \(thread) \(schedule.scheduleID) default")
            _ = try await store.redis.send(RedisCommand("ZADD", "queue:default:due", "1", due))
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.thread(thread).runCount == 1)
            #expect(try await store.schedules(thread).schedules.isEmpty)
        }
    }

    @Test func `a single run for which there is no room comes later`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            var runs: [Run] = []
            let request = ExecuteRunRequest(threadID: thread, task: "x")
            for _ in 0...100 { runs.append(try await store.execute(request).run) }
            let schedule = try await store.schedule(ScheduleRunRequest(threadID: thread, task: "once", at: 1))
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.schedules(thread).schedules == [schedule])
            #expect(try await store.thread(thread).runCount == 101)
            _ = try await store.cancel(thread, try #require(runs.last).runID)
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.schedules(thread).schedules.isEmpty)
            #expect(try await store.thread(thread).runCount == 102)
        }
    }

    @Test func `a single run that the thread refuses leaves the reason behind, and comes no more`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let busy = try await store.execute(ExecuteRunRequest(threadID: thread, task: "busy")).run
            let request = ScheduleRunRequest(threadID: thread, task: "once", onBusy: "reject", at: 1)
            let schedule = try await store.schedule(request)
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            _ = try await store.cancel(thread, busy.runID)
            let kept = try #require(try await store.schedules(thread).schedules.first)
            #expect(kept.lastError.contains("is active") && kept.nextAt == 0)
            let item = RedisArgument("schedule \(thread) \(schedule.scheduleID) default")
            _ = try await store.redis.send(RedisCommand("ZADD", store.queueKey("due"), "1", item))
            _ = try await store.sweep(every: .seconds(1))
            #expect(try await store.thread(thread).runCount == 1)
            try await store.deleteSchedule(DeleteScheduleRequest(threadID: thread, scheduleID: schedule.scheduleID))
            #expect(try await store.schedules(thread).schedules.isEmpty)
        }
    }

    @Test func `a time at which the thread is busy says so in the schedule`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "busy"))
            var request = ScheduleRunRequest(threadID: thread, task: "tick", onBusy: "reject", cron: "0 0 * * *")
            let schedule = try await store.schedule(request)
            try await store.setTime(of: schedule, to: 1)
            try await store.makeDue()
            _ = try await store.sweep(every: .seconds(1))
            let after = try #require(try await store.schedules(thread).schedules.first)
            #expect(after.lastError.contains("is active") && after.lastRunID.isEmpty)
            let remove = DeleteScheduleRequest(threadID: thread, scheduleID: schedule.scheduleID)
            try await store.deleteSchedule(remove)
            let gone = await #expect(throws: StoreError.self) { try await store.deleteSchedule(remove) }
            #expect(gone?.code == .notFound)
            request.threadID = "nobody"
            let nowhere = await #expect(throws: StoreError.self) { try await store.schedule(request) }
            #expect(nowhere?.code == .notFound)
            let when = await #expect(throws: StoreError.self) {
                try await store.schedule(ScheduleRunRequest(threadID: thread, task: "x"))
            }
            #expect(when?.code == .invalid)
        }
    }
}

extension Store {
    /// As if the time had been this one, in milliseconds.
    fileprivate func setTime(of schedule: Schedule, to time: Int64) async throws {
        let key = RedisArgument("thread:\(schedule.threadID):schedules")
        let field = RedisArgument("\(schedule.scheduleID):next")
        _ = try await redis.send(RedisCommand("HSET", key, field, RedisArgument(time)))
    }
}
