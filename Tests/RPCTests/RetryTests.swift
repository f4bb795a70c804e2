import NIOCore
import Testing

@testable import RPC

/// What a channel does with a connection that is lost, refused, or given up by the server.
@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    @Test func callThatAGoAwayLeavesOutIsMadeAgain() async throws {
        try await ScriptedPeer.serve { connection, stream in
            connection < 2 ? Frames.goAway(last: 0) : Frames.reply(stream)
        } _: { channel in
            let reply = try await channel.unary("/t/Any", ByteBuffer(string: "x"))
            #expect(reply == ByteBuffer())
        }
    }

    @Test func callThatIsRefusedAgainAndAgainFails() async throws {
        try await ScriptedPeer.serve { _, _ in
            Frames.goAway(last: 0)
        } _: { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
        }
    }

    @Test func refusedStreamIsMadeAgainOnTheSameConnection() async throws {
        try await ScriptedPeer.serve { connection, stream in
            stream == 1 ? Frames.reset(1, code: 7) : connection == 0 ? Frames.reply(stream) : []
        } _: { channel in
            let reply = try await channel.unary("/t/Any", ByteBuffer())
            #expect(reply == ByteBuffer())
        }
    }

    @Test func streamThatHasBegunIsNotRepeated() async throws {
        try await ScriptedPeer.serve { connection, stream in
            connection == 0 ? Frames.responseHead(stream) + Frames.reset(stream, code: 7) : Frames.reply(stream)
        } _: { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
        }
    }

    /// The first GOAWAY of two names no stream: the calls there are run on, and new ones are made elsewhere at once.
    @Test func callsRunOnWhereTheServerGoesAwayGracefully() async throws {
        let (goneAway, noticed) = AsyncStream.makeStream(of: Void.self)
        try await ScriptedPeer.serve { connection, stream in
            switch (connection, stream) {
            case (0, 1): return Frames.responseHead(1) + Frames.goAway(last: nil)
            case (0, _): return Frames.reset(stream, code: 1)
            case (_, _):
                noticed.yield()
                return Frames.reply(stream)
            }
        } _: { channel in
            let kept = try await channel.serverStreaming("/t/Any", ByteBuffer())
            _ = try await kept.initialMetadata()
            for _ in 0..<5 { #expect(try await channel.unary("/t/Any", ByteBuffer()).readableBytes == 0) }
            for await _ in goneAway { break }
            let reader = Task { for try await _ in kept {} }
            reader.cancel()
            let failure = await #expect(throws: Status.self) { try await reader.value }
            // Ended by its reader, and by nothing that came before.
            #expect(failure?.code == .cancelled)
        }
    }

    /// What a server that is stopping does with a connection that it had accepted already.
    @Test func serverThatGoesAwayAtOnceIsTriedAgainAndThenUnavailable() async throws {
        let greeting = Frames.settings + Frames.goAway(last: nil)
        try await ScriptedPeer.serve(greeting: greeting) { _, stream in
            Frames.reply(stream)
        } _: { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
            #expect(failure?.message.hasSuffix("the server is going away") == true)
        }
    }

    /// Connections that come to nothing are no success after which the next wait would be short again.
    @Test func serverThatKeepsGoingAwayIsTriedLessAndLessOften() async throws {
        let greeting = Frames.settings + Frames.goAway(last: nil)
        let connections = Counter()
        try await ScriptedPeer.serve(greeting: greeting, connections: connections) { _, stream in
            Frames.reply(stream)
        } _: { channel in
            let failure = await #expect(throws: Status.self) {
                try await channel.unary("/t/Any", ByteBuffer(), timeout: .seconds(4), waitsForReady: true)
            }
            #expect(failure?.code == .deadlineExceeded)
            // Three at once, then after 0.2 s, 0.5 s, 1 s, 1.9 s and 3.2 s, or a fifth earlier.
            #expect((3...10).contains(connections.value))
        }
    }

    @Test func whatIsAnsweredByAProxyHasNoInitialMetadata() async throws {
        try await ScriptedPeer.serve { _, stream in
            Frames.badGateway(stream)
        } _: { channel in
            let call = try await channel.serverStreaming("/t/Any", ByteBuffer())
            let failure = await #expect(throws: Status.self) { try await call.initialMetadata() }
            #expect(failure == Status(.unavailable, "HTTP status 502"))
        }
    }

    /// Such as a proxy whose server is gone: there is no connection before the server has spoken.
    @Test func whoeverClosesBeforeItSpeaksIsNoServer() async throws {
        try await ScriptedPeer.listen { channel in
            channel.close()
        } _: { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
            #expect(failure?.message.contains("127.0.0.1") == true)
        }
    }

    @Test func waitsGrowToTheirLimitAndVaryByAFifth() {
        var backoff = ReconnectBackoff()
        let now = NIODeadline.uptimeNanoseconds(1)
        #expect(backoff.permits(at: now))
        backoff.failed(at: now, chance: 0.5)
        #expect(!backoff.permits(at: now + .milliseconds(199)))
        #expect(backoff.permits(at: now + .milliseconds(200)))
        backoff.failed(at: now, chance: 0)
        #expect(backoff.notBefore == now + .milliseconds(256))
        for _ in 0..<20 { backoff.failed(at: now, chance: 1) }
        #expect(backoff.notBefore == now + .seconds(12))
        backoff.succeeded()
        #expect(backoff.permits(at: now))
    }
}
