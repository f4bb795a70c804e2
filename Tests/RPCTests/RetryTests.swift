import NIOCore
import NIOPosix
import Testing

@testable import RPC

/// What a channel does with a connection that is lost, refused, or given up by the server.
@Suite struct RetryTests {
    /// A server that answers the first bytes of each connection with what is written here, and then waits.
    private func withScript(_ answers: [[UInt8]], _ body: (RPCChannel) async throws -> Void) async throws {
        let accepted = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        let listener = try await ServerBootstrap(group: accepted.eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let answer = answers[min(accepted.value, answers.count - 1)]
                    accepted.value += 1
                    try channel.pipeline.syncOperations.addHandler(ScriptedAnswer(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let channel = testChannel(port: listener.localAddress?.port ?? 0)
        try await body(channel)
        try await listener.close()
    }

    private final class ScriptedAnswer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var answer: [UInt8]?

        init(_ answer: [UInt8]) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let answer = answer.take() else { return }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil)
        }
    }

    private static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
        [0, 0, UInt8(payload.count), type, flags, 0, 0, 0, stream] + payload
    }

    private static func literal(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }

    private static let settings = frame(4, stream: 0)
    /// GOAWAY that names no stream as seen.
    private static let goAway = settings + frame(7, stream: 0, [UInt8](repeating: 0, count: 8))
    /// An empty message and the status OK.
    private static let reply =
        settings + frame(1, flags: 4, stream: 1, [0x88] + literal("content-type", "application/grpc"))
        + frame(0, stream: 1, [0, 0, 0, 0, 0]) + frame(1, flags: 5, stream: 1, literal("grpc-status", "0"))

    @Test func callThatAGoAwayLeavesOutIsMadeAgain() async throws {
        try await withScript([Self.goAway, Self.goAway, Self.reply]) { channel in
            let reply = try await channel.unary("/t/Any", ByteBuffer(string: "x"))
            #expect(reply == ByteBuffer())
        }
    }

    @Test func callThatIsRefusedAgainAndAgainFails() async throws {
        try await withScript([Self.goAway]) { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
        }
    }

    /// On the same connection the second attempt is stream 3, of which this server says nothing.
    @Test func refusedStreamIsMadeAgain() async throws {
        let second = Self.settings + Self.frame(3, stream: 1, [0, 0, 0, 7])
        try await withScript([second]) { channel in
            let failure = await #expect(throws: Status.self) {
                try await channel.unary("/t/Any", ByteBuffer(), timeout: .milliseconds(300))
            }
            #expect(failure?.code == .deadlineExceeded)
        }
    }

    @Test func streamThatHasBegunIsNotRepeated() async throws {
        let begun =
            Self.settings
            + Self.frame(1, flags: 4, stream: 1, [0x88] + Self.literal("content-type", "application/grpc"))
            + Self.frame(3, stream: 1, [0, 0, 0, 7])
        try await withScript([begun, Self.reply]) { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
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
