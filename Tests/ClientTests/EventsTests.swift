import Client
import HTTP
import Messages
import NIOCore
import NIOPosix
import RPC
import TestSupport
import Testing

/// A log of events numbered from 1, whose ids are `number-0`, served by scripted streams.
private func event(_ number: Int, final: Bool = false) -> Event {
    Event(
        id: "\(number)-0",
        seq: UInt64(number),
        runID: "r",
        type: final ? "run_completed" : "message_completed",
        final: final
    )
}

extension ThreadEvents {
    fileprivate func ids(upTo count: Int = .max) async throws -> [String] {
        var ids: [String] = []
        for try await event in self {
            ids.append(event.id)
            if ids.count == count { break }
        }
        return ids
    }
}

@Suite struct EventsTests {
    /// How a stream may break off in the middle; each is mended by calling again.
    enum Break: CaseIterable {
        case unavailable, endsWithOK, noEventAtAll
    }

    @Test(arguments: Break.allCases)
    func goesOnAfterTheLastEventWhenTheStreamBreaks(how: Break) async throws {
        let cursors = Record<String>()
        try await withClient {
            $0.onStream { request, stream in
                let isFirst = cursors.append(request.lastID) == 1
                let start = Int(request.lastID.prefix { $0 != "-" }) ?? 0
                guard isFirst else {
                    for number in start + 1...6 { stream.send(event(number, final: number == 6)) }
                    return stream.finish(.ok)
                }
                if how != .noEventAtAll { for number in 1...3 { stream.send(event(number)) } }
                stream.finish(how == .endsWithOK ? .ok : Status(.unavailable))
            }
        } _: { client in
            let ids = try await client.events(of: "t", run: "r").ids()
            #expect(ids == ["1-0", "2-0", "3-0", "4-0", "5-0", "6-0"])
            #expect(cursors.entries == (how == .noEventAtAll ? ["", ""] : ["", "3-0"]))
        }
    }

    /// The connection itself is lost, by a server that is stopped and started again on its port.
    @Test func goesOnAfterTheServerWasStartedAgain() async throws {
        let log = (1...4).map { event($0, final: $0 == 4) }
        func routes(upTo end: Int) -> MethodRouter {
            var router = MethodRouter(logger: quiet)
            router.onStream { request, stream in
                let start = Int(request.lastID.prefix { $0 != "-" }) ?? 0
                for event in log[start..<end] { stream.send(event) }
            }
            return router
        }
        let first = try await serve(routes(upTo: 2))
        let client = try BaudClient(
            url: "http://127.0.0.1:\(first.port)",
            group: MultiThreadedEventLoopGroup.singleton,
            logger: quiet
        )
        var events = client.events(of: "t", run: "r").makeAsyncIterator()
        #expect(try await events.next()?.id == "1-0")
        #expect(try await events.next()?.id == "2-0")
        await first.server.shutdown(grace: .zero)
        let second = try await serve(routes(upTo: 4), port: first.port)
        #expect(try await events.next()?.id == "3-0")
        #expect(try await events.next()?.id == "4-0")
        #expect(try await events.next() == nil)
        #expect(events.lastID == "4-0")
        await client.close()
        await second.server.shutdown(grace: .zero)
    }

    @Test func leavesOutKeepAlivesAndKeepsTheCursorOverEventsWithoutAnID() async throws {
        let cursors = Record<String>()
        try await withClient {
            $0.onStream { request, stream in
                if cursors.append(request.lastID) == 1 {
                    stream.send(event(1))
                    stream.send(Event(type: "keep_alive"))
                    stream.send(Event(type: "waiting", payload: .waiting(Waiting(position: 1))))
                    stream.finish(Status(.unavailable))
                } else {
                    stream.send(event(2, final: true))
                }
            }
        } _: { client in
            let ids = try await client.events(of: "t", run: "r").ids()
            #expect(ids == ["1-0", "", "2-0"])
            #expect(cursors.entries == ["", "1-0"])
        }
    }

