import HTTP
import NIOCore
import Testing

@testable import HTTP

/// How a connection finds out that its peer is gone.
@Suite(.timeLimit(.minutes(1))) struct KeepAliveTests {
    private let start = NIODeadline.uptimeNanoseconds(1)
    private let keepAlive = KeepAlive(time: .seconds(10), timeout: .seconds(3))

    @Test func silentPeerIsAskedOnceAndThenGivenUp() {
        var watch = SilenceWatch(keepAlive)
        #expect(watch.check(at: start, isIdle: false) == .none)
        #expect(watch.check(at: start + .seconds(9), isIdle: false) == .none)
        #expect(watch.check(at: start + .seconds(10), isIdle: false) == .ping)
        #expect(watch.check(at: start + .seconds(12), isIdle: false) == .none)
        #expect(watch.check(at: start + .seconds(13), isIdle: false) == .close)
    }

    @Test func anyByteBeginsTheTimeAnew() {
        var watch = SilenceWatch(keepAlive)
        var now = start
        for _ in 0..<100 {
            #expect(watch.check(at: now, isIdle: false) == .none)
            #expect(watch.check(at: now + .seconds(10), isIdle: false) == .ping)
            watch.heard()
            now = now + .seconds(12)
        }
    }

    @Test func idleConnectionIsAskedOnlyWherePermitted() {
        var watch = SilenceWatch(keepAlive)
        var eager = SilenceWatch(KeepAlive(time: .seconds(10), includesIdle: true))
        for second in 0..<10 {
            #expect(watch.check(at: start + .seconds(Int64(second)), isIdle: true) == .none)
            #expect(eager.check(at: start + .seconds(Int64(second)), isIdle: true) == .none)
        }
        #expect(watch.check(at: start + .seconds(10), isIdle: true) == .none)
        #expect(eager.check(at: start + .seconds(10), isIdle: true) == .ping)
        // The time counts from the request.
        #expect(watch.check(at: start + .seconds(11), isIdle: false) == .none)
        #expect(watch.check(at: start + .seconds(20), isIdle: false) == .ping)
    }

    /// A client that opens a stream and then neither acknowledges nor says anything.
    @Test func serverEndsTheStreamsOfASilentClient() async throws {
        let (events, continuation) = AsyncStream.makeStream(of: CloseReason.self)
        var limits = HTTPLimits()
        limits.keepAlive = KeepAlive(time: .seconds(1), timeout: .seconds(1))
        try await withServer(limits: limits) { exchange in
            exchange.start(ResponseHead(status: 200))
            exchange.onClose = { continuation.yield($0) }
        } _: { port, _ in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            // SETTINGS, and GET / of http://x.
            let headers: [UInt8] = [0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 1, 0x78]
            try await connection.send([0, 0, 0, 4, 0, 0, 0, 0, 0] + headers)
            for await reason in events {
                #expect(reason == .disconnected)
                break
            }
            // What arrived last is the PING that was not acknowledged.
            let received = await connection.receive()
            #expect(received.hasSuffix("\u{0}\u{0}\u{8}\u{6}" + String(repeating: "\u{0}", count: 13)))
        }
    }
}
