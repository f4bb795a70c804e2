import Messages
import NIOPosix
import OrderedCollections
import Store
import TestSupport
import Testing

/// What becomes of a second run while one is active on its thread.
struct BusyThreadTests {
    private func thread(_ store: Store, onBusy: String = "") async throws -> String {
        let request = InitiateThreadRequest(metadata: onBusy.isEmpty ? [:] : ["on_busy": onBusy])
        return try await store.initiate(request).thread.threadID
    }

    private func execute(_ store: Store, _ thread: String, _ task: String, _ onBusy: String = "") async throws -> Run {
        try await store.execute(ExecuteRunRequest(threadID: thread, task: task, onBusy: onBusy)).run
    }

    @Test func `reject names the active run, and accepts where there is none`() async throws {
        try await withStore { store, _, group in
            let thread = try await thread(store)
            let first = try await execute(store, thread, "1", "reject")
            let before = try await store.log(thread, on: group.next())
            let error = await #expect(throws: StoreError.self) { try await execute(store, thread, "2", "reject") }
            #expect(error?.code == .busy && error?.message.contains(first.runID) == true)
            #expect(try await store.log(thread, on: group.next()) == before)
        }
    }

    @Test func `a thread's metadata says what is done by default`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store, onBusy: "reject")
            _ = try await execute(store, thread, "1")
            await #expect(throws: StoreError.self) { try await execute(store, thread, "2") }
            #expect(try await execute(store, thread, "3", "enqueue").status == "queued")
        }
    }

    @Test func `interrupt ends all that there are and begins after the active run's last event`() async throws {
        try await withStore { store, _, group in
            let thread = try await thread(store)
            let active = try await execute(store, thread, "active")
            let waiting = try await execute(store, thread, "waiting")
            let run = try #require(try await store.claimNext(for: "w"))
            let next = try await execute(store, thread, "next", "interrupt")
            #expect(try await store.run(thread, waiting.runID).status == "cancelled")
            #expect(try await store.run(thread, waiting.runID).reason == "superseded")
            #expect(try await store.cancelling([run.entry]) == [run.entry: "superseded"])
            // Until it has ended, nobody gets the new one.
            let early = try await store.take(for: "v", count: 9, lease: .seconds(10))
            for entry in early { #expect(try await store.claim(entry, maxAttempts: 3) == nil) }
            try await RunLog(run: run, store: store).finish(
                RunEnd(.cancelled, reason: "superseded", messages: ["what was said"])
            )
            let second = try #require(try await store.claimNext(for: "w"))
            #expect(second.runID == next.runID && second.messages == ["what was said"])
            let ends = try await store.log(thread, on: group.next()).filter(\.final)
            #expect(ends.map(\.runID) == [waiting.runID, active.runID])
            #expect(ends.allSatisfy { $0.type == "run_cancelled" })
        }
    }

    @Test func `interrupting a run that has not begun ends it at once`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let first = try await execute(store, thread, "first")
            let next = try await execute(store, thread, "next", "interrupt")
            #expect(try await store.run(thread, first.runID).status == "cancelled")
            #expect(try await store.claimNext(for: "w")?.runID == next.runID)
        }
    }

    @Test(arguments: [RunEnd.Status.cancelled, .completed])
    func `rollback leaves the conversation as it was before the run`(status: RunEnd.Status) async throws {
        try await withStore { store, _, group in
            let thread = try await thread(store)
            _ = try await execute(store, thread, "before")
            let before = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: before, store: store).finish(RunEnd(.completed, messages: ["kept"], memory: "old"))
            let undone = try await execute(store, thread, "undone")
            let run = try #require(try await store.claimNext(for: "w"))
            try await RunLog(run: run, store: store).record(["a step"], memory: "half new")
            _ = try await execute(store, thread, "instead", "rollback")
            // It may have been done just then: that makes no difference.
            try await RunLog(run: run, store: store).finish(
                RunEnd(status, reason: "rollback", messages: ["undone"], memory: "new")
            )
            let next = try #require(try await store.claimNext(for: "w"))
            #expect(next.task == "instead" && next.messages == ["kept"] && next.memory == "old")
            #expect(try await store.run(thread, undone.runID).status == status.rawValue)
            let events = try await store.log(thread, on: group.next())
            let rolledBack = try #require(events.first { $0.type == "thread_rolled_back" })
            let end = try #require(events.last { $0.final })
            #expect(rolledBack.runID == undone.runID && rolledBack.seq == end.seq + 1 && end.runID == undone.runID)
            #expect(events.map(\.seq) == Array(1...UInt64(events.count)))
        }
    }

    @Test func `what a run has kept is its next attempt's, and with its end the thread's`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let first = try await execute(store, thread, "first")
            let entry = try #require(try await store.takeNext(for: "w", lease: .seconds(600)).first)
            let run = try #require(try await store.claim(entry, maxAttempts: 3))
            try await RunLog(run: run, store: store).record(["a step"], memory: "new")
            let fork = try await store.fork(ForkThreadRequest(threadID: thread)).threadID
            _ = try await execute(store, fork, "in the fork")
            #expect(try await store.claimNext(for: "w")?.memory == "")
            _ = try await store.loseWorkers()
            var again: ClaimedRun?
            for entry in try await store.takeOver(for: "v", count: 2) where entry.run == first.runID {
                again = try await store.claim(entry, maxAttempts: 3)
            }
            #expect(again?.memory == "new")
            _ = try await store.cancel(thread, first.runID)
            for entry in try await store.takeOver(for: "u", count: 2) where entry.run == first.runID {
                #expect(try await store.claim(entry, maxAttempts: 3) == nil)
            }
            #expect(try await store.run(thread, first.runID).status == "cancelled")
            _ = try await execute(store, thread, "second")
            #expect(try await store.claimNext(for: "w")?.memory == "new")
        }
    }

    @Test func `a run is told a bounded number of things`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let run = try await execute(store, thread, "first")
            for _ in 0..<100 { _ = try await execute(store, thread, "more", "steer") }
            let error = await #expect(throws: StoreError.self) { try await execute(store, thread, "more", "steer") }
            #expect(error?.code == .exhausted && error?.message.contains(run.runID) == true)
        }
    }

    @Test func `steer gives its task to the active run`() async throws {
        try await withStore { store, _, group in
            let thread = try await thread(store)
            let first = try await execute(store, thread, "first")
            let run = try #require(try await store.claimNext(for: "w"))
            let log = RunLog(run: run, store: store)
            let request = ExecuteRunRequest(threadID: thread, task: "also this", idempotencyKey: "k", onBusy: "steer")
            for replay in [false, true] {
                let answer = try await store.execute(request)
                #expect(answer.run.runID == first.runID && answer.isReplay == replay)
            }
            #expect(await log.inputs.isEmpty)
            try await log.record(["step 1"], memory: nil)
            #expect(await log.inputs == ["also this"])
            #expect(try await store.thread(thread).runCount == 1)
            let events = try await store.log(thread, on: group.next())
            #expect(events.filter { $0.type == "run_steered" }.map(\.runID) == [first.runID])
            // A run that was not told in time goes on where it thought that it had ended.
            try await log.finish(RunEnd(.completed, inputs: 0, journal: ["step 2"]))
            let again = try #require(try await store.claimNext(for: "w"))
            #expect(
                again.runID == first.runID && again.journal == ["step 1", "step 2"] && again.inputs == ["also this"]
            )
            try await RunLog(run: again, store: store).finish(RunEnd(.completed, inputs: 1))
            #expect(try await store.run(thread, first.runID).status == "completed")
            #expect(try await store.log(thread, on: group.next()).count(where: \.final) == 1)
        }
    }

    @Test func `who steers an idle thread, or a run that is to stop, gets a run of his own`() async throws {
        try await withStore { store, _, _ in
            let thread = try await thread(store)
            let first = try await execute(store, thread, "first", "steer")
            let run = try #require(try await store.claimNext(for: "w"))
            _ = try await store.cancel(thread, first.runID)
            let second = try await execute(store, thread, "second", "steer")
            #expect(second.runID != first.runID && second.status == "queued")
            try await RunLog(run: run, store: store).finish(RunEnd(.cancelled, reason: "user"))
            #expect(try await store.claimNext(for: "w")?.runID == second.runID)
        }
    }
}