    @Test func theEndOfARunIsNoEndOfItsThread() async throws {
        let cursors = Record<String>()
        try await withClient {
            $0.onStream { request, stream in
                cursors.append(request.lastID)
                let start = Int(request.lastID.prefix { $0 != "-" }) ?? 0
                for number in start + 1...start + 2 { stream.send(event(number, final: number == 2)) }
                stream.finish(.ok)
            }
        } _: { client in
            let ids = try await client.events(of: "t").ids(upTo: 5)
            #expect(ids == ["1-0", "2-0", "3-0", "4-0", "5-0"])
            #expect(cursors.entries == ["", "2-0", "4-0"])
        }
    }

    /// With `$` as its cursor, a second call would leave out what came between the first and itself.
    @Test func whatIsNewIsCountedFromTheFirstCall() async throws {
        let cursors = Record<String>()
        try await withClient {
            $0.on(.getThread) { (_: GetThreadRequest, _) in Messages.Thread(lastID: "7-0") }
            $0.onStream { request, stream in
                guard cursors.append(request.lastID) > 1 else { return stream.finish(Status(.unavailable)) }
                stream.send(event(8, final: true))
            }
        } _: { client in
            let ids = try await client.events(of: "t", after: "$", run: "r").ids()
            #expect(ids == ["8-0"])
            #expect(cursors.entries == ["7-0", "7-0"])
        }
    }

    @Test func anErrorThatDoesNotPassIsThrownAndEndsTheSequence() async throws {
        let calls = Record<Void>()
        try await withClient {
            $0.onStream { _, stream in
                calls.append(())
                stream.send(event(1))
                stream.finish(Status(.outOfRange, "trimmed"))
            }
        } _: { client in
            var events = client.events(of: "t").makeAsyncIterator()
            let first = try await events.next()
            #expect(first?.id == "1-0")
            let error = await #expect(throws: BaudClientError.self) { try await events.next() }
            #expect(error?.code == .outOfRange)
            let second = try await events.next()
            #expect(second == nil)
            #expect(calls.entries.count == 1)
        }
    }

    @Test func itGivesUpAServerThatStaysAway() async throws {
        let calls = Record<Void>()
        try await withClient {
            $0.onStream { _, stream in
                calls.append(())
                stream.finish(Status(.unavailable, "away"))
            }
        } _: { client in
            let error = await #expect(throws: BaudClientError.self) { try await client.events(of: "t").ids() }
            #expect(error?.code == .unavailable)
            #expect(calls.entries.count == 5)
        }
    }

    @Test func cancellingTheReaderEndsTheStreamOnTheServer() async throws {
        let (closed, close) = AsyncStream.makeStream(of: Void.self)
        let (read, didRead) = AsyncStream.makeStream(of: Void.self)
        try await withClient {
            $0.onStream { _, stream in
                stream.onClose = { close.yield() }
                stream.send(event(1))
            }
        } _: { client in
            let reader = Task { for try await _ in client.events(of: "t") { didRead.yield() } }
            for await _ in read { break }
            reader.cancel()
            let error = await #expect(throws: BaudClientError.self) { try await reader.value }
            #expect(error?.code == .cancelled)
            for await _ in closed { break }
        }
    }

    @Test func executeGivesTheRunAndItsEvents() async throws {
        let requests = Record<StreamThreadRequest>()
        try await withClient {
            $0.on(.executeRun) { (request: ExecuteRunRequest, _) in Run(runID: "r", threadID: request.threadID) }
            $0.onStream { request, stream in
                requests.append(request)
                stream.send(event(1))
                stream.send(event(2, final: true))
                stream.finish(.ok)
            }
        } _: { client in
            let (run, events) = try await client.execute(on: "t", task: "do")
            #expect(run.runID == "r")
            let ids = try await events.ids()
            #expect(ids == ["1-0", "2-0"])
            #expect(requests.entries == [StreamThreadRequest(threadID: "t", runID: "r")])
        }
    }
}
