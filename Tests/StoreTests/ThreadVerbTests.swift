import Messages
import NIOCore
import NIOPosix
import OrderedCollections
import Redis
import TestSupport
import Testing

@testable import Store

/// Changing threads, and forking them.
@Suite(.timeLimit(.minutes(1)))
struct ThreadVerbTests {
    private func finish(_ store: Store, _ thread: String, _ task: String) async throws -> String {
        _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: task))
        let run = try #require(try await store.claimNext(for: "w"))
        let log = RunLog(run: run, store: store)
        try await log.text("answer to \(task)")
        let usage = Usage(inputTokens: 1, outputTokens: 2)
        let messages = ["user \(task)", "agent \(task)"]
        try await log.finish(RunEnd(.completed, usage: usage, text: task, messages: messages, memory: "{\"m\":1}"))
        return run.runID
    }

    // MARK: Update

    @Test func `an update changes what it names, counts, and is told`() async throws {
        try await withStore { store, _, group in
            let id = try await store.initiate(InitiateThreadRequest(metadata: ["a": "1", "b": "2"])).thread.threadID
            #expect(try await store.thread(id).version == 1)
            let update = UpdateThreadRequest(
                threadID: id,
                version: 1,
                title: "T",
                tags: ["x"],
                metadata: ["b": "", "c": "3"]
            )
            let changed = try await store.update(update, metadataLimit: 64)
            #expect(changed.metadata == ["a": "1", "c": "3"] && changed.title == "T" && changed.tags == ["x"])
            #expect(changed.version == 2)
            let cleared = try await store.update(UpdateThreadRequest(threadID: id, clear: ["title"]), metadataLimit: 64)
            #expect(cleared.title.isEmpty && cleared.tags == ["x"] && cleared.version == 3)
            let events = try await store.log(id, on: group.next())
            #expect(events.map(\.type) == ["thread_created", "thread_updated", "thread_updated"])
        }
    }

    @Test func `of two updates of one version one counts`() async throws {
        try await withStore { store, _, _ in
            let id = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let outcomes = await withTaskGroup(of: StoreError.Code?.self) { group in
                for title in ["one", "two", "three"] {
                    group.addTask {
                        let request = UpdateThreadRequest(threadID: id, version: 1, title: title)
                        do throws(StoreError) {
                            _ = try await store.update(request, metadataLimit: 64)
                            return nil
                        } catch {
                            return error.code
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == nil } == 1 && outcomes.count { $0 == .stale } == 2)
            #expect(try await store.thread(id).version == 2)
        }
    }

    @Test func `updates cannot gather more metadata than a thread may have`() async throws {
        try await withStore { store, _, _ in
            let id = try await store.initiate(InitiateThreadRequest(metadata: ["a": "1", "b": "2"])).thread.threadID
            let error = await #expect(throws: StoreError.self) {
                try await store.update(UpdateThreadRequest(threadID: id, metadata: ["c": "3"]), metadataLimit: 2)
            }
            #expect(error?.code == .exhausted)
            let same = UpdateThreadRequest(threadID: id, metadata: ["a": "", "c": "3"])
            #expect(try await store.update(same, metadataLimit: 2).metadata.count == 2)
        }
    }

    // MARK: Fork

    @Test func `a fork has the runs up to a place, under new ids, and goes its own way`() async throws {
        try await withStore { store, _, group in
            let loop = group.next()
            let source = try await store.initiate(InitiateThreadRequest(metadata: ["k": "v"])).thread.threadID
            let first = try await finish(store, source, "one")
            let second = try await finish(store, source, "two")
            let fork = try await store.fork(ForkThreadRequest(threadID: source, runID: first))
            let end = try await store.extent(ofRun: first, on: source).end
            #expect(fork.forkedFrom == ThreadOrigin(threadID: source, lastID: try #require(end).description))
            #expect(fork.metadata == ["k": "v"] && fork.runCount == 1 && fork.usage?.outputTokens == 2)
            let runs = try await store.runs(ListRunsRequest(threadID: fork.threadID)).runs
            let copy = try #require(runs.first)
            #expect(runs.count == 1 && copy.runID != first && copy.task == "one" && copy.status == "completed")

            let events = try await store.log(fork.threadID, on: loop)
            let original = try await store.log(source, on: loop).filter { $0.runID == first }
            #expect(events.map(\.seq) == Array(1...UInt64(events.count)) && fork.seq == UInt64(events.count))
            #expect(events[1...].map(\.payload) == original[...].map(\.payload))
            #expect(
                events.allSatisfy { $0.threadID == fork.threadID } && events[1...].allSatisfy { $0.runID == copy.runID }
            )
            let extent = try await store.extent(ofRun: copy.runID, on: fork.threadID)
            #expect(extent.start.description == events[0].id && extent.end?.description == events.last?.id)

            _ = try await store.execute(ExecuteRunRequest(threadID: fork.threadID, task: "three"))
            let next = try #require(try await store.claimNext(for: "w"))
            #expect(next.messages == ["user one", "agent one"] && next.memory.isEmpty)
            #expect(try await store.log(fork.threadID, on: loop).map(\.seq).last == UInt64(events.count + 2))
            #expect(try await store.runs(ListRunsRequest(threadID: source)).runs.map(\.runID) == [second, first])
            #expect(try await store.threads(ListThreadsRequest()).threads.count == 2)
        }
    }

    @Test func `a fork of the whole thread has its memory; what goes on is no part of it`() async throws {
        try await withStore { store, _, group in
            let source = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await finish(store, source, "one")
            let live = try await store.execute(ExecuteRunRequest(threadID: source, task: "live")).run.runID
            let fork = try await store.fork(ForkThreadRequest(threadID: source))
            #expect(fork.status == "idle" && fork.runCount == 1)
            let busy = await #expect(throws: StoreError.self) {
                try await store.fork(ForkThreadRequest(threadID: source, runID: live))
            }
            #expect(busy?.code == .busy)
            _ = try await store.cancel(source, live)
            _ = try await store.execute(ExecuteRunRequest(threadID: fork.threadID, task: "on"))
            let next = try #require(try await store.claimNext(for: "w"))
            #expect(next.memory == "{\"m\":1}" && next.messages.count == 2)
        }
    }

    @Test func `a fork's attempts name the fork's own events`() async throws {
        try await withStore { store, _, group in
            let source = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let request = UpdateThreadRequest(threadID: source, title: "another")
            _ = try await store.update(request, metadataLimit: 9)
            _ = try await store.execute(ExecuteRunRequest(threadID: source, task: "x"))
            let lost = RunLog(run: try #require(try await store.claimNext(for: "w")), store: store)
            try await lost.text("half a sen")
            try await lost.flush()
            let entry = try #require(try await store.takeOver(for: "v").first)
            let log = RunLog(run: try #require(try await store.claim(entry, maxAttempts: 3)), store: store)
            try await log.text("a sentence")
            try await log.finish(RunEnd(.completed))
            let fork = try await store.fork(ForkThreadRequest(threadID: source)).threadID
            for thread in [source, fork] {
                var text: [(seq: UInt64, text: String)] = []
                for event in try await store.log(thread, on: group.next()) {
                    if case .run(let update)? = event.payload, update.discardFromSeq > 0 {
                        text.removeAll { $0.seq >= update.discardFromSeq }
                    }
                    if case .taskAgentExecute(let progress)? = event.payload,
                        case .textDelta(let delta)? = progress.progress
                    {
                        text.append((event.seq, delta.text))
                    }
                }
                #expect(text.map(\.text) == ["a sentence"], "\(thread == fork ? "the fork" : "the source")")
            }
        }
    }

    @Test func `a fork's stream is a thread's stream: nothing of it expires`() async throws {
        try await withStore { store, _, _ in
            let source = try await store.initiate(InitiateThreadRequest()).thread.threadID
            _ = try await finish(store, source, "one")
            let fork = try await store.fork(ForkThreadRequest(threadID: source)).threadID
            for key in [store.keys.stream(fork), store.keys.metadata(fork)] {
                #expect(try await store.redis.send(RedisCommand("TTL", RedisArgument(key))).int == -1)
            }
        }
    }

    @Test func `a place that is none is refused`() async throws {
        try await withStore { store, _, _ in
            let source = try await store.initiate(InitiateThreadRequest()).thread.threadID
            for (request, code) in [
                (ForkThreadRequest(threadID: source, lastID: "no"), StoreError.Code.invalid),
                (ForkThreadRequest(threadID: source, lastID: "99999999999999-0"), .invalid),
                (ForkThreadRequest(threadID: source, runID: "none"), .notFound),
                (ForkThreadRequest(threadID: "none"), .notFound),
            ] {
                let error = await #expect(throws: StoreError.self) { try await store.fork(request) }
                #expect(error?.code == code)
            }
        }
    }
}
