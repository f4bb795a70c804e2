import NIOCore
import NIOTLS

/// What a client's new channel goes through before requests can be sent on it; loop-bound.
///
/// With TLS that is its handshake first, in which the two sides have to agree upon HTTP/2 (ALPN, RFC 7301). And a server
/// that has accepted the channel may still not be one: it may be a proxy whose server is gone, or speak something else.
/// So there is a connection when the server's first SETTINGS have arrived (RFC 9113 section 3.4), and none when they do
/// not arrive in time. The handler then leaves the pipeline.
final class ClientHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let usesTLS: Bool
    private let limits: HTTPLimits
    private let timeout: TimeAmount
    /// Completed once; nil afterwards.
    private var outcome: EventLoopPromise<NIOLoopBound<HTTP2Client>>?
    private var timer: Scheduled<Void>?

    init(
        usesTLS: Bool,
        limits: HTTPLimits,
        timeout: TimeAmount,
        outcome: EventLoopPromise<NIOLoopBound<HTTP2Client>>
    ) {
        self.usesTLS = usesTLS
        self.limits = limits
        self.timeout = timeout
        self.outcome = outcome
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.fail(ConnectError("no answer in HTTP/2"), context)
        }
        if !usesTLS { begin(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let agreed)? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard agreed == "h2" else {
            return fail(ConnectError("the server does not offer HTTP/2 over TLS (ALPN h2)"), context)
        }
        begin(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(ConnectError("the server closed the connection before HTTP/2 began"), context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(ConnectError(describing: error), context)
    }

    /// Speaks HTTP/2 from now on.
    private func begin(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let connection = HTTP2Connection(
            role: .client,
            limits: limits,
            sendScratch: SendScratch(),
            readScratch: ReadScratch(),
            memory: SessionMemory()
        )
        connection.onChange = { [unowned connection] in
            guard connection.settingsReceived, let outcome = self.outcome.take() else { return }
            self.timer?.cancel()
            connection.onChange = nil
            connection.watchSilence(on: channel.eventLoop)
            channel.pipeline.syncOperations.removeHandler(self, promise: nil)
            let client = HTTP2Client(connection: connection, channel: channel)
            outcome.succeed(NIOLoopBound(client, eventLoop: channel.eventLoop))
        }
        do {
            try channel.pipeline.syncOperations.addHandler(connection)
        } catch {
            fail(ConnectError(describing: error), context)
        }
    }

    private func fail(_ error: ConnectError, _ context: ChannelHandlerContext) {
        timer?.cancel()
        outcome.take()?.fail(error)
        context.close(promise: nil)
    }
}
