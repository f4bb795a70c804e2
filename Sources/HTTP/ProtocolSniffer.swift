import NIOCore
import NIOTLS

/// Decides which HTTP version a connection speaks, then leaves its place to that version's handlers.
///
/// With TLS the two sides have agreed upon it (ALPN, RFC 7301). Without, or with a client that did not name any, the
/// first bytes tell: HTTP/2 with prior knowledge (RFC 9113 section 3.3) begins with `PRI `, which is no method of
/// HTTP/1. A handshake that is not made in time ends like any other connection that says nothing.
final class ProtocolSniffer: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    enum Version { case http1, http2 }

    private let timeout: TimeAmount
    private let install: (Version, any Channel) throws -> Void
    private let loop: LoopContext
    private var context: ChannelHandlerContext?
    private var openedAt: NIODeadline?
    private var isDraining = false
    private var received = ByteBuffer()
    private var refusals: RefusalLog

    init(
        loop: LoopContext,
        timeout: TimeAmount,
        refusals: RefusalLog,
        install: @escaping (Version, any Channel) throws -> Void
    ) {
        self.refusals = refusals
        self.loop = loop
        self.timeout = timeout
        self.install = install
    }

    /// The version that begins with these bytes, or nil while it may be either.
    static func version(of bytes: ByteBuffer) -> Version? {
        let preface: StaticString = "PRI "
        let isPrefix = bytes.readableBytesView.prefix(4)
            .elementsEqual(UnsafeBufferPointer(start: preface.utf8Start, count: min(4, bytes.readableBytes)))
        guard isPrefix else { return .http1 }
        return bytes.readableBytes >= 4 ? .http2 : nil
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        if let version = Self.version(of: received) { become(version, context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let agreed)? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        switch agreed {
        case "h2": become(.http2, context)
        case "http/1.1": become(.http1, context)
        case _: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is IOError) { refusals.note(.handshake) }
        context.close(promise: nil)
    }

    private func become(_ version: Version, _ context: ChannelHandlerContext) {
        do {
            try install(version, context.channel)
            if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
            received = ByteBuffer()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}

extension ProtocolSniffer: ServerConnection {
    func sweep(now: NIODeadline) {
        let openedAt = self.openedAt ?? now
        self.openedAt = openedAt
        guard !isDraining else { return close() }
        guard now - openedAt >= timeout else { return }
        refusals.note(.silence)
        close()
    }

    /// A request may be on its way: it is given until the next sweep, and then answered like any other.
    func drain() { isDraining = true }

    func close() { context?.close(promise: nil) }
}
