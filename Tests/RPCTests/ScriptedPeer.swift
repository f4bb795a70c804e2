import HTTP
import NIOCore
import NIOPosix

@testable import RPC

/// A server of HTTP/2 frames that are written by hand: it greets each connection with its SETTINGS, and then says what
/// a test has it say to each HEADERS.
final class ScriptedPeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What to send on the connection of this number, from 0, when the stream of this id begins.
    typealias Script = @Sendable (_ connection: Int, _ stream: UInt8) -> [UInt8]

    private let number: Int
    private let greeting: [UInt8]
    private let script: Script
    private var received = ByteBuffer()
    private var hasGreeted = false

    private init(number: Int, greeting: [UInt8], script: @escaping Script) {
        self.number = number
        self.greeting = greeting
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        if !hasGreeted {
            guard received.readSlice(length: 24) != nil else { return }
            hasGreeted = true
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: greeting)), promise: nil)
        }
        while let stream = nextHeaders() {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: script(number, stream))), promise: nil)
        }
    }

    /// The stream of the next HEADERS frame; every other frame is passed over.
    private func nextHeaders() -> UInt8? {
        while let length = received.getInteger(at: received.readerIndex + 1, as: UInt16.self),
            let frame = received.readSlice(length: 9 + Int(length)).map({ Array(buffer: $0) })
        {
            if frame[3] == 1 { return frame[8] }
        }
        return nil
    }

    /// Listens for the length of `body`, with a channel to it.
    ///
    /// - Parameter connections: counts them.
    static func serve(
        greeting: [UInt8] = Frames.settings,
        keepAlive: KeepAlive? = nil,
        connections: Counter = Counter(),
        _ script: @escaping Script,
        _ body: (RPCChannel) async throws -> Void
    ) async throws {
        try await listen(keepAlive: keepAlive) { channel in
            channel.eventLoop.makeCompletedFuture {
                let number = connections.increment()
                let peer = ScriptedPeer(number: number, greeting: greeting, script: script)
                try channel.pipeline.syncOperations.addHandler(peer)
            }
        } _: { channel in
            try await body(channel)
        }
    }

    static func listen(
        keepAlive: KeepAlive? = nil,
        _ accept: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
        _ body: (RPCChannel) async throws -> Void
    ) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer(accept)
            .bind(host: "127.0.0.1", port: 0).get()
        try await body(testChannel(port: listener.localAddress?.port ?? 0, keepAlive: keepAlive))
        try await listener.close()
    }
}

/// Frames of RFC 9113 section 6, of ids and lengths below 256.
enum Frames {
    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        [0, 0, UInt8(payload.count), type, flags, 0, 0, 0, stream] + payload
    }

    static let settings = frame(4)

    static func settings(maxConcurrentStreams: UInt8) -> [UInt8] { frame(4, [0, 3, 0, 0, 0, maxConcurrentStreams]) }

    /// - Parameter last: the last stream that the server looks at; nil for the highest there can be.
    static func goAway(last: UInt8?) -> [UInt8] {
        frame(7, (last.map { [0, 0, 0, $0] } ?? [0x7F, 0xFF, 0xFF, 0xFF]) + [0, 0, 0, 0])
    }

    static func reset(_ stream: UInt8, code: UInt8) -> [UInt8] { frame(3, stream: stream, [0, 0, 0, code]) }

    static func responseHead(_ stream: UInt8) -> [UInt8] {
        frame(1, flags: 4, stream: stream, [0x88] + literal("content-type", "application/grpc"))
    }

    /// An empty message and the status OK.
    static func reply(_ stream: UInt8) -> [UInt8] {
        responseHead(stream) + frame(0, stream: stream, [0, 0, 0, 0, 0])
            + frame(1, flags: 5, stream: stream, literal("grpc-status", "0"))
    }

    /// `:status` 502, by index 8 of the static table, without a body.
    static func badGateway(_ stream: UInt8) -> [UInt8] {
        frame(1, flags: 5, stream: stream, [8, 3] + Array("502".utf8) + literal("content-type", "text/plain"))
    }

    private static func literal(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }
}
