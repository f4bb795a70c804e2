import HTTP
public import NIOCore

/// The server's side of a streaming call, to be kept and pushed to; bound to the event loop of its connection.
///
/// Whoever pushes looks at ``isWritable`` before each message, or coalesces: what is sent while it is false is queued
/// all the same. A message sent in one tick of the loop leaves with all others of that tick.
public final class ServerStream {
    public let eventLoop: any EventLoop
    /// Called when the unsent bytes fell below 32 KiB, after ``isWritable`` was false.
    public var onWritable: (() -> Void)?
    /// Called once, when the call is over for whatever reason; the caller's cancellation comes this way.
    public var onClose: (() -> Void)?
    /// Called when the server begins to shut down; the stream should come to an end with ``finish(_:)``.
    public var onDrain: (() -> Void)?
    /// Called for each message of the caller, in a call declared with `streaming`. Messages that arrive before it is
    /// set, within the handler, are lost.
    public var onMessage: ((InboundMessage) -> Void)?
    /// Called when the caller has sent its last message.
    public var onEnd: (() -> Void)?

    private let exchange: Exchange
    private var timer: Scheduled<Void>?
    private var deframer: MessageDeframer
    private var compression: Compression?
    private var isOpen = true

    init(_ exchange: Exchange, _ context: CallContext, limit: Int) {
        self.exchange = exchange
        eventLoop = exchange.eventLoop
        deframer = MessageDeframer(limit: limit, compression: context.compression)
        // The exchange drops these, and with them the stream, when it has ended.
        exchange.onClose = { _ in self.closed() }
        exchange.onWritable = { self.onWritable?() }
        exchange.onDrain = { self.onDrain?() }
        guard let deadline = context.deadline else { return }
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.finish(Status(.deadlineExceeded, "the deadline has passed"))
        }
    }

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
    public func send(_ message: ByteBuffer, isCompressed: Bool = false) {
        guard isOpen else { return }
        start(allowsCompression: isCompressed)
        exchange.writeMessage(message, compression: isCompressed ? compression : nil)
    }

    /// Sends a message that ``frame(_:)`` has framed; the bytes are shared with every other stream they are sent to.
    public func send(framed message: ByteBuffer) {
        guard isOpen else { return }
        start()
        exchange.write(message)
    }

    /// Ends the call; a second time it does nothing.
    public func finish(_ status: Status, trailing: Metadata = Metadata()) {
        guard isOpen else { return }
        isOpen = false
        timer?.cancel()
        exchange.finishCall(status, trailing: trailing)
    }

    private func closed() {
        isOpen = false
        timer?.cancel()
        timer = nil
        let onClose = self.onClose
        (self.onClose, onWritable, onDrain, onMessage, onEnd) = (nil, nil, nil, nil, nil)
        onClose?()
    }
}

// MARK: - The caller's messages

extension ServerStream {
    /// Begins to read what the caller streams. The handler has set its callbacks by now.
    func readMessages() {
        exchange.readBody(onData: { self.receive($0) }, onEnd: { self.receiveEnd($0) })
    }

    private func receive(_ bytes: ByteBuffer) {
        guard isOpen else { return }
        exchange.consume(bytes.readableBytes)
        deframer.append(bytes)
        do throws(Status) {
            while isOpen, let message = try deframer.next() { onMessage?(message) }
        } catch {
            finish(error)
        }
    }

    private func receiveEnd(_ result: Result<Void, BodyError>) {
        guard isOpen, case .success = result else { return }
        guard deframer.count == 0 else { return finish(Status(.internal, "the message is truncated")) }
        onEnd?()
    }
}
