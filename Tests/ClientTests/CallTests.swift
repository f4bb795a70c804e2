import Messages
import NIOCore
import OrderedCollections
import RPC
import TestSupport
import Testing

@testable import Client

@Suite struct CallTests {
    @Test func everyCallCarriesItsRequestAndAnswer() async throws {
        try await withClient {
            $0.on(.initiateThread) { (request: InitiateThreadRequest, _) in
                Messages.Thread(threadID: request.idempotencyKey, metadata: request.metadata)
            }
            $0.on(.getThread) { (request: GetThreadRequest, _) in Messages.Thread(threadID: request.threadID) }
            $0.on(.listThreads) { (request: ListThreadsRequest, _) in
                ListThreadsResponse(nextPageToken: "\(request.pageSize) after \(request.pageToken)")
            }
            $0.on(.deleteThread) { (request: DeleteThreadRequest, _) in
                guard request.threadID == "t" else { throw Status(.notFound, "there is no thread") }
                return DeleteThreadResponse()
            }
            $0.on(.executeRun) { (request: ExecuteRunRequest, _) in
                Run(runID: request.idempotencyKey, threadID: request.threadID, task: request.task, model: request.model)
            }
            $0.on(.getRun) { (request: GetRunRequest, _) in Run(runID: request.runID, threadID: request.threadID) }
            $0.on(.listRuns) { (request: ListRunsRequest, _) in
                ListRunsResponse(nextPageToken: "\(request.threadID) \(request.pageSize) after \(request.pageToken)")
            }
            $0.on(.cancelRun) { (request: CancelRunRequest, _) in Run(runID: request.runID, status: "cancelling") }
            $0.on(.getHealth) { (_: GetHealthRequest, _) in Health(status: "ok", workers: 2) }
        } _: { client in
            let thread = try await client.initiateThread(metadata: ["a": "b"], idempotencyKey: "key")
            #expect(thread == Messages.Thread(threadID: "key", metadata: ["a": "b"]))
            #expect(try await client.getThread("t").threadID == "t")
            #expect(try await client.listThreads(pageSize: 3, pageToken: "x").nextPageToken == "3 after x")
            try await client.deleteThread("t")
            let run = try await client.executeRun(on: "t", task: "do", model: "m", idempotencyKey: "k")
            #expect(run == Run(runID: "k", threadID: "t", task: "do", model: "m"))
            #expect(try await client.getRun("r", of: "t") == Run(runID: "r", threadID: "t"))
            #expect(try await client.listRuns(of: "t", pageSize: 1, pageToken: "y").nextPageToken == "t 1 after y")
            #expect(try await client.cancelRun("r", of: "t").status == "cancelling")
            #expect(try await client.health() == Health(status: "ok", workers: 2))
        }
    }

    @Test(arguments: Status.Code.allCases.filter { $0 != .ok })
    func aStatusKeepsItsCodeAndMessage(code: Status.Code) async throws {
        try await withClient {
            $0.on(.getThread) { (_: GetThreadRequest, _) -> Messages.Thread in throw Status(code, "because") }
        } _: { client in
            let error = await #expect(throws: BaudClientError.self) { try await client.getThread("t") }
            #expect(error?.code.rawValue == code.rawValue)
            #expect(error?.message == "because")
            #expect(error?.cause is Status)
        }
    }

    @Test func anAnswerThatCannotBeReadIsInternal() async throws {
        try await withClient {
            $0.local(Messages.Method.getThread.path) { _, _ in ByteBuffer(bytes: [0xFF, 0xFF]) }
        } _: { client in
            let error = await #expect(throws: BaudClientError.self) { try await client.getThread("t") }
            #expect(error?.code == .internal)
            #expect(error?.cause is MessageError)
        }
    }

    @Test func everyCallHasADeadline() async throws {
        try await withClient {
            $0.on(.getThread) { (_: GetThreadRequest, context) in
                let left = try #require(context.deadline) - NIODeadline.now()
                #expect(left <= .seconds(30) && left > .seconds(20))
                return Messages.Thread()
            }
        } _: { client in
            _ = try await client.getThread("t")
        }
    }

    @Test func cancellingTheTaskCancelsTheCall() async throws {
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        try await withClient {
            $0.on(.getThread) { (_: GetThreadRequest, _) in
                begin.yield()
                do {
                    try await Task.sleep(for: .seconds(60))
                } catch {
                    end.yield()
                }
                return Messages.Thread()
            }
        } _: { client in
            let call = Task { try await client.getThread("t") }
            for await _ in begun { break }
            call.cancel()
            let error = await #expect(throws: BaudClientError.self) { try await call.value }
            #expect(error?.code == .cancelled)
            for await _ in ended { break }
        }
    }
}

