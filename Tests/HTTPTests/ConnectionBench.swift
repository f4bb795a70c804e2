import Logging
import NIOCore
import NIOEmbedded

@testable import HTTP

/// A connection without a socket or a clock: the test says what arrives and what time it is.
final class ConnectionBench<Connection: AnyObject> {
    let connection: Connection
    private let channel = EmbeddedChannel()
    private let plug = Plug()
    private(set) var sent: [UInt8] = []
    /// The bytes of each write.
    private(set) var writes: [Int] = []

    init(
        _ connection: Connection,
        install: (Connection, ChannelPipeline.SynchronousOperations) throws -> Void
    ) throws {
        self.connection = connection
        channel.allowOptionsWhenClosed = true
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        try channel.pipeline.syncOperations.addHandler(plug)
        try install(connection, channel.pipeline.syncOperations)
        try run()
    }

    deinit {
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
    }

    var isOpen: Bool { channel.isActive }
    var text: String { String(decoding: sent, as: UTF8.self) }

    /// What one read of the socket brings.
    func receive(_ bytes: some Sequence<UInt8>) throws {
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        channel.pipeline.fireChannelReadComplete()
        try run()
    }

    /// Lets the loop do what is due.
    func run() throws {
        channel.embeddedEventLoop.run()
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            sent += buffer.readableBytesView
            writes.append(buffer.readableBytes)
        }
    }

    /// Runs something in the loop's next turn.
    func onLoop(_ body: @escaping () -> Void) {
        channel.embeddedEventLoop.assumeIsolated().execute(body)
    }

    /// From now on each write fills the socket until this is called again.
    func emptySocket() throws {
        plug.isIn = true
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        try run()
    }

    /// How often these bytes were sent.
    func count(_ bytes: [UInt8]) -> Int {
        guard sent.count >= bytes.count else { return 0 }
        return (0...(sent.count - bytes.count)).count { sent[$0...].starts(with: bytes) }
    }
}

/// A socket that one write fills.
private final class Plug: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    var isIn = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isIn { (context.channel as? EmbeddedChannel)?.isWritable = false }
        context.write(data, promise: promise)
    }
}

private let refusals = RefusalLog(
    counters: RefusalCounters(factory: Recorder()),
    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    peer: nil
)

extension ConnectionBench<HTTP1Connection> {
    /// - Parameter prepare: called before the connection has its place, as the server does what it does then.
    static func http1(
        prepare: (HTTP1Connection) -> Void = { _ in },
        _ handler: @escaping (Exchange) -> Void
    ) throws -> ConnectionBench {
        let connection = HTTP1Connection(
            limits: HTTPLimits(),
            scheme: "http",
            bodies: BodyBudget(limit: HTTPLimits().maxUnfinishedBytes),
            refusals: refusals,
            handler: handler
        )
        prepare(connection)
        return try ConnectionBench(connection) { try $0.install(on: $1) }
    }

    func receive(_ text: String) throws { try receive(text.utf8) }
}

extension ConnectionBench<HTTP2Connection> {
    static func http2(
        _ role: HTTP2Connection.Role,
        immediate: HTTPServer.ImmediateHandler? = nil,
        limits: HTTPLimits = HTTPLimits(),
        readScratch: ReadScratch = ReadScratch(),
        bodies: BodyBudget? = nil
    ) throws -> ConnectionBench {
        let connection = HTTP2Connection(
            role: role,
            immediate: immediate,
            limits: limits,
            sendScratch: SendScratch(),
            readScratch: readScratch,
            memory: SessionMemory(),
            bodies: bodies,
            refusals: refusals
        )
        return try ConnectionBench(connection) { try $1.addHandler($0) }
    }
}
