import NIOCore
import NIOHTTP1

/// One HTTP/1 connection of the server; loop-bound.
///
/// It stands behind NIOHTTP1's parser and serves one ``Exchange`` at a time: what a client sends ahead waits, in order,
/// until the exchange before it is complete, and when much waits the socket is not read. Responses are framed here and
/// leave in one flush for each tick of the loop.
final class HTTP1Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    enum Input {
        case part(HTTPServerRequestPart)
        /// Nothing after this is parsed, and its answer is the last.
        case failure(HTTP1Rejection)
    }

    /// Called once, when the channel has ended.
    var onClose: (() -> Void)?
    /// Set by the guard when a head has begun and not ended; the time for it runs from then.
    var headIsPending = false {
        didSet { if headIsPending, !oldValue { progressed = true } }
    }
    /// Whether the parser stands between two requests.
    private(set) var awaitsHead = true
    /// How many parts the parser has produced.
    private(set) var partCount = 0

    private let limits: HTTPLimits
    private let scheme: String
    private let bodies: BodyBudget
    private var refusals: RefusalLog
    private let handler: (Exchange) -> Void
    private var context: ChannelHandlerContext?
    private var waiting = CircularBuffer<Input>()
    private var exchange: Exchange?
    private var turn = HTTP1Turn()
    private var phase = Phase.open
    private var isAdvancing = false
    /// Whether a failure is among what waits, after which nothing can be parsed.
    private var hasFailed = false
    private var isDraining = false
    private var isReading = false
    /// What waits for the flush, gathered: one write costs less than many small ones.
    private var outbound = ByteBuffer()
    private var isFlushScheduled = false
    private var isPullScheduled = false
    /// What a source sends by the way, while it is asked; nil at other times.
    private var behind: BehindPull?
    private var isPaused = false
    /// Body bytes that were handed on and not consumed.
    private var unconsumed = 0

    /// What the sweep watches.
    private var pace = BodyPace()
    private var progressed = true
    private var lastProgress = NIODeadline.uptimeNanoseconds(0)

    private struct BehindPull {
        var bytes = ByteBuffer()
        private(set) var isEnd = false
        private(set) var trailers: HTTPHeaders?

        mutating func end(_ trailers: HTTPHeaders?) { (isEnd, self.trailers) = (true, trailers) }
    }

    private enum Phase {
        case open
        /// The last answer is given; input is dropped until the peer, who may still be sending, has read it.
        case lingering
        case closed
    }

    init(
        limits: HTTPLimits,
        scheme: String,
        bodies: BodyBudget,
        refusals: RefusalLog,
        handler: @escaping (Exchange) -> Void
    ) {
        self.bodies = bodies
        self.refusals = refusals
        self.limits = limits
        self.scheme = scheme
        self.handler = handler
    }

    /// Puts the guard, the parser and this handler in line.
    func install(on pipeline: ChannelPipeline.SynchronousOperations) throws {
        var parserLimits = NIOHTTPDecoderLimitConfiguration()
        parserLimits.maxHeaderFieldSize = max(limits.maxHeaderListBytes, limits.maxRequestLineBytes)
        parserLimits.maxHeaderListSize = limits.maxHeaderListBytes + limits.maxRequestLineBytes
        parserLimits.maxHeaderFieldCount = limits.maxHeaderCount
        try pipeline.addHandler(RequestLineGuard(limit: limits.maxRequestLineBytes, connection: self))
        try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: parserLimits)))
        try pipeline.addHandler(self)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        guard phase != .closed else { return }
        phase = .closed
        waiting.removeAll()
        outbound = ByteBuffer()
        let (exchange, onClose) = (self.exchange, self.onClose)
        (self.exchange, self.onClose) = (nil, nil)
        exchange?.closed(.disconnected)
        onClose?()
    }
}

// MARK: - Receiving

extension HTTP1Connection {
    var acceptsInput: Bool { phase == .open && !hasFailed }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        receive(.part(unwrapInboundIn(data)))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        if phase != .closed { flush() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        receive(.failure(HTTP1Rejection(error)))
    }

    func receive(_ input: Input) {
        guard acceptsInput else { return }
        partCount &+= 1
        progressed = true
        switch input {
        case .part(.head):
            (awaitsHead, headIsPending) = (false, false)
        case .part(.end):
            awaitsHead = true
        case .part(.body):
            break
        case .failure:
            hasFailed = true
        }
        waiting.append(input)
        advance()
    }

