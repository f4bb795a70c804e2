import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HTTP

/// Requests that come, and responses that begin, while the server stops.
@Suite(.timeLimit(.minutes(1))) struct DrainTests {
    /// A response without an end, until the server stops.
    private static func serveUntilDrained(_ exchange: Exchange) {
        exchange.start(ResponseHead(status: 200))
        exchange.write(ByteBuffer(string: "begun,"))
        exchange.onDrain = {
            exchange.write(ByteBuffer(string: "drained"))
            exchange.finish()
        }
    }

    private static let request = HTTP2LimitTests.frame(1, flags: 5, stream: 1, HTTP2LimitTests.get)
    /// The GOAWAY that names no stream, and the one that names the first.
    private static let firstGoAway = HTTP2LimitTests.frame(7, stream: 0, [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
    private static let lastGoAway = HTTP2LimitTests.frame(7, stream: 0, [0, 0, 0, 1, 0, 0, 0, 0])

    /// The peer holds back its acknowledgement of the PING that follows the first GOAWAY, so that the last one is not due.
    @Test func streamBetweenTheTwoGoAwaysIsToldOfTheEnd() throws {
        let bench = try ConnectionBench.http2(.server(Self.serveUntilDrained))
        try bench.receive(HTTP2LimitTests.preface)
        bench.connection.drain()
        try bench.run()
        #expect(bench.count(Self.firstGoAway) == 1)
        try bench.receive(Self.request)
        #expect(bench.text.contains("begun,"))
        #expect(bench.text.contains("drained"))
        #expect(bench.count(HTTP2LimitTests.frame(0, flags: 1, stream: 1, Array("drained".utf8))) == 1)
        try bench.receive(HTTP2LimitTests.frame(6, flags: 1, stream: 0, [UInt8](repeating: 0, count: 8)))
        #expect(bench.count(Self.lastGoAway) == 1)
    }

    @Test func whoSetsTheCallbackAfterTheBeginIsToldInTheNextTurn() throws {
        var exchanges: [Exchange] = []
        let bench = try ConnectionBench.http2(.server { exchanges.append($0) })
        try bench.receive(HTTP2LimitTests.preface + Self.request)
        bench.connection.drain()
        try bench.run()
        let exchange = try #require(exchanges.first)
        var calls = 0
        exchange.onDrain = { calls += 1 }
        #expect(calls == 0, "whoever sets it may not be complete")
        try bench.run()
        #expect(calls == 1)
        exchange.onDrain = { calls += 1 }
        exchange.onDrain = nil
        try bench.run()
        #expect(calls == 1)
    }

    /// An idle connection ends without an end of the server: a stream that crosses its GOAWAY may go on.
    @Test func streamThatCrossesTheEndOfAnIdleConnectionGoesOnUntilTheServerStops() throws {
        let bench = try ConnectionBench.http2(.server(Self.serveUntilDrained))
        try bench.receive(HTTP2LimitTests.preface)
        let now = NIODeadline.now()
        bench.connection.silence = nil
        bench.connection.sweep(now: now)
        bench.connection.sweep(now: now + HTTPLimits().idleTimeout.timeAmount)
        try bench.run()
        #expect(bench.count(Self.firstGoAway) == 1)
        try bench.receive(Self.request)
        #expect(bench.text.contains("begun,") && !bench.text.contains("drained"))
        bench.connection.drain()
        try bench.run()
        #expect(bench.text.contains("drained"))
        #expect(bench.count(Self.firstGoAway) == 1)
    }

    @Test func firstRequestOfAnHTTP1ConnectionThatDrainsIsToldOfTheEnd() throws {
        let bench = try ConnectionBench.http1(prepare: { $0.drain() }, Self.serveUntilDrained)
        try bench.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(bench.text.hasSuffix("6\r\nbegun,\r\n7\r\ndrained\r\n0\r\n\r\n"))
        #expect(!bench.connection.acceptsInput)
    }

    /// The first bytes come when the loop has been told to drain, and the version was not known until then.
    @Test func connectionWhoseFirstBytesComeAfterTheBeginIsToldByGoAway() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // A sweep between the begin and the bytes closes the connection; then it is tried again.
        while try await !answersByGoAway(group) { try Task.checkCancellation() }
        try await group.shutdownGracefully()
    }

    /// False when the connection was closed before the request had come.
    private func answersByGoAway(_ group: MultiThreadedEventLoopGroup) async throws -> Bool {
        let server = HTTPServer(
            configuration: HTTPServer.Configuration(port: 0),
            group: group,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            handler: echo
        )
        let port = try await server.start().port ?? 0
        let idle = try await RawConnection.connect(port: port)
        try await idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = await idle.receive { $0.hasSuffix("]") }
        let connection = try await RawConnection.connect(port: port)
        async let stopped: Void = server.shutdown(grace: .seconds(600))
        // Its end tells that the only loop has begun.
        _ = await idle.receive()
        try? await connection.send(HTTP2LimitTests.preface + Self.request)
        let first = String(decoding: Self.firstGoAway, as: UTF8.self)
        let last = String(decoding: Self.lastGoAway, as: UTF8.self)
        let received = await connection.receive { $0.contains(last) }
        await stopped
        guard !received.isEmpty else { return false }
        #expect(received.contains(first) && received.contains("GET / []"))
        return true
    }
}
