import Messages
import Redis
import Store
import Synchronization
import TestSupport
import Testing

/// What a run costs Redis.
@Suite(.timeLimit(.minutes(1)))
struct CommandCountTests {
    /// Calls of each command since the counts were reset, without those that do not belong to a run.
    private func commands(_ store: Store) async throws -> [String: Int] {
        let text = try await store.redis.send(RedisCommand("INFO", "commandstats")).string ?? ""
        var counts: [String: Int] = [:]
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
            let parts = line.dropFirst("cmdstat_".count).split(separator: ":")
            guard parts.count == 2, let calls = parts[1].split(separator: ",").first?.dropFirst("calls=".count) else {
                continue
            }
            counts[String(parts[0])] = Int(calls)
        }
        return counts
    }

    /// Gathers what it is given.
    private final class Gatherer: NearbyWorker {
        let runs = Mutex<[ClaimedRun]>([])

        func makeRoom(for run: RunName) -> RunLease? { RunLease(run, worker: "w", length: .seconds(10)) }
        func start(_ entry: QueueEntry, _ run: @escaping @Sendable () -> ClaimedRun) {
            runs.withLock { $0.append(run()) }
        }
        func giveUp(_ entry: QueueEntry, isCertain: Bool) {}
    }

    private func carryOut(_ run: ClaimedRun, _ store: Store, bursts: Int = 1) async throws {
        let log = RunLog(run: run, store: store)
        for burst in 0..<bursts {
            // Ten deltas that come together are one write.
            for word in 0..<10 { try await log.text("\(burst) \(word) ") }
            try await log.flush()
        }
        try await log.finish(RunEnd(.completed))
    }

    /// Threads on a server that knows all scripts, as one does that has been up for a while.
    private func threads(_ store: Store, count: Int) async throws -> [String] {
        var threads: [String] = []
        for _ in 0...count { threads.append(try await store.initiate(InitiateThreadRequest()).thread.threadID) }
        let warm = threads.removeLast()
        for _ in 0..<16 {
            _ = try await store.execute(ExecuteRunRequest(threadID: warm, task: "x"))
            try await carryOut(try #require(try await store.claimNext(for: "w")), store)
        }
        _ = try await store.redis.send(RedisCommand("CONFIG", "RESETSTAT"))
        return threads
    }

    @Test func `a run of one burst of text takes four scripts, and one more for each further burst`() async throws {
        let runs = 20
        for bursts in 1...2 {
            try await withStore { store, _, _ in
                var claimed: [ClaimedRun] = []
                for thread in try await threads(store, count: runs) {
                    _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
                }
                for entry in try await store.take(for: "w", count: runs, lease: .seconds(10)) {
                    if let run = try await store.claim(entry, maxAttempts: 3) { claimed.append(run) }
                }
                for run in claimed { try await carryOut(run, store, bursts: bursts) }
                let counts = try await commands(store)
                let scripts = counts["evalsha", default: 0] + counts["eval", default: 0]
                // execute, claim, write, finish; take is one for all.
                #expect(claimed.count == runs && scripts == runs * (3 + bursts) + 1, "\(counts)")
                #expect(counts["zadd"] != nil && counts["xadd"] == runs * (3 + bursts))
                // All that the scripts call included. A run without a webhook pays nothing for there being such a thing.
                let calls = counts.values.reduce(0, +)
                #expect(calls <= runs * (40 + 7 * bursts) + 6, "\(calls): \(counts)")
            }
        }
    }

    @Test func `a run that is taken up as it is accepted takes three`() async throws {
        let runs = 20
        try await withStore { store, _, _ in
            let threads = try await threads(store, count: runs)
            let worker = Gatherer()
            store.offer(worker)
            for thread in threads { _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")) }
            let started = worker.runs.withLock { $0 }
            for run in started { try await carryOut(run, store) }
            let counts = try await commands(store)
            // execute, write, finish.
            #expect(started.count == runs && counts["evalsha"] == runs * 3, "\(counts)")
            let calls = counts.values.reduce(0, +)
            #expect(calls <= runs * 33 + 2, "\(calls): \(counts)")
        }
    }

    @Test func `one that is answered at once takes two`() async throws {
        try await withStore { store, _, _ in
            let thread = try #require(try await threads(store, count: 1).first)
            let worker = Gatherer()
            store.offer(worker)
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            let run = try #require(worker.runs.withLock { $0.first })
            // Whatever the pace of this machine, it is quicker than this moment.
            let log = RunLog(run: run, store: store, batching: RunLog.Batching(moment: .seconds(30)))
            log.writeInTime { Issue.record($0) }
            for word in 0..<10 { try await log.text("\(word) ") }
            try await log.emit("message_completed", .messageCompleted(MessageCompleted(text: "all")))
            await log.rest()
            try await log.finish(RunEnd(.completed))
            let counts = try await commands(store)
            // execute, finish.
            #expect(counts["evalsha"] == 2 && counts["xadd"] == 5, "\(counts)")
            let calls = counts.values.reduce(0, +)
            #expect(calls <= 28, "\(calls): \(counts)")
        }
    }
}