    /// Takes input until it belongs to a request whose turn has not come.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        defer {
            isAdvancing = false
            updatePause()
        }
        while phase == .open, exchange == nil || !turn.requestEnded, let input = waiting.popFirst() {
            switch input {
            case .part(.head(let head)): begin(head)
            case .part(.body(let bytes)): receivedBody(bytes)
            case .part(.end): receivedEnd()
            case .failure(let rejection): fail(rejection)
            }
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        guard let context else { return }
        do throws(HTTP1Rejection) {
            let request = try RequestHead(
                head,
                limits: limits,
                scheme: scheme,
                remoteAddress: context.channel.remoteAddress
            )
            turn = HTTP1Turn(
                request,
                isKeepAlive: head.isKeepAlive && !isDraining && !head.headers.contains(name: "upgrade")
            )
            let exchange = Exchange(
                request: request,
                transport: .http1(self),
                eventLoop: context.eventLoop,
                budget: bodies
            )
            self.exchange = exchange
            unconsumed = 0
            if isDraining { exchange.drain() }
            handler(exchange)
        } catch {
            fail(error)
        }
    }

    private func receivedBody(_ bytes: ByteBuffer) {
        pace.receive(bytes.readableBytes)
        guard !turn.responseEnded else { return }
        unconsumed += bytes.readableBytes
        exchange?.received(bytes)
    }

    private func receivedEnd() {
        turn.requestEnded = true
        exchange?.receivedEnd(.success(()))
        completeTurn()
    }

    /// The request in hand, or the bytes after it, cannot be understood.
    private func fail(_ rejection: HTTP1Rejection) {
        refusals.note(rejection.refusal)
        if let exchange {
            turn.isKeepAlive = false
            guard !exchange.hasResponded else { return close() }
            // The handler may answer it in its own form; but of a peer that is too slow it knows nothing.
            if rejection != .bodyTimeout { exchange.receivedEnd(.failure(.malformed(rejection.message))) }
            if !exchange.hasResponded { exchange.respond(rejection.head, body: ByteBuffer(string: rejection.body)) }
        } else {
            turn = HTTP1Turn()
            gather { HTTP1Encoder.write(rejection.head, version: .http1_1, connection: "close", to: &$0) }
            write(ByteBuffer(string: rejection.body))
        }
        linger()
    }

    /// Goes on to the next request once both directions of this one have ended.
    private func completeTurn() {
        guard phase == .open, turn.responseEnded, let exchange else { return }
        guard turn.requestEnded else {
            // The rest of a short body is passed over; a long one is not waited for.
            if !turn.isKeepAlive { linger() }
            return
        }
        self.exchange = nil
        exchange.closed(.completed)
        guard phase == .open else { return }
        if turn.isKeepAlive, !isDraining { advance() } else { linger() }
    }

    /// Reads no more while a reader is behind, or while much waits for its turn.
    private func updatePause() {
        let limit = isPaused ? HTTPLimits.readAhead / 2 : HTTPLimits.readAhead
        let shouldPause = phase == .open && (unconsumed >= limit || waiting.count > (isPaused ? 0 : 64))
        guard shouldPause != isPaused, let context, phase != .closed else { return }
        isPaused = shouldPause
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: !shouldPause)
        } catch {
            close()
        }
    }
}

// MARK: - Sending

extension HTTP1Connection {
    var isWritable: Bool {
        let waiting = behind?.bytes.readableBytes ?? 0
        return waiting < HTTPLimits.streamWriteAhead && context?.channel.isWritable ?? false
    }

    func bodyWanted() {
        guard turn.takeContinue() else { return }
        write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
    }

    func bodyConsumed(_ count: Int) {
        unconsumed = max(0, unconsumed - count)
        updatePause()
    }

    func send(_ head: ResponseHead, contentLength: Int?, endsStream: Bool) {
        guard let request = exchange?.request else { return }
        let head = turn.begin(head, contentLength: contentLength, request: request, endsStream: endsStream)
        gather { HTTP1Encoder.write(head, version: request.version, connection: turn.connectionField, to: &$0) }
        if endsStream { responseEnded() }
    }

    func send(_ bytes: ByteBuffer) {
        guard behind == nil else {
            behind?.bytes.writeImmutableBuffer(bytes)
            return
        }
        guard turn.framing == .chunked else { return write(bytes) }
        gather { HTTP1Encoder.writeChunkHead(length: bytes.readableBytes, to: &$0) }
        write(bytes)
        gather { $0.writeStaticString("\r\n") }
    }

