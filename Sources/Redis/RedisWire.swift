internal import NIOCore

/// One open socket to a server: commands in, replies out, in order.
///
/// It knows nothing of reconnecting or of which reply belongs to which command; that is its owner's part
/// (``RedisConnection``, ``Subscription``). Lives on its channel's event loop and is used there only.
final class RedisWire: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Called for every reply.
    var onReply: (RESPValue) -> Void = { _ in }
    /// Called once, when the socket is gone for another reason than ``close()``.
    var onLoss: (RedisError) -> Void = { _ in }

    private static let keptCapacity = 256 * 1024

    private let loop: any EventLoop
    private let parser: RESPParser
    private var channel: (any Channel)?
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    private var isClosed = false
    private var failure: RedisError?

    init(configuration: RedisConfiguration, loop: any EventLoop) {
        self.loop = loop
        parser = RESPParser(
            limits: RESPLimits(elements: configuration.maxReplyElements, bytes: configuration.maxReplyBytes)
        )
    }

    /// Adds a command to what is written when the loop has done the tasks of this turn: many commands, one write.
    ///
    /// - Returns: the encoded size in bytes.
    @discardableResult
    func send(_ command: RedisCommand) -> Int {
        let before = output.writerIndex
        command.write(to: &output)
        scheduleFlush()
        return output.writerIndex - before
    }

    /// As ``send(_:)`` for commands that are encoded already.
    func send(encoded: ByteBuffer) {
        output.writeImmutableBuffer(encoded)
        scheduleFlush()
    }

    /// Closes the socket; neither `onReply` nor `onLoss` is called any more.
    func close() {
        isClosed = true
        (onReply, onLoss) = ({ _ in }, { _ in })
        channel?.close(promise: nil)
        channel = nil
    }

    private func scheduleFlush() {
        guard !isFlushScheduled, !isClosed else { return }
        isFlushScheduled = true
        loop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard let channel else { return }
        channel.writeAndFlush(output, promise: nil)
        // The storage is used again once the write is through; a large one is not worth keeping.
        if output.capacity <= Self.keptCapacity { output.clear() } else { output = ByteBuffer() }
    }

    // MARK: ChannelInboundHandler

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        if isClosed { close() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(RedisError) {
            try parser.feed(unwrapInboundIn(data))
            // A reply's receiver may close the wire: then the rest is no longer wanted.
            while !isClosed, let reply = try parser.next() { onReply(reply) }
        } catch {
            failure = error
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? RedisError(.unavailable, "the connection broke", cause: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard !isClosed else { return }
        let onLoss = onLoss
        close()
        onLoss(failure ?? RedisError(.unavailable, "the server closed the connection"))
    }
}
