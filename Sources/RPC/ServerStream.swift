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
    /// Called once, when the call is over for whatever reason; the caller's cancellation and the deadline come this way.
    public var onClose: (() -> Void)?
    /// Called when the server begins to shut down; the stream should come to an end with ``finish(_:trailing:)``.
    public var onDrain: (() -> Void)?
    /// Called for each message of the caller, in a call declared with `streaming`. Messages that arrive before it is
    /// set, within the handler, are lost.
    public var onMessage: ((InboundMessage) -> Void)?
    /// Called when the caller has sent its last message.
    public var onEnd: (() -> Void)?
    /// Whether messages of the caller are wanted. While it is false none is delivered, and the caller, who may send
    /// 64 KiB ahead, has to wait.
    public var isReading = true {
        didSet { if isReading, !oldValue { deliver() } }
    }

    private let exchange: Exchange
    private var timer: Scheduled<Void>?
    private var inbound: InboundMessages
    private var inboundEnded = false
    private var isDelivering = false
    private var compression: Compression?
    @exclusivity(unchecked) private var isOpen = true

    init(_ exchange: Exchange, _ options: CallOptions, limit: Int) {
        self.exchange = exchange
        eventLoop = exchange.eventLoop
        inbound = InboundMessages(limit: limit, compression: options.compression)
        // The exchange drops these, and with them the stream, when it has ended.
        exchange.onClose = { _ in self.closed() }
        exchange.onWritable = { self.onWritable?() }
        exchange.onDrain = { self.onDrain?() }
        timer = exchange.schedule(options.deadline) { self.abort(.deadlinePassed) }
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
    /// - Returns: ``isWritable``, as it is from now on.
    @discardableResult
    public func send(_ message: ByteBuffer, isCompressed: Bool = false) -> Bool {
        guard isOpen else { return false }
        if !exchange.hasResponded { start(allowsCompression: isCompressed) }
        return exchange.writeMessage(message, compression: isCompressed ? compression : nil)
    }

    /// Sends a message that is encoded where it waits to be sent, without a buffer of its own: the cheapest way for one
    /// that goes to this stream alone.
    ///
    /// - Parameters:
    ///   - length: of the message, in bytes.
    ///   - encode: fills all of them. It must not come back to the stream.
    /// - Returns: ``isWritable``, as it is from now on.
    @discardableResult
    public func send(length: Int, _ encode: (UnsafeMutableRawBufferPointer) -> Void) -> Bool {
        guard isOpen else { return false }
        if !exchange.hasResponded { start() }
        return exchange.write(count: Framing.prefixLength + length) { target in
            target[0] = 0
            target.storeBytes(of: UInt32(clamping: length).bigEndian, toByteOffset: 1, as: UInt32.self)
            encode(UnsafeMutableRawBufferPointer(rebasing: target[Framing.prefixLength...]))
        }
    }

    /// Sends a message that ``frame(_:)`` has framed; the bytes are shared with every other stream they are sent to.
    ///
    /// - Returns: ``isWritable``, as it is from now on.
    @discardableResult
    public func send(framed message: ByteBuffer) -> Bool {
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
        timer?.cancel()
        timer = nil
        tellClosed()
    }

    private func tellClosed() {
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
        inbound.append(bytes)
        deliver()
    }

    private func receiveEnd(_ result: Result<Void, BodyError>) {
        guard case .success = result else { return }
        inboundEnded = true
        deliver()
    }

    /// Delivers what there is while it is wanted; what a callback does may lead back here.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        do throws(Status) {
            while isOpen, isReading, let message = try inbound.next() { onMessage?(message) }
        } catch {
            return abort(error)
        }
        exchange.consume(inbound.credit(isWaiting: isReading))
        guard inboundEnded, isOpen, isReading else { return }
        inboundEnded = false
        if inbound.isEmpty { onEnd?() } else { abort(Status(.internal, "the message is truncated")) }
    }

    /// Reads the one message of a server-streaming call, then calls `handler`.
    func readMessage(
        _ options: CallOptions,
        limit: Int,
        _ handler: @escaping (InboundMessage, RequestHead) -> Void
    ) {
        var request = SingleMessage(limit: limit, compression: options.compression)
        exchange.readBody { bytes in
            self.exchange.consume(bytes.readableBytes)
            guard self.isOpen else { return }
            do throws(Status) {
                try request.append(bytes)
            } catch {
                self.finish(error)
            }
        } onEnd: { result in
            guard case .success = result, self.isOpen else { return }
            do throws(Status) {
                handler(try request.end(), self.exchange.request)
            } catch {
                self.finish(error)
            }
        }
    }
}
