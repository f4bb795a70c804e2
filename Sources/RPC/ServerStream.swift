import HTTP
public import NIOCore

/// The server's side of a streaming call, to be kept and pushed to; bound to the event loop of its connection.
///
/// Whoever pushes looks at ``isWritable`` before each message, or coalesces: what is sent while it is false is queued
/// all the same. A message sent in one tick of the loop leaves with all others of that tick.
public final class ServerStream {
    /// Called when the unsent bytes fell below 32 KiB, after ``isWritable`` was false.
    public var onWritable: (() -> Void)? {
        get { exchange.onWritable }
        set { exchange.onWritable = newValue }
    }
    /// Called when the server begins to shut down; the stream should come to an end with ``finish(_:trailing:)``.
    public var onDrain: (() -> Void)? {
        get { exchange.onDrain }
        set { exchange.onDrain = newValue }
    }
    /// Called once, when the call is over for whatever reason; the caller's cancellation and the deadline come this way.
    public var onClose: (() -> Void)?

    private let exchange: Exchange
    private var compression: Compression?
    @exclusivity(unchecked) private var isOpen = true
    /// Whether the source is being called.
    @exclusivity(unchecked) private var isAsked = false

    init(_ exchange: Exchange, _ options: CallOptions) {
        self.exchange = exchange
        // The exchange drops its callbacks, and with them the stream, when it has ended.
        exchange.onClose = { _ in self.closed() }
        guard let timer = exchange.schedule(options, { self.abort(.deadlinePassed) }) else { return }
        exchange.onClose = { _ in
            timer.cancel()
            self.closed()
        }
    }

    public var eventLoop: any EventLoop { exchange.eventLoop }

    /// Whether less than 64 KiB of this stream wait to be sent, and the call is open.
    public var isWritable: Bool { isOpen && exchange.isWritable }

    /// Sends the initial metadata now, rather than before the first message.
    ///
    /// - Parameter allowsCompression: whether messages may be compressed afterwards, if the caller takes them so.
    public func start(_ initial: Metadata = Metadata(), allowsCompression: Bool = false) {
        guard !exchange.hasResponded else { return }
        compression = allowsCompression ? exchange.acceptedCompression : nil
        exchange.startCall(initial, compression: compression)
    }

    /// Sends a message.
    ///
    /// - Parameter isCompressed: whether to compress it, where that was allowed at the start and makes it shorter.
    /// - Returns: ``isWritable``, as it is from now on.
    @discardableResult
    public func send(_ message: ByteBuffer, isCompressed: Bool = false) -> Bool {
        precondition(!isAsked, "a source sends by the writer that it is given")
        guard isOpen else { return false }
        if !exchange.hasResponded { start(allowsCompression: isCompressed) }
        return exchange.writeMessage(message, compression: isCompressed ? compression : nil)
    }

    /// Has `source` make messages when the peer takes them: the cheapest way to send many that go to this stream alone, and
    /// one in which none waits.
    ///
    /// The source is called whenever a frame can leave and all that was sent is gone; it writes as many messages as it has
    /// and as fit. If it has none it is called again after ``resumePull()``. It may finish the stream; to send other messages
    /// than by its writer is an error of the program.
    public func pull(from source: @escaping (inout MessageWriter) -> Void) {
        guard isOpen else { return }
        if !exchange.hasResponded { start() }
        exchange.pull { room in
            guard let start = room.baseAddress else { return 0 }
            var writer = MessageWriter(start, capacity: room.count, self.exchange)
            self.isAsked = true
            source(&writer)
            self.isAsked = false
            return writer.count
        }
    }

    /// Has the source called again that had nothing to send.
    public func resumePull() {
        if isOpen { exchange.resumePull() }
    }

    /// Sends a message that ``frame(_:)`` has framed; the bytes are shared with every other stream they are sent to.
    ///
    /// - Returns: ``isWritable``, as it is from now on.
    @discardableResult
    public func send(framed message: ByteBuffer) -> Bool {
        precondition(!isAsked, "a source sends by the writer that it is given")
        guard isOpen else { return false }
        if !exchange.hasResponded { start() }
        return exchange.write(message)
    }

    /// Ends the call; a second time it does nothing.
    public func finish(_ status: Status, trailing: Metadata = Metadata()) {
        guard isOpen else { return }
        isOpen = false
        exchange.finishCall(status, trailing: trailing)
    }

    /// Ends the call against the handler's will.
    func abort(_ status: Status) {
        finish(status)
        tellClosed()
    }

    /// The exchange has ended.
    private func closed() {
        isOpen = false
        tellClosed()
    }

    private func tellClosed() {
        let onClose = self.onClose
        (self.onClose, onWritable, onDrain) = (nil, nil, nil)
        onClose?()
    }
}

// MARK: - The caller's message

extension ServerStream {
    /// Reads the one message of a server-streaming call, then calls `handler`.
    func readMessage(
        _ options: CallOptions,
        limit: Int,
        _ handler: @escaping (InboundMessage, RequestHead) -> Void
    ) {
        var request = SingleMessage(limit: limit, compression: options.compression)
        exchange.readBody(isKept: true) { bytes in
            self.exchange.consume(bytes.readableBytes)
            guard self.isOpen else { return }
            do throws(Status) {
                try request.append(bytes)
            } catch {
                self.finish(error)
            }
        } onEnd: { result in
            guard self.isOpen else { return }
            do throws(Status) {
                guard try Status.check(result) else { return }
                handler(try request.end(), self.exchange.request)
            } catch {
                self.finish(error)
            }
        }
    }
}