    /// Has the response's source write what can be sent now, in this connection's next turn.
    func pull() {
        guard !isPullScheduled, let context else { return }
        isPullScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isPullScheduled = false
            self.pullNow()
        }
    }

    private func pullNow() {
        // Before the flush, TLS does not tell how much waits.
        var allowance = HTTPLimits.streamWriteAhead
        while isWritable, behind == nil, let exchange, exchange.isPulled {
            guard allowance > 0 else { return pull() }
            behind = BehindPull()
            var bytes = ByteBuffer()
            bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.outboundLimit) { exchange.produce(into: $0) }
            guard let behind = behind.take() else { return }
            allowance -= bytes.readableBytes + behind.bytes.readableBytes
            if bytes.readableBytes > 0 { send(bytes) }
            if behind.bytes.readableBytes > 0 { send(behind.bytes) }
            if behind.isEnd { return sendEnd(trailers: behind.trailers) }
            guard bytes.readableBytes > 0 else { return }
        }
    }

    func sendEnd(trailers: HTTPHeaders?) {
        guard behind == nil else {
            behind?.end(trailers)
            return
        }
        if turn.framing == .chunked { gather { HTTP1Encoder.writeLastChunk(trailers: trailers, to: &$0) } }
        responseEnded()
    }

    func abort() {
        close()
    }

    /// Counts what the peer is refused.
    func note(_ refusal: Refusal) {
        refusals.note(refusal)
    }

    private func responseEnded() {
        turn.responseEnded = true
        unconsumed = 0
        updatePause()
        completeTurn()
    }

    /// Up to here it costs less to copy what is written than to send one piece more.
    private static let gatheredLength = 4096
    /// So much is handed on without waiting for the flush, and counts then for ``isWritable``.
    private static let outboundLimit = 16 * 1024

    private func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > Self.gatheredLength else { return gather { $0.writeImmutableBuffer(bytes) } }
        handOn()
        guard phase != .closed else { return }
        context?.write(wrapOutboundOut(bytes), promise: nil)
        scheduleFlush()
    }

    /// Appends to what leaves with the next flush.
    private func gather(_ write: (inout ByteBuffer) -> Void) {
        guard phase != .closed else { return }
        write(&outbound)
        if outbound.readableBytes >= Self.outboundLimit { handOn() }
        scheduleFlush()
    }

    private func handOn() {
        guard outbound.readableBytes > 0, let context else { return }
        let bytes = outbound
        outbound = ByteBuffer()
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    private func flush() {
        handOn()
        context?.flush()
    }

    private func scheduleFlush() {
        guard !isReading, !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flush()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        progressed = true
        if context.channel.isWritable {
            exchange?.becameWritable()
            pullNow()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Closes after everything is sent. The peer gets a while to read it: closing upon unread input would reset the
    /// connection and take the answer with it (RFC 9112 section 9.6).
    private func linger() {
        guard phase == .open, let context else { return }
        phase = .lingering
        let isQuiet = turn.requestEnded && waiting.isEmpty
        waiting.removeAll()
        unconsumed = 0
        updatePause()
        let exchange = self.exchange
        self.exchange = nil
        (progressed, lastProgress) = (true, .uptimeNanoseconds(0))
        handOn()
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            context.close(mode: isQuiet ? .all : .output, promise: nil)
        }
        exchange?.closed(.completed)
    }
}

// MARK: - Shutdown and time

extension HTTP1Connection: ServerConnection {
    func close() {
        context?.close(promise: nil)
    }

    func drain() {
        isDraining = true
        guard let exchange, !turn.responseEnded else { return linger() }
        exchange.drain()
    }

    func sweep(now: NIODeadline) {
        sweepPace(now: now)
        if progressed {
            progressed = false
            lastProgress = now
            return
        }
        let silence = now - lastProgress
        switch phase {
        case .closed:
            break
        case .lingering:
            if silence >= HTTPLimits.lingerTime { close() }
        case .open:
            sweepOpen(silence: silence)
        }
    }

    /// A body that trickles is as bad as one that stays away.
    private func sweepPace(now: NIODeadline) {
        // Also after the response: the rest of the request is passed over, but it has to come.
        let isPeersTurn = exchange.map { $0.awaitsPeer || turn.responseEnded } ?? false
        guard phase == .open, isPeersTurn, !turn.requestEnded, !isPaused, !turn.expectsContinue
        else { return pace.pause() }
        let period = limits.headerTimeout.timeAmount
        if pace.isTooSlow(now: now, period: period, bytesPerSecond: limits.minBodyRate) { fail(.bodyTimeout) }
    }

    private func sweepOpen(silence: TimeAmount) {
        if let exchange {
            let peersTurn = !isWritable || !turn.requestEnded && exchange.awaitsPeer
            guard peersTurn, silence >= limits.stallTimeout.timeAmount else { return }
            refusals.note(.stall)
            close()
        } else if headIsPending {
            if silence >= limits.headerTimeout.timeAmount { receive(.failure(.headerTimeout)) }
        } else if silence >= limits.idleTimeout.timeAmount {
            close()
        }
    }
}

extension HTTP1Rejection {
    var head: ResponseHead {
        ResponseHead(
            status: status,
            headers: ["content-type": "application/json", "content-length": String(body.utf8.count)]
        )
    }
}
