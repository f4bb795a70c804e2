import Curl
import TestSupport
import Testing

typealias Reply = StandInModelServer.Reply

@Suite(.timeLimit(.minutes(1)))
struct CurlClientTests {
    @Test func sendsARequestAndReadsTheWholeResponse() async throws {
        let server = try StandInModelServer([Reply(status: 201, headers: [("X-Kind", " a b ")], "hello", piecesOf: 2)])
        defer { server.stop() }
        let client = try CurlClient()
        let request = CurlRequest(
            url: "\(server.url)/path?q=1",
            method: "POST",
            headers: [("Content-Type", "application/json"), ("X-Empty", "")],
            body: Array("{}".utf8)
        )
        let response = try await client.send(request)
        #expect(response.status == 201)
        #expect(response.version == "HTTP/1.1")
        #expect(response.headers["x-KIND"] == "a b")
        #expect(response.headers["missing"] == nil)
        #expect(try await response.body.collect(upTo: 5) == Array("hello".utf8))

        let recorded = try #require(server.requests.first)
        #expect(recorded.line == "POST /path?q=1 HTTP/1.1")
        #expect(recorded.headers["content-type"] == "application/json")
        #expect(recorded.headers["x-empty"] == "")
        #expect(recorded.body == Array("{}".utf8))
        await client.shutdown()
    }

    @Test func neverExpectsContinue() async throws {
        let server = try StandInModelServer([Reply("ok")])
        defer { server.stop() }
        let body = [UInt8](repeating: 7, count: 3_000_000)
        let response = try await CurlClient().send(CurlRequest(url: server.url, method: "POST", body: body))
        #expect(response.status == 200)
        let recorded = try #require(server.requests.first)
        #expect(recorded.headers["expect"] == nil)
        #expect(recorded.headers["content-type"] == nil)
        #expect(recorded.body == body)
    }

    @Test(arguments: ["GET", "DELETE", "POST", "PUT", "HEAD"])
    func methodsWithoutABody(method: String) async throws {
        let server = try StandInModelServer([Reply("ok")])
        defer { server.stop() }
        let client = try CurlClient()
        let response = try await client.send(CurlRequest(url: server.url, method: method))
        #expect(response.status == 200)
        let recorded = try #require(server.requests.first)
        #expect(recorded.line == "\(method) / HTTP/1.1")
        #expect(recorded.headers["content-length"] == (["POST", "PUT"].contains(method) ? "0" : nil))
    }

    @Test func keepsTheConnectionForTheNextRequest() async throws {
        let server = try StandInModelServer([Reply("one"), Reply("two")])
        defer { server.stop() }
        let client = try CurlClient(.init(maxConnectionsPerHost: 1))
        for expected in ["one", "two"] {
            let response = try await client.send(CurlRequest(url: server.url))
            #expect(try await response.body.collect(upTo: 10) == Array(expected.utf8))
        }
        #expect(server.connectionCount == 1)
    }

    @Test(arguments: [true, false])
    func aCutBodyIsAnError(hasLength: Bool) async throws {
        let server = try StandInModelServer([Reply(chunks: [Array("half".utf8)], ending: .cut, hasLength: hasLength)])
        defer { server.stop() }
        let client = try CurlClient()
        let response = try await client.send(CurlRequest(url: server.url))
        var iterator = response.body.makeAsyncIterator()
        #expect(try await iterator.next() == Array("half".utf8))
        let error = await #expect(throws: CurlError.self) { _ = try await iterator.next() }
        #expect(error?.code == .truncated)
    }

