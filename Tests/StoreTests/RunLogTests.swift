import Messages
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Store

/// What a run's log writes by itself, between the writes that are asked for.
struct RunLogTests {
    /// A log that writes what has gathered after these times.
    private func log(_ store: Store, moment: Duration, interval: Duration = .milliseconds(1)) async throws -> RunLog {
        let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
        _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
        let run = try #require(try await store.claimNext(for: "w"))
        return RunLog(run: run, store: store, batching: RunLog.Batching(moment: moment, interval: interval))
    }

    /// Waits until so many deltas are in the log, and returns what they say.
    private func texts(_ count: Int, of log: RunLog, _ store: Store, on loop: any EventLoop) async throws -> [String] {
        while true {
            let texts = try await store.log(log.run.threadID, on: loop).compactMap(\.text)
            if texts.count >= count { return texts }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `what has gathered is written without being asked for, and time and again`() async throws {
        try await withStore { store, _, group in
            let log = try await log(store, moment: .milliseconds(1))
            log.writeInTime { Issue.record($0) }
            try await log.text("one ")
            #expect(try await texts(1, of: log, store, on: group.next()) == ["one "])
            try await log.text("two")
            #expect(try await texts(2, of: log, store, on: group.next()) == ["one ", "two"])
            await log.rest()
            try await log.finish(RunEnd(.completed))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `after rest nothing is written but what is asked for`() async throws {
        try await withStore { store, _, group in
            let log = try await log(store, moment: .milliseconds(50))
            log.writeInTime { Issue.record($0) }
            try await log.text("left ")
            await log.rest()
            try await log.text("over")
            // Both times are over: the timer of before has found nothing to do, and no other was set.
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await store.log(log.run.threadID, on: group.next()).compactMap(\.text).isEmpty)
            try await log.finish(RunEnd(.completed))
            #expect(try await store.log(log.run.threadID, on: group.next()).compactMap(\.text) == ["left over"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a failure of a write that nobody asked for is told once, and by the next one`() async throws {
        try await withStore { store, _, _ in
            let log = try await log(store, moment: .milliseconds(1))
            let entry = try #require(try await store.takeOver(for: "another").first)
            _ = try #require(try await store.claim(entry, maxAttempts: 3))
            let failures = Mutex<[StoreError.Code?]>([])
            let (told, tell) = AsyncStream.makeStream(of: Void.self)
            log.writeInTime { error in
                failures.withLock { $0.append((error as? StoreError)?.code) }
                tell.finish()
            }
            try await log.text("too late")
            for await _ in told {}
            try await log.text(", again")
            await log.rest()
            #expect(failures.withLock { $0 } == [.stale])
            let error = await #expect(throws: StoreError.self) { try await log.flush() }
            #expect(error?.code == .stale)
        }
    }
}

extension Event {
    fileprivate var text: String? {
        guard case .taskAgentExecute(let progress)? = payload, case .textDelta(let delta)? = progress.progress else {
            return nil
        }
        return delta.text
    }
}
