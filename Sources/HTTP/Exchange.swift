public import NIOCore

/// One request and its response, in either HTTP version.
///
/// An exchange belongs to its connection's event loop: it is handed to the server's handler there, and everything here
/// is called there. The connection holds it until both directions have ended; afterwards ``onClose`` has been called,
/// every callback has been dropped, and every call is a no-op. What is written in one tick of the loop leaves in one
/// flush.
public final class Exchange {
    public let eventLoop: any EventLoop
    public let request: RequestHead

    /// Called when half of the unsent bytes are sent, after ``isWritable`` was false.
    @exclusivity(unchecked) public var onWritable: (() -> Void)?
    /// Called exactly once, when the exchange has ended in both directions or was cut off.
    @exclusivity(unchecked) public var onClose: ((CloseReason) -> Void)?
    /// Called when the server begins to shut down, so that an endless response can come to an end of its own. Where that
    /// was before this is set, it is called in the loop's next turn, when whoever sets it is complete.
    @exclusivity(unchecked) public var onDrain: (() -> Void)? {
        didSet { if isDraining, onDrain != nil { drainSoon() } }
    }

    @exclusivity(unchecked) private var source: ((UnsafeMutableRawBufferPointer) -> Int)?

    /// Nil once closed, which is what makes every later call a no-op.
    @exclusivity(unchecked) private var transport: ExchangeTransport?
    @exclusivity(unchecked) private var body: InboundBody
    @exclusivity(unchecked) private var response = ResponseState.pending
    @exclusivity(unchecked) private var isDraining = false
    private let budget: BodyBudget?
    /// Whether the reader keeps the parts of the body until it has all of them, and how many bytes are held for that.
    @exclusivity(unchecked) private var isKept = false
    @exclusivity(unchecked) private var held = 0

    private enum ResponseState { case pending, streaming, bodiless, finished }

    init(
        request: RequestHead,
        transport: ExchangeTransport,
        eventLoop: any EventLoop,
        body: InboundBody = InboundBody(),
        budget: BodyBudget? = nil
    ) {
        self.body = body
        self.budget = budget
        self.request = request
        self.transport = transport
        self.eventLoop = eventLoop
    }

    // MARK: The request's body

    /// Collects the whole body, then calls `done` once.
    ///
    /// A body that is declared or turns out longer than `limit` bytes fails with ``BodyError/tooLarge(limit:)`` at once;
    /// answer it (413): the rest is not read. The same goes for ``BodyError/exhausted`` (503).
    public func collectBody(upTo limit: Int, _ done: @escaping (Result<ByteBuffer, BodyError>) -> Void) {
        guard let transport else { return done(.failure(.disconnected)) }
        if let declared = request.contentLength, declared > limit {
            body.discard()
            return done(.failure(.tooLarge(limit: limit)))
        }
        transport.bodyWanted()
        isKept = true
        perform(body.collect(upTo: limit, done))
    }

    /// Hands over the body as it arrives: `onData` for each part, then `onEnd` once.
    ///
    /// The peer may send 64 KiB ahead; each byte must be returned by ``consume(_:)`` for it to send more. A reader that
    /// does not consume thereby stops its sender.
    ///
    /// - Parameter isKept: whether the reader consumes at once and keeps everything until the end. What is kept so is bounded
    ///   for all requests together, beyond which the end is ``BodyError/exhausted``.
    public func readBody(
        isKept: Bool = false,
        onData: @escaping (ByteBuffer) -> Void,
        onEnd: @escaping (Result<Void, BodyError>) -> Void
    ) {
        guard let transport else { return onEnd(.failure(.disconnected)) }
        transport.bodyWanted()
        self.isKept = isKept
        perform(body.stream(onData: onData, onEnd: onEnd))
    }

    /// Allows the peer to send so many more bytes of the body.
    public func consume(_ count: Int) {
        transport?.bodyConsumed(count)
    }

    // MARK: The response

    /// Whether the exchange is open and less than 64 KiB of this response wait to be sent, or less than 16 KiB where
    /// much waits on the same connection. Stop writing while false.
    public var isWritable: Bool { transport?.isWritable ?? false }

    /// Whether the exchange has ended; no call has any effect any more.
    public var isClosed: Bool { transport == nil }

    /// Whether the response has begun.
    public var hasResponded: Bool { response != .pending }

    /// Whether the response has come to its end.
    public var hasFinished: Bool { response == .finished }

    /// Sends a whole response. Its `content-length` is filled in; the body is left out where the method or the status
    /// says so (RFC 9110 section 6.4.1).
    public func respond(_ head: ResponseHead, body: ByteBuffer = ByteBuffer()) {
        guard let transport, response == .pending else { return }
        response = .finished
        let length = head.lengthToDeclare(body.readableBytes)
        guard head.mayHaveBody(method: request.method), body.readableBytes > 0 else {
            return transport.send(head, contentLength: length, endsStream: true)
        }
        transport.send(head, contentLength: length, endsStream: false)
        _ = transport.send(body)
        transport.sendEnd(trailers: nil)
    }

    /// Begins a response whose body is written piece by piece.
    public func start(_ head: ResponseHead) {
        guard let transport, response == .pending else { return }
        let hasBody = head.mayHaveBody(method: request.method)
        response = hasBody ? .streaming : .bodiless
        transport.send(head, contentLength: nil, endsStream: !hasBody)
    }

