import Messages
import Redis
import Store
import TestSupport
import Testing

/// Forks of threads that have seen much.
@Suite(.timeLimit(.minutes(2)))
struct ForkTests {
    /// A thread with so many finished runs of four events and two messages each.
    private func thread(_ store: Store, runs: Int, text: String = "x") async throws -> String {
        let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
        for number in 0..<runs {
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "\(number)"))
            let run = try #require(try await store.claimNext(for: "w"))
            let log = RunLog(run: run, store: store)
            try await log.text(text)
            try await log.finish(
                RunEnd(.completed, text: "did \(number)", messages: ["ask \(number)", "did \(number)"])
            )
        }
        return thread
    }

    /// Each command that `body` has Redis carry out, in microseconds, and how many arguments it has.
    private func commands(
        _ store: Store,
        while body: () async throws -> Void
    ) async throws -> [(name: String, microseconds: Int, arguments: Int)] {
        _ = try await store.redis.send(RedisCommand("CONFIG", "SET", "slowlog-max-len", "100000"))
        _ = try await store.redis.send(RedisCommand("CONFIG", "SET", "slowlog-log-slower-than", "0"))
        _ = try await store.redis.send(RedisCommand("SLOWLOG", "RESET"))
        try await body()
        let entries = try await store.redis.send(RedisCommand("SLOWLOG", "GET", "-1")).array ?? []
        return entries.compactMap { entry in
            guard let parts = entry.array, parts.count >= 4, let time = parts[2].int, let words = parts[3].array else {
                return nil
            }
            // `... (17 more arguments)` stands for those behind the 31st.
            let last = words.last?.string?.split(separator: " ") ?? []
            let more = last.count == 4 && last[0] == "..." ? Int(last[1].dropFirst()) ?? 0 : 1
            return (words[0].string ?? "", Int(time), words.count - 1 + more)
        }
    }

    private func send(_ store: Store, _ parts: String...) async throws -> RESPValue {
        try await store.redis.send(RedisCommand(parts[0], parts.dropFirst().map { RedisArgument($0) }))
    }

    @Test func `a run that ends while a fork is made is no part of it`() async throws {
        try await withStore { store, _, _ in
            let source = try await thread(store, runs: 100)
            _ = try await store.execute(ExecuteRunRequest(threadID: source, task: "live"))
            let entry = try #require(try await store.takeNext(for: "w", lease: .seconds(600)).first)
            let live = try #require(try await store.claim(entry, maxAttempts: 3))
            async let fork = store.fork(ForkThreadRequest(threadID: source))
            // Its log is being copied.
            while try await (send(store, "KEYS", "thread:*:stream").array ?? []).count < 2 {}
            try await RunLog(run: live, store: store).finish(RunEnd(.completed, messages: ["too late"], memory: "new"))
            let copy = try await fork
            #expect(copy.runCount == 100)
            _ = try await store.execute(ExecuteRunRequest(threadID: copy.threadID, task: "on"))
            let next = try #require(try await store.claimNext(for: "w"))
            #expect(next.messages.count == 200 && next.messages.last == "did 99" && next.memory.isEmpty)
        }
    }

    @Test func `a fork of many runs is whole, and no command of it is a large one`() async throws {
        try await withStore { store, _, _ in
            let source = try await thread(store, runs: 150)
            var fork = ""
            let commands = try await commands(store) {
                fork = try await store.fork(ForkThreadRequest(threadID: source)).threadID
            }
            let largest = commands.max { $0.arguments < $1.arguments }
            #expect(commands.allSatisfy { $0.arguments <= 100 }, "\(String(describing: largest))")
            let copy = try await store.thread(fork)
            #expect(copy.seq == 1 + 4 * 150 && copy.runCount == 150)
            #expect(try await send(store, "LLEN", "thread:\(fork):messages").int == 300)
            for name in ["metadata", "stream", "runs", "messages"] {
                #expect(try await send(store, "TTL", "thread:\(fork):\(name)").int == -1, "\(name)")
            }
            let runs = try await store.runs(ListRunsRequest(threadID: fork, pageSize: 100)).runs
            #expect(runs.first?.text == "did 149" && runs.allSatisfy { $0.status == "completed" })
            for run in runs { #expect(try await send(store, "TTL", "thread:\(fork):run:\(run.runID)").int == -1) }
            // It goes on as any thread does.
            _ = try await store.execute(ExecuteRunRequest(threadID: fork, task: "more"))
            #expect(try await store.claimNext(for: "w")?.messages.count == 300)
        }
    }

    @Test func `an early place of a long thread costs what lies before it`() async throws {
        try await withStore { store, _, _ in
            let source = try await thread(store, runs: 300)
            let early = try await store.runs(ListRunsRequest(threadID: source, pageSize: 3, pageToken: "2")).runs
            let request = ForkThreadRequest(threadID: source, runID: early[0].runID)
            var fork = Messages.Thread()
            let commands = try await commands(store) { fork = try await store.fork(request) }
            #expect(fork.runCount == 3 && fork.seq == 13)
            #expect(commands.count < 250, "\(commands.count)")
            _ = try await store.execute(ExecuteRunRequest(threadID: fork.threadID, task: "more"))
            let messages = try await store.claimNext(for: "w")?.messages
            #expect(messages == ["ask 0", "did 0", "ask 1", "did 1", "ask 2", "did 2"])
        }
    }

    @Test func `what waits or goes on does not make a fork less whole`() async throws {
        try await withStore { store, _, _ in
            let source = try await thread(store, runs: 2)
            for _ in 0..<70 { _ = try await store.execute(ExecuteRunRequest(threadID: source, task: "waits")) }
            let last = try await store.runs(ListRunsRequest(threadID: source, pageSize: 1, pageToken: "1")).runs[0]
            _ = try await send(store, "SET", "thread:\(source):memory", "plans")
            for run in ["", last.runID] {
                let fork = try await store.fork(ForkThreadRequest(threadID: source, runID: run))
                #expect(fork.runCount == 2 && fork.status == "idle")
                #expect(try await send(store, "GET", "thread:\(fork.threadID):memory").string == "plans")
            }
        }
    }

    @Test(arguments: ["runs", "events", "bytes", "messages"])
    func `more than a fork may take along is refused, and leaves nothing`(what: String) async throws {
        var limits = ForkLimits()
        switch what {
        case "runs": limits.runs = 9
        case "events": limits.events = 30
        case "bytes": limits.bytes = 20_000
        default: limits.bytes = 15_000
        }
        try await withStore(forkLimits: limits) { store, _, _ in
            let text = what == "bytes" ? String(repeating: "x", count: 3000) : "x"
            let source = try await thread(store, runs: 10, text: text)
            if what == "messages" {
                _ = try await send(store, "RPUSH", "thread:\(source):messages", String(repeating: "x", count: 15_000))
            }
            let error = await #expect(throws: StoreError.self) {
                _ = try await store.fork(ForkThreadRequest(threadID: source))
            }
            #expect(error?.code == .exhausted && error?.message.contains("at most") == true)
            let keys = try await send(store, "KEYS", "thread:*").array ?? []
            #expect(keys.allSatisfy { $0.string?.contains(source) == true })
            // An earlier place will do.
            let early = try await store.runs(ListRunsRequest(threadID: source, pageSize: 2, pageToken: "1")).runs[0]
            let fork = try await store.fork(ForkThreadRequest(threadID: source, runID: early.runID))
            #expect(fork.runCount == 2)
        }
    }
}