    @Test func aRefusedConnectionIsAConnectError() async throws {
        let server = try StandInModelServer([])
        server.stop()
        let client = try CurlClient()
        let error = await #expect(throws: CurlError.self) {
            _ = try await client.send(CurlRequest(url: "http://127.0.0.1:1/"))
        }
        #expect(error?.code == .connect)
    }

    @Test(arguments: ["", "file:///etc/passwd", "ftp://127.0.0.1/", "http://a b/", "http://127.0.0.1/\u{0}"])
    func otherSchemesAndBadURLsAreRefused(url: String) async throws {
        let client = try CurlClient()
        let error = await #expect(throws: CurlError.self) { _ = try await client.send(CurlRequest(url: url)) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func aHeaderCannotSmuggleALine() async throws {
        let client = try CurlClient()
        let request = CurlRequest(url: "http://127.0.0.1:1/", headers: [("X-A", "1\r\nX-B: 2")])
        let error = await #expect(throws: CurlError.self) { _ = try await client.send(request) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func aSilentServerTimesOut() async throws {
        let server = try StandInModelServer([Reply(chunks: [], ending: .hang), Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient()
        // Where a byte is to come in time, there is enough of it for a machine that does other things as well.
        let noByte = CurlRequest(url: server.url, firstByteTimeout: .milliseconds(50), idleTimeout: .seconds(10))
        let noMore = CurlRequest(url: server.url, firstByteTimeout: .seconds(10), idleTimeout: .milliseconds(500))
        for (request, expected) in [(noByte, 0), (noMore, 9)] {
            let response = try await client.send(request)
            var count = 0
            let error = await #expect(throws: CurlError.self) {
                for try await chunk in response.body { count += chunk.count }
            }
            #expect(error?.code == .timeout)
            #expect(count == expected)
        }
    }

    @Test func cancellingTheTaskEndsTheTransfer() async throws {
        let server = try StandInModelServer([Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient()
        let task = Task {
            let response = try await client.send(CurlRequest(url: server.url))
            return try await response.body.collect(upTo: 100)
        }
        await server.received(1)
        task.cancel()
        let error = await #expect(throws: CurlError.self) { _ = try await task.value }
        #expect(error?.code == .cancelled)
        await server.clientHungUp()
    }

    @Test func droppingTheBodyEndsTheTransfer() async throws {
        let server = try StandInModelServer([Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient()
        do {
            let response = try await client.send(CurlRequest(url: server.url))
            #expect(response.status == 200)
        }
        await server.clientHungUp()
    }

    @Test func theTimeBetweenPiecesMayBeShorterThanTheTimeToTheFirst() async throws {
        let server = try StandInModelServer([Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient()
        let request = CurlRequest(url: server.url, firstByteTimeout: .seconds(3600), idleTimeout: .milliseconds(20))
        let error = await #expect(throws: CurlError.self) { _ = try await client.send(request).body.collect(upTo: 100) }
        #expect(error?.code == .timeout)
    }

    @Test func discardingTheRestKeepsTheConnection() async throws {
        let large = [[UInt8]](repeating: [UInt8](repeating: 1, count: 64 * 1024), count: 256)
        let server = try StandInModelServer([Reply(chunks: large), Reply("two")])
        defer { server.stop() }
        let client = try CurlClient(.init(maxConnectionsPerHost: 1))
        let first = try await client.send(CurlRequest(url: server.url))
        await server.stalled()
        first.body.discardRest()
        let second = try await client.send(CurlRequest(url: server.url))
        #expect(try await second.body.collect(upTo: 10) == Array("two".utf8))
        #expect(server.connectionCount == 1)
        _ = first
    }

    @Test func aBodyWithoutEndIsDiscardedForASecondOnly() async throws {
        let server = try StandInModelServer([Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient()
        let response = try await client.send(CurlRequest(url: server.url))
        response.body.discardRest()
        await server.clientHungUp()
        _ = response
    }

    @Test func aReaderThatLagsStopsTheSenderAndLosesNothing() async throws {
        let pieces = (0..<256).map { [UInt8](repeating: UInt8($0), count: 128 * 1024) }
        let server = try StandInModelServer([Reply(chunks: pieces)])
        defer { server.stop() }
        let client = try CurlClient()
        let response = try await client.send(CurlRequest(url: server.url, idleTimeout: .milliseconds(50)))
        await server.stalled()
        var count = 0
        var isInOrder = true
        for try await chunk in response.body {
            #expect(chunk.count <= 256 * 1024)
            if let first = chunk.first, Int(first) != count / (128 * 1024) { isInOrder = false }
            count += chunk.count
        }
        #expect(count == 256 * 128 * 1024)
        #expect(isInOrder)
    }

    @Test func manyTransfersAtOnce() async throws {
        let server = try StandInModelServer([Reply("some words in pieces", piecesOf: 3)])
        defer { server.stop() }
        let client = try CurlClient(.init(maxConnectionsPerHost: 8))
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    try await client.send(CurlRequest(url: server.url)).body.collect(upTo: 100).count
                }
            }
            for try await count in group { #expect(count == 20) }
        }
        #expect(server.requests.count == 200)
    }

    @Test func tooManyTransfersAreRefused() async throws {
        let server = try StandInModelServer([Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient(.init(maxTransfers: 1))
        let response = try await client.send(CurlRequest(url: server.url))
        let error = await #expect(throws: CurlError.self) { _ = try await client.send(CurlRequest(url: server.url)) }
        #expect(error?.code == .exhausted)
        _ = response
    }

    @Test func shutdownEndsTransfersAndRefusesNewOnes() async throws {
        let server = try StandInModelServer([Reply("data: 1\n\n", ending: .hang)])
        defer { server.stop() }
        let client = try CurlClient()
        let response = try await client.send(CurlRequest(url: server.url))
        await client.shutdown()
        await client.shutdown()
        for attempt in 0..<2 {
            let error = await #expect(throws: CurlError.self) {
                if attempt == 0 { _ = try await response.body.collect(upTo: 100) }
                _ = try await client.send(CurlRequest(url: server.url))
            }
            #expect(error?.code == .shutdown)
        }
    }

    @Test func connectsToTheGivenAddressInPlaceOfTheHost() async throws {
        let server = try StandInModelServer([Reply("ok")])
        defer { server.stop() }
        let client = try CurlClient()
        let url = "http://nowhere.invalid:\(server.port)/"
        let response = try await client.send(CurlRequest(url: url, connectTo: "127.0.0.1"))
        #expect(response.status == 200)
        #expect(server.requests.first?.headers["host"] == "nowhere.invalid:\(server.port)")
    }

    @Test func aBodyOverTheLimitIsRefused() async throws {
        let server = try StandInModelServer([Reply("0123456789")])
        defer { server.stop() }
        let client = try CurlClient()
        let response = try await client.send(CurlRequest(url: server.url))
        let error = await #expect(throws: CurlError.self) { _ = try await response.body.collect(upTo: 9) }
        #expect(error?.code == .tooLarge)
    }
}