    /// Begins a response, to a method that allows it a body, whose body is written piece by piece.
    public func start(_ head: PreparedHead) {
        guard let transport, response == .pending else { return }
        response = .streaming
        transport.send(head)
    }

    /// Appends to a begun response. The bytes are shared, not copied, until they are framed,
    /// unless they are few and have a prefix, which makes them this response's own.
    ///
    /// - Parameter prefix: goes before them.
    /// - Returns: whether there is room for more; see ``isWritable``.
    @discardableResult
    public func write(_ bytes: ByteBuffer, after prefix: BytePrefix = BytePrefix()) -> Bool {
        guard let transport, response == .streaming else { return false }
        guard bytes.readableBytes > 0 || prefix.count > 0 else { return transport.isWritable }
        return transport.send(bytes, after: prefix)
    }

    /// Has `source` write to a begun response what the peer takes, when it takes it: the cheapest way to send much, and one
    /// in which nothing waits.
    ///
    /// The source is asked, in a later turn of the loop or at the end of this one, whenever more can leave and all that was
    /// written is gone. It gets the very memory that is sent, fills it from its start, and returns how many bytes it has
    /// written. After it has returned 0 it is asked again by ``resumePull()``. It may use the exchange: what it writes there,
    /// and the end, go behind the bytes that it returns. Where the response has no body, it is never asked.
    public func pull(from source: @escaping (UnsafeMutableRawBufferPointer) -> Int) {
        guard let transport, response == .streaming else { return }
        self.source = source
        transport.pull()
    }

    /// Has the source asked again that had nothing. At other times it changes nothing.
    public func resumePull() {
        guard let transport, response == .streaming, source != nil else { return }
        transport.pull()
    }

    /// Ends a begun response. Trailers go out in HTTP/2, and in HTTP/1.1 as those of the chunked coding.
    public func finish(trailers: HTTPHeaders? = nil) {
        guard let transport, response == .streaming || response == .bodiless else { return }
        let hasBody = response == .streaming
        response = .finished
        if hasBody { transport.sendEnd(trailers: trailers) }
    }

    /// Ends a begun response.
    public func finish(_ trailers: PreparedTrailers) {
        guard let transport, response == .streaming else { return }
        response = .finished
        transport.sendEnd(trailers)
    }

    /// Ends a response that consists of a head alone, which says all: status, headers and, in gRPC, the trailers.
    public func finish(_ head: ResponseHead) {
        guard let transport, response == .pending else { return }
        response = .finished
        transport.send(head, contentLength: nil, endsStream: true)
    }

    /// Breaks the exchange off: RST_STREAM in HTTP/2, the end of the connection in HTTP/1.
    public func reset() {
        source = nil
        transport?.abort()
    }
}

// MARK: - What the connection reports

extension Exchange {
    var awaitsPeer: Bool { response == .pending }

    func received(_ bytes: ByteBuffer) {
        perform(body.receive(bytes))
    }

    func receivedEnd(_ result: Result<Void, BodyError>) {
        perform(body.end(result))
    }

    func becameWritable() {
        onWritable?()
    }

    var isPulled: Bool { source != nil && response == .streaming }

    /// Has the source write, if there is one, and returns how many bytes it has written.
    func produce(into room: UnsafeMutableRawBufferPointer) -> Int {
        guard response == .streaming, let source else { return 0 }
        let count = source(room)
        precondition(0...room.count ~= count, "a source has written \(count) bytes into \(room.count)")
        return count
    }

    func drain() {
        isDraining = true
        onDrain?()
    }

    private func drainSoon() {
        eventLoop.assumeIsolated().execute { self.onDrain?() }
    }

    /// Ends the exchange and lets go of every callback, and with them of whatever they hold.
    func closed(_ reason: CloseReason) {
        guard transport != nil else { return }
        perform(body.end(.failure(.disconnected)))
        transport = nil
        response = .finished
        let onClose = self.onClose
        (self.onClose, onWritable, onDrain, source) = (nil, nil, nil, nil)
        body = InboundBody()
        letGo()
        onClose?(reason)
    }

    private func perform(_ action: InboundBody.Action) {
        switch action {
        case .none:
            break
        case .consume(let count):
            guard hold(count) else { return perform(body.end(.failure(.exhausted))) }
            transport?.bodyConsumed(count)
        case .complete(let done, let result, let count):
            letGo()
            if count > 0 { transport?.bodyConsumed(count) }
            done(result)
        case .deliver(let onData, let bytes):
            guard hold(bytes.readableBytes) else { return perform(body.end(.failure(.exhausted))) }
            onData(bytes)
        case .deliverLast(let onData, let bytes, let onEnd, let result):
            letGo()
            if let bytes { onData(bytes) }
            onEnd(result)
        }
    }

    /// Holds so many bytes of an unfinished body, if its reader keeps it; false where there is no room for them.
    private func hold(_ count: Int) -> Bool {
        guard isKept, let budget else { return true }
        guard budget.take(count) else {
            transport?.note(.bodies)
            return false
        }
        held += count
        return true
    }

    private func letGo() {
        guard held > 0 else { return }
        budget?.giveBack(held)
        held = 0
    }
}
