import HTTP
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Runs a server on a free port for the length of `body`, with short limits where a test sets them.
func withServer(
    limits: HTTPLimits = HTTPLimits(),
    tls: TLSFiles? = nil,
    handler: @escaping @Sendable (Exchange) -> Void,
    _ body: (_ port: Int, _ server: HTTPServer) async throws -> Void
) async throws {
    var configuration = HTTPServer.Configuration(port: 0)
    configuration.limits = limits
    configuration.tls = tls
    let server = HTTPServer(
        configuration: configuration,
        group: .singleton,
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        handler: handler
    )
    let address = try await server.start()
    do {
        try await body(address.port ?? 0, server)
    } catch {
        await server.shutdown(grace: .zero)
        throw error
    }
    await server.shutdown(grace: .zero)
}

/// Answers with the method, the path and the body; `/stream` answers in three pieces.
@Sendable func echo(_ exchange: Exchange) {
    if exchange.request.path == "/stream" {
        exchange.start(ResponseHead(status: 200))
        for piece in ["one,", "two,", "three"] { exchange.write(ByteBuffer(string: piece)) }
        return exchange.finish()
    }
    exchange.collectBody(upTo: 100_000) { result in
        switch result {
        case .success(let body):
            let text = "\(exchange.request.method) \(exchange.request.path) [\(String(buffer: body))]"
            exchange.respond(ResponseHead(status: 200), body: ByteBuffer(string: text))
        case .failure(.tooLarge):
            exchange.respond(ResponseHead(status: 413))
        case .failure(.exhausted):
            exchange.respond(ResponseHead(status: 503))
        case .failure(.malformed(let reason)):
            exchange.respond(ResponseHead(status: 400), body: ByteBuffer(string: reason))
        case .failure(.disconnected):
            break
        }
    }
}

/// A plain TCP connection: bytes out, and all bytes in until they satisfy a test.
final class RawConnection: Sendable {
    private let channel: any Channel
    private let inbox: Inbox

    /// What has arrived, and who waits for more.
    final class Inbox: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        struct State {
            var text = ""
            var isClosed = false
            var waiter: (until: @Sendable (String) -> Bool, continuation: CheckedContinuation<String, Never>)?
        }

        let state = Mutex(State())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            update { $0.text += text }
        }

        func channelInactive(context: ChannelHandlerContext) {
            update { $0.isClosed = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        func update(_ change: (inout State) -> Void) {
            let resumed = state.withLock { state -> (CheckedContinuation<String, Never>, String)? in
                change(&state)
                guard let waiter = state.waiter, state.isClosed || waiter.until(state.text) else { return nil }
                state.waiter = nil
                return (waiter.continuation, state.text)
            }
            resumed?.0.resume(returning: resumed?.1 ?? "")
        }
    }

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    static func connect(port: Int) async throws -> RawConnection {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in channel.pipeline.addHandler(inbox) }
            .connect(host: "127.0.0.1", port: port).get()
        return RawConnection(channel: channel, inbox: inbox)
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Everything that arrived up to when `until` holds or the peer has closed.
    func receive(until: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
        await withCheckedContinuation { continuation in
            inbox.update { $0.waiter = (until, continuation) }
        }
    }

    func close() {
        channel.close(promise: nil)
    }
}

enum HTTPServerLoop {
    /// A loop of the group that the test servers run on.
    static var any: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }
}