@Suite struct RetryTests {
    @Test func aReadIsRepeatedWhileTheServerIsUnavailable() async throws {
        let calls = Record<String>()
        try await withClient {
            $0.on(.getThread) { (request: GetThreadRequest, _) in
                guard calls.append(request.threadID) == 3 else { throw Status(.unavailable) }
                return Messages.Thread(threadID: "found")
            }
        } _: { client in
            let thread = try await client.getThread("t")
            #expect(thread.threadID == "found")
            #expect(calls.entries == ["t", "t", "t"])
        }
    }

    @Test func theRetriesEnd() async throws {
        let calls = Record<Void>()
        try await withClient {
            $0.on(.getThread) { (_: GetThreadRequest, _) -> Messages.Thread in
                calls.append(())
                throw Status(.unavailable, "still away")
            }
        } _: { client in
            let error = await #expect(throws: BaudClientError.self) { try await client.getThread("t") }
            #expect(error?.message == "still away")
            #expect(calls.entries.count == 5)
        }
    }

    @Test func anotherErrorIsNotRepeated() async throws {
        let calls = Record<Void>()
        try await withClient {
            $0.on(.getThread) { (_: GetThreadRequest, _) -> Messages.Thread in
                calls.append(())
                throw Status(.resourceExhausted)
            }
        } _: { client in
            await #expect(throws: BaudClientError.self) { try await client.getThread("t") }
            #expect(calls.entries.count == 1)
        }
    }

    @Test func aWriteIsRepeatedOnlyUnderAnIdempotencyKeyAndWithTheSame() async throws {
        let keys = Record<String>()
        try await withClient {
            $0.on(.executeRun) { (request: ExecuteRunRequest, _) in
                guard keys.append(request.idempotencyKey) % 2 == 0 else { throw Status(.unavailable) }
                return Run(runID: "r")
            }
        } _: { client in
            let keyed = try await client.executeRun(on: "t", task: "do", idempotencyKey: "k")
            #expect(keyed.runID == "r")
            let (run, _) = try await client.execute(on: "t", task: "do")
            #expect(run.runID == "r")
            await #expect(throws: BaudClientError.self) { try await client.executeRun(on: "t", task: "do") }
            let seen = keys.entries
            #expect(seen.count == 5)
            #expect(seen[0] == "k" && seen[1] == "k")
            #expect(seen[2] == seen[3] && seen[2].count == 32)
            #expect(seen[4] == "")
        }
    }

    @Test func noServerIsUnavailable() async throws {
        // Port 1 is reserved for a service that no machine has any more.
        let client = try makeClient(port: 1)
        let error = await #expect(throws: BaudClientError.self) { try await client.health() }
        #expect(error?.code == .unavailable)
    }

    @Test func waitsGrowToTheCapAndEnd() {
        struct Highest: RandomNumberGenerator {
            mutating func next() -> UInt64 { .max }
        }
        let policy = RetryPolicy(maxRetries: 8, base: .milliseconds(100), cap: .seconds(5))
        var random = Highest()
        let delays = (1...9).map { number in
            policy.delay(beforeRetry: number, using: &random).map { ($0 / .milliseconds(1)).rounded() }
        }
        #expect(delays == [100, 200, 400, 800, 1600, 3200, 5000, 5000, nil])
        for number in 1...8 {
            let delay = policy.delay(beforeRetry: number) ?? .seconds(60)
            #expect(delay >= .zero && delay <= .seconds(5))
        }
    }
}

@Suite struct ServerAddressTests {
    @Test(arguments: [
        ("http://localhost:8080", "localhost", 8080), ("HTTP://localhost:8080/", "localhost", 8080),
        ("http://10.0.0.1", "10.0.0.1", 80), ("http://[::1]:9", "::1", 9), ("http://[::1]", "::1", 80),
        ("https://a.example", "a.example", 443), ("https://a.example:80/", "a.example", 80),
    ])
    func urlsThatAreTaken(url: String, host: String, port: Int) throws {
        let address = try ServerAddress(url: url)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.usesTLS == url.hasPrefix("https"))
    }

    @Test(arguments: [
        "", "localhost:8080", "ftp://localhost", "https:localhost", "http://", "https://", "http://:80", "http://a:0",
        "http://a:65536",
        "http://a:b",
        "http://a:1/path", "http://user@a", "http://a:1:2", "http://[::1", "http://[::1]x", "http://a:", "http:/a",
    ])
    func urlsThatAreRefused(url: String) {
        let error = #expect(throws: BaudClientError.self) { try ServerAddress(url: url) }
        #expect(error?.code == .invalidArgument)
    }
}
