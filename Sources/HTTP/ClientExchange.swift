public import NIOCore

/// One request of a client and its response; bound to its connection's event loop.
///
/// The callbacks are set in the closure that ``HTTP2Client/send(_:endsStream:configure:)`` calls. They come in this
/// order: `onHead`, `onData` any number of times, `onEnd`, `onClose`; the last one always, the others if they happen.
public final class ClientExchange {
    public let eventLoop: any EventLoop
    public var onHead: ((ResponseHead) -> Void)?
    /// A part of the body. The server may send 64 KiB ahead of what ``consume(_:)`` returned to it.
    public var onData: ((ByteBuffer) -> Void)?
    /// The end of the response, with its trailers.
    public var onEnd: ((HTTPHeaders?) -> Void)?
    /// Called when half of the unsent bytes are sent, after ``isWritable`` was false.
    public var onWritable: (() -> Void)?
    /// Called exactly once. A stream reset with REFUSED_STREAM was not acted upon and may be sent again.
    public var onClose: ((CloseReason) -> Void)?

    /// What has arrived and is not delivered; see ``HTTP2Stream``.
    var arrivedHead: ResponseHead?
    var arrivedTrailers: HTTPHeaders?
    private var stream: HTTP2Stream?

    init(stream: HTTP2Stream, eventLoop: any EventLoop) {
        self.stream = stream
        self.eventLoop = eventLoop
    }

    /// Whether the exchange is open and less than 64 KiB wait to be sent; see ``Exchange/isWritable``.
    public var isWritable: Bool { stream?.isWritable ?? false }

    public func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        _ = stream?.send(bytes, after: BytePrefix())
    }

    /// Ends the request.
    public func finish() {
        stream?.sendEnd(trailers: nil)
    }

    /// Allows the server to send so many more bytes.
    public func consume(_ count: Int) {
        stream?.bodyConsumed(count)
    }

    /// Gives the exchange up: RST_STREAM with CANCEL.
    public func reset() {
        stream?.abort()
    }
}

extension ClientExchange {
    func receivedHead() {
        if let head = arrivedHead.take() { onHead?(head) }
    }

    func received(_ bytes: ByteBuffer) {
        onData?(bytes)
    }

    func receivedEnd() {
        onEnd?(arrivedTrailers.take())
    }

    func becameWritable() {
        onWritable?()
    }

    func closed(_ reason: CloseReason) {
        stream = nil
        let onClose = self.onClose
        (onHead, onData, onEnd, onWritable, self.onClose) = (nil, nil, nil, nil, nil)
        onClose?(reason)
    }
}
