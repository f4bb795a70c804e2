import Logging
import Messages
import NIOCore
import NIOPosix
import Redis
import Store
import TestSupport
import Testing

@testable import Gateway

/// The fan-out over a real redis-server.
@Suite(.timeLimit(.minutes(1)))
struct FanoutTests {
    /// Viewers of one thread on one loop; what each is sent comes out of `events`.
    private func watch(
        _ count: Int,
        _ thread: String,
        _ request: Viewer.Request,
        on loop: any EventLoop,
        of fanouts: Fanouts,
        _ events: AsyncStream<String>.Continuation
    ) async throws -> NIOLoopBound<[RecordingSink]> {
        try await loop.submit {
            let sinks = (0..<count).map { _ in RecordingSink() }
            for sink in sinks {
                sink.onSend = { events.yield($0.type) }
                fanouts.fanout(on: loop).watch(thread, request, sink: sink)
            }
            return NIOLoopBound(sinks, eventLoop: loop)
        }.get()
    }

    @Test func `two hundred viewers of a thread share one subscription for each loop`() async throws {
        try await withStore(loops: 2) { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let fanouts = try await Fanouts(store: store, group: group, intervals: StreamIntervals(), logger: .quiet)
            let loops = Array(group.makeIterator())
            let (events, continuation) = AsyncStream.makeStream(of: String.self)
            var sinks: [NIOLoopBound<[RecordingSink]>] = []
            for loop in loops {
                let request = Viewer.Request(start: .after(.zero))
                sinks.append(try await watch(100, thread, request, on: loop, of: fanouts, continuation))
            }
            var created = 0
            var received = events.makeAsyncIterator()
            while created < 200 { if await received.next() == "thread_created" { created += 1 } }

            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            var queued = 0
            while queued < 200 { if await received.next() == "run_queued" { queued += 1 } }

            let clients = try await store.redis.send(RedisCommand("CLIENT", "LIST", "TYPE", "pubsub")).string ?? ""
            #expect(clients.split(separator: "\n").count == 2)
            #expect(try await subscribers(of: thread, store) == 2)

            for (loop, sinks) in zip(loops, sinks) {
                try await loop.submit { for sink in sinks.value { sink.close() } }.get()
            }
            try await untilUnwatched(thread, store)
            await fanouts.close()
        }
    }

    @Test func `five hundred viewers cost Redis one script and one message for each batch, and no connection`()
        async throws
    {
        try await withStore(loops: 2) { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            let run = try #require(try await store.claimNext(for: "w"))
            let fanouts = try await Fanouts(store: store, group: group, intervals: StreamIntervals(), logger: .quiet)
            let (events, continuation) = AsyncStream.makeStream(of: String.self)
            var sinks: [NIOLoopBound<[RecordingSink]>] = []
            for loop in group.makeIterator() {
                let request = Viewer.Request(start: .after(.zero))
                sinks.append(try await watch(250, thread, request, on: loop, of: fanouts, continuation))
            }
            var received = events.makeAsyncIterator()
            var started = 0
            while started < 500 { if await received.next() == "run_attempt_started" { started += 1 } }

            // The first of its kind teaches the server the script.
            let log = RunLog(run: run, store: store)
            try await log.text("first")
            try await log.flush()
            var first = 0
            while first < 500 { if await received.next() == "task_agent_execute" { first += 1 } }
            let connections = try await connectionCount(store)
            _ = try await store.redis.send(RedisCommand("CONFIG", "RESETSTAT"))
            for batch in 0..<30 {
                for word in 0..<20 { try await log.text("\(batch)-\(word) ") }
                try await log.flush()
            }
            var deltas = 0
            while deltas < 500 * 30 { if await received.next() == "task_agent_execute" { deltas += 1 } }
            let calls = try await commandCalls(store)
            // A connection calls a script by its text the first time.
            #expect(calls["evalsha", default: 0] + calls["eval", default: 0] == 30)
            #expect(calls["spublish"] == 30)
            #expect(calls["xadd"] == 30)
            #expect(calls["xrange"] == nil && calls["xrevrange"] == nil, "nobody who keeps up reads the log")
            #expect(try await connectionCount(store) == connections)
            #expect(connections <= 4, "for each loop one for commands and one for what is announced")
            for (loop, sinks) in zip(group.makeIterator(), sinks) {
                try await loop.submit { for sink in sinks.value { sink.close() } }.get()
            }
            await fanouts.close()
        }
    }

