import Messages
import Redis
import Store
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

    @Test func `a run of one burst of text takes five scripts, and one more for each further burst`()
        async throws
    {
        let runs = 20
        for bursts in 1...2 {
            try await withStore { store, _, _ in
                var claimed: [ClaimedRun] = []
                var threads: [String] = []
                for _ in 0..<runs { threads.append(try await store.initiate(InitiateThreadRequest()).thread.threadID) }
                // The scripts are taught to the server before the counting begins, as it is in a server that has been up for a while.
                let warm = try await store.initiate(InitiateThreadRequest()).thread.threadID
                for _ in 0..<16 {
                    _ = try await store.execute(ExecuteRunRequest(threadID: warm, task: "x"))
                    let run = try #require(try await store.claimNext(for: "w"))
                    let log = RunLog(run: run, store: store)
                    try await log.text("x")
                    try await log.flush()
                    try await log.finish(RunEnd(.completed))
                }
                _ = try await store.redis.send(RedisCommand("CONFIG", "RESETSTAT"))
                for thread in threads { _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x")) }
                for entry in try await store.take(for: "w", count: runs, lease: .seconds(10)) {
                    if let run = try await store.claim(entry, maxAttempts: 3) { claimed.append(run) }
                }
                for run in claimed {
                    let log = RunLog(run: run, store: store)
                    for burst in 0..<bursts {
                        // Ten deltas that come together are one write.
                        for word in 0..<10 { try await log.text("\(burst) \(word) ") }
                        try await log.flush()
                    }
                    try await log.finish(RunEnd(.completed))
                }
                let counts = try await commands(store)
                let scripts = counts["evalsha", default: 0] + counts["eval", default: 0]
                // execute, push, claim, write, finish; take is one for all.
                #expect(claimed.count == runs && scripts == runs * (4 + bursts) + 1, "\(counts)")
                #expect(counts["zadd"] != nil && counts["xadd"] == runs * (3 + bursts))
                // All that the scripts call included. A run without a webhook pays nothing for there being such a thing.
                let calls = counts.values.reduce(0, +)
                #expect(calls <= runs * (71 + 9 * bursts) + 6, "\(calls): \(counts)")
            }
        }
    }
}