    private func connectionCount(_ store: Store) async throws -> Int {
        (try await store.redis.send(RedisCommand("CLIENT", "LIST")).string ?? "").split(separator: "\n").count
    }

    /// How often each command was called, by clients and scripts together.
    private func commandCalls(_ store: Store) async throws -> [String: Int] {
        let info = try await store.redis.send(RedisCommand("INFO", "commandstats")).string ?? ""
        return info.split(whereSeparator: \.isNewline).reduce(into: [:]) { calls, line in
            let parts = line.split(separator: ":calls=")
            guard parts.count == 2, parts[0].hasPrefix("cmdstat_") else { return }
            calls[String(parts[0].dropFirst("cmdstat_".count))] = Int(parts[1].prefix { $0 != "," })
        }
    }

    @Test func `who watches anew right after the last one left misses nothing`() async throws {
        try await withStore(loops: 1) { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let loop = group.next()
            let fanouts = try await Fanouts(store: store, group: group, intervals: StreamIntervals(), logger: .quiet)
            let request = Viewer.Request(start: .after(.zero))
            for _ in 0..<50 {
                let (events, continuation) = AsyncStream.makeStream(of: String.self)
                let sinks = try await watch(1, thread, request, on: loop, of: fanouts, continuation)
                var received = events.makeAsyncIterator()
                #expect(await received.next() == "thread_created")
                try await loop.submit { sinks.value[0].close() }.get()
            }
            await fanouts.close()
        }
    }

    @Test func `nothing begins on a sink that is over`() async throws {
        try await withStore(loops: 1) { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let loop = group.next()
            let fanouts = try await Fanouts(store: store, group: group, intervals: StreamIntervals(), logger: .quiet)
            // The peer leaves while it is looked up what is to be watched.
            let found = loop.makePromise(of: Void.self)
            let sink = try await loop.submit {
                let sink = RecordingSink()
                fanouts.fanout(on: loop).watch(thread, sink: sink) {
                    try await found.futureResult.get()
                    return Viewer.Request(start: .after(.zero))
                }
                sink.isOver = true
                return NIOLoopBound(sink, eventLoop: loop)
            }.get()
            found.succeed(())
            var isFinished = false
            while !isFinished { isFinished = try await loop.submit { !sink.value.ends.isEmpty }.get() }
            #expect(try await subscribers(of: thread, store) == 0)
            await fanouts.close()
        }
    }

    @Test func `a thread that does not exist, and an id that is none`() async throws {
        try await withStore(loops: 1) { store, _, group in
            let loop = group.next()
            let fanouts = try await Fanouts(store: store, group: group, intervals: StreamIntervals(), logger: .quiet)
            for thread in ["nobody", "a:b *"] {
                let (_, continuation) = AsyncStream.makeStream(of: String.self)
                let request = Viewer.Request(start: .after(.zero))
                let sinks = try await watch(1, thread, request, on: loop, of: fanouts, continuation)
                var ends: [StoreError?] = []
                while ends.isEmpty { ends = try await loop.submit { sinks.value[0].ends }.get() }
                #expect(ends.map(\.?.code) == [.notFound])
            }
            await fanouts.close()
        }
    }

    private func subscribers(of thread: String, _ store: Store) async throws -> Int64? {
        let channel = RedisArgument("thread:\(thread):live")
        return try await store.redis.send(RedisCommand("PUBSUB", "SHARDNUMSUB", channel)).array?.last?.int
    }

    /// Asks until Redis has carried out what the loops have sent.
    private func untilUnwatched(_ thread: String, _ store: Store) async throws {
        while try await subscribers(of: thread, store) != 0 { try Task.checkCancellation() }
    }
}
