import CNghttp2
import NIOCore

/// One HTTP/2 connection, of a server or of a client: the channel handler that owns the nghttp2 session.
///
/// Loop-bound. Bytes go in by `mem_recv`, whose callbacks only record; then what was recorded is delivered; then
/// everything that became ready in this tick of the loop leaves by one `mem_send` drain into a buffer that the loop's
/// connections share. nghttp2 is never entered from its own callbacks, with the one exception in `HTTP2Stream`.
///
/// The state that every frame touches is exempt from the dynamic checks of exclusivity, which cost a tenth of a call:
/// it is private to its connection's loop, and each access ends before code of another type can run. The same holds in
/// ``HTTP2Stream`` and ``Exchange``.
final class HTTP2Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Role {
        /// Every request is handed to the handler.
        case server((Exchange) -> Void)
        case client
    }

    /// Called after what arrived was delivered, when it changes what a client may send: the peer's settings, the end of
    /// a stream, GOAWAY; and a last time at the end of the channel.
    var onChange: (() -> Void)?
    /// Called once, when the channel has ended.
    var onClose: (() -> Void)?

    /// Nil before the handler is added and after the connection has ended.
    @exclusivity(unchecked) private(set) var session: OpaquePointer?
    /// Streams for which something is recorded and not yet delivered; each is held until it is.
    @exclusivity(unchecked) private var touched: [Unmanaged<HTTP2Stream>] = []
    /// The streams that are being delivered; a second array, so that neither is made anew for each read.
    @exclusivity(unchecked) private var delivering: [Unmanaged<HTTP2Stream>] = []
    /// Bytes that wait to be sent on all streams.
    @exclusivity(unchecked) var unsent = 0
    @exclusivity(unchecked) private var writeSize = WriteSize()
    /// Of the write that is being made.
    @exclusivity(unchecked) private var frames = OutboundFrames()
    /// The header block of trailers that go behind the DATA frame that nghttp2 makes.
    @exclusivity(unchecked) private var trailers: UnsafeRawBufferPointer?
    /// Whether nghttp2 has sent a header block since the peer's last SETTINGS: the first one has to begin with the size of
    /// HPACK's table, if that has changed (RFC 7541 section 4.2).
    @exclusivity(unchecked) private var isTableSettled = false
    /// Whether a source is being asked.
    @exclusivity(unchecked) private(set) var isAsking = false
    /// The stream whose source nghttp2 waits for, and how many bytes it may write.
    @exclusivity(unchecked) private var asked: (stream: Unmanaged<HTTP2Stream>, limit: Int)?

    private let role: Role
    /// Of a server: asked for an answer to each request that has arrived whole, before the handler is.
    private let immediate: HTTPServer.ImmediateHandler?
    private let limits: HTTPLimits
    private var settings: OwnSettings
    private let sendScratch: SendScratch
    private let readScratch: ReadScratch
    let memory: SessionMemory
    /// Nil on a client, which has no requests to keep.
    private let bodies: BodyBudget?
    private var refusals: RefusalLog?
    @exclusivity(unchecked) private var context: ChannelHandlerContext?
    private var remoteAddress: SocketAddress?
    @exclusivity(unchecked) private var streams = HTTP2StreamList()
    @exclusivity(unchecked) private var memo = HeaderBlockMemo()
    @exclusivity(unchecked) private var conduct: PeerConduct

    /// The stream whose header block is arriving; blocks are never interleaved (RFC 9113 section 4.3). It is one of
    /// ``streams``, and used without another reference.
    @exclusivity(unchecked) private var current: Unmanaged<HTTP2Stream>?
    @exclusivity(unchecked) private var block = HeaderBlock()
    @exclusivity(unchecked) private var unconsumed = 0
    /// What is being read, until it is delivered.
    @exclusivity(unchecked) private var inbound: ByteBuffer?
    /// Where the bytes of ``inbound`` are, while they are read.
    @exclusivity(unchecked) private var inboundStart: UnsafeRawPointer?

    /// Bytes of data from which on they are not copied out of what was read.
    private static let sharedLength = 4096

    @exclusivity(unchecked) private var isReading = false
    /// Set while the connection sends or delivers, both of which can lead back here.
    @exclusivity(unchecked) private var isBusy = false
    @exclusivity(unchecked) private var isFlushScheduled = false
    /// Whether DATA was sent since the last sweep.
    @exclusivity(unchecked) private var hasSentData = false

    /// Nil without keep-alive.
    @exclusivity(unchecked) var silence: SilenceWatch?
    /// PINGs that the peer has not acknowledged.
    private var openPings = 0
    private var times = ConnectionTimes()
    /// Whether the peer has begun to speak HTTP/2.
    private(set) var settingsReceived = false
    private var shutdown = GracefulShutdown()
    /// Whether the requests that there are, and those that still come, are told that the server stops.
    private var isDraining = false
    /// When a connection that has ended its side is closed, should the peer not do it before.
    private var lingersUntil: NIODeadline?
    private var isUnavailable = false
    /// Whether there is something to call `onChange` for.
    @exclusivity(unchecked) private var hasChanged = false

    init(
        role: Role,
        immediate: HTTPServer.ImmediateHandler? = nil,
        limits: HTTPLimits,
        sendScratch: SendScratch,
        readScratch: ReadScratch,
        memory: SessionMemory,
        bodies: BodyBudget? = nil,
        refusals: RefusalLog? = nil
    ) {
        self.refusals = refusals
        self.role = role
        self.immediate = immediate
        self.limits = limits
        self.sendScratch = sendScratch
        self.readScratch = readScratch
        self.memory = memory
        self.bodies = bodies
        let isServer = if case .server = role { true } else { false }
        conduct = PeerConduct(isClient: isServer, burst: limits.floodBurst)
        silence = limits.keepAlive.map(SilenceWatch.init)
        settings = OwnSettings(limits, isServer: isServer)
    }

    /// Whether a new stream can be opened, on a client.
    var isAvailable: Bool { session != nil && !isUnavailable }
    var isIdle: Bool { streams.isEmpty }
    /// Whether the peer's limit of concurrent streams leaves room for another one.
    var hasRoom: Bool {
        guard isAvailable, let session else { return false }
        return streams.count < nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    }
    /// Unsent bytes that one stream may have before it counts as full.
    var streamWriteAhead: Int {
        unsent < HTTPLimits.crowdedConnection ? HTTPLimits.streamWriteAhead : HTTPLimits.crowdedStreamWriteAhead
    }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        remoteAddress = context.channel.remoteAddress
        let user = Unmanaged.passUnretained(self).toOpaque()
        var functions = memory.functions
        let isClient = if case .client = role { true } else { false }
        let result = HTTP2Callbacks.withOptions(limits, checksMessages: isClient) { options in
            switch role {
            case .server: nghttp2_session_server_new3(&session, HTTP2Callbacks.callbacks, user, options, &functions)
            case .client: nghttp2_session_client_new3(&session, HTTP2Callbacks.callbacks, user, options, &functions)
            }
        }
        guard result == 0, session != nil else { return context.close(promise: nil) }
        submit { settings.submit($0) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// The channel has ended.
    private func end() {
        endSession()
        let onClose = self.onClose
        self.onClose = nil
        onClose?()
    }

    /// Nothing comes any more: every stream is closed, whatever else happens.
    private func endSession() {
        guard let session else { return }
        self.session = nil
        // Deleting a session does not report its streams as closed.
        nghttp2_session_del(session)
        memo = HeaderBlockMemo()
        current = nil
        let undelivered = touched
        touched = []
        for stream in undelivered { stream.takeRetainedValue().abandon() }
        while let stream = streams.removeFirst() { stream.close(.disconnected) }
        isUnavailable = true
        let onChange = self.onChange
        self.onChange = nil
        onChange?()
    }
}

// MARK: - Receiving

extension HTTP2Connection {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session else { return }
        silence?.heard()
        isReading = true
        let read = unwrapInboundIn(data)
        inbound = read
        let result = read.withUnsafeReadableBytes { feed($0, to: session) }
        if unconsumed > 0 {
            submit { nghttp2_session_consume_connection($0, unconsumed) }
            unconsumed = 0
        }
        for reset in conduct.takeResets() { self.reset(reset.stream, reset.code) }
        let isFlood = result < 0 && conduct.ended(result)
        terminateIfViolated()
        if shutdown.takeEnd() { submitGoAway() }
        deliver()
        (inbound, inboundStart) = (nil, nil)
        readScratch.end()
        if result < 0 {
            if !isFlood { note(.malformed) }
            isReading = false
            flush()
            finish(context)
        }
    }

    /// Has nghttp2 read, but for the header blocks of which it is known what they mean.
    private func feed(_ bytes: UnsafeRawBufferPointer, to session: OpaquePointer) -> Int {
        readScratch.begin()
        conduct.look(at: bytes) { memo.visit($0, in: bytes, readScratch) }
        let input = readScratch.shortened(bytes)
        inboundStart = input.baseAddress == bytes.baseAddress ? bytes.baseAddress : nil
        defer { memo.endRead(bytes) }
        return nghttp2_session_mem_recv(session, input.bindMemory(to: UInt8.self).baseAddress, input.count)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
    }

    private func terminateIfViolated() {
        if let violation = conduct.violation { submit { nghttp2_session_terminate_session($0, violation) } }
    }

    func beganHeaders(_ header: nghttp2_frame_hd, _ category: nghttp2_headers_category) -> CInt {
        guard let session else { return 0 }
        conduct.beganHeaders()
        block.reset()
        if category == NGHTTP2_HCAT_REQUEST {
            // What the last GOAWAY does not name must not be processed, even if the peer could not know.
            guard streams.count < limits.maxConcurrentStreams, !shutdown.isFinal else {
                current = nil
                conduct.refuse(header.stream_id)
                return 0
            }
            let stream = memory.stream(id: header.stream_id, connection: self)
            guard attach(stream, in: session) else { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }
            conduct.opened()
            current = .passUnretained(stream)
        } else {
            current = stream(header.stream_id)
        }
        return 0
    }

    func received(name: HeaderBlock.Text, value: HeaderBlock.Text) -> CInt {
        guard current != nil else { return 0 }
        let (maxBytes, maxCount) = (limits.maxHeaderListBytes, limits.maxHeaderCount)
        guard !block.append(name: name, value: value, maxBytes: maxBytes, maxCount: maxCount) else { return 0 }
        note(.headerSize)
        // Resets the stream, and goes on decoding the block for the sake of the shared compression state.
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }

    func receivedFrame(_ header: nghttp2_frame_hd, _ category: nghttp2_headers_category) {
        let marked = header.flags & HTTP2Frame.endStreamOrAck != 0
        switch header.type {
        case HTTP2Frame.headers:
            conduct.endedHeaders()
            current.take()?._withUnsafeGuaranteedRef { record(category, on: $0, isLast: marked) }
        case HTTP2Frame.data where marked:
            withStream(header.stream_id, recordEnd)
        case HTTP2Frame.data where header.length == 0:
            conduct.count(.emptyData)
        case HTTP2Frame.settings where !marked:
            settingsReceived = true
            isTableSettled = false
            hasChanged = true
            conduct.count(.settings)
        case HTTP2Frame.ping where marked:
            openPings = max(0, openPings - 1)
            shutdown.acknowledged(open: openPings)
        case HTTP2Frame.ping:
            conduct.count(.ping)
        case HTTP2Frame.windowUpdate:
            conduct.count(.windowUpdate)
        case HTTP2Frame.goAway:
            isUnavailable = true
            hasChanged = true
        case _:
            break
        }
    }

    /// A header list is complete: the head of a request, or of a response (after any informational ones), or trailers.
    private func record(_ category: nghttp2_headers_category, on stream: HTTP2Stream, isLast: Bool) {
        switch (role, category) {
        case (.server, NGHTTP2_HCAT_REQUEST):
            guard let head = requestHead(of: stream.id), !isLast || head.contentLength ?? 0 == 0 else {
                return conduct.foundMalformed(stream.id)
            }
            stream.recordHead(head)
        case (.server, _):
            // Trailers of a request carry nothing that any handler here asks for.
            guard isLast, RequestRules.admitsTrailers(block) else { return conduct.foundMalformed(stream.id) }
        case (.client, _):
            recordResponse(on: stream)
        }
        if isLast { recordEnd(stream) }
    }

    /// What the header list of a request means; nil when it cannot be one.
    private func requestHead(of stream: Int32) -> RequestHead? {
        if let head = readScratch.head(of: stream) { return head }
        if let head = memo.head(of: block, on: stream) { return head }
        guard RequestRules.admitsHead(block) else { return nil }
        let head = RequestHead(block.decoded(), remoteAddress: remoteAddress)
        memo.learn(head, of: &block, on: stream)
        return head
    }

    private func recordResponse(on stream: HTTP2Stream) {
        let list = block.decoded()
        switch list.status {
        case 0: stream.recordTrailers(list.headers)
        case 100..<200: break
        case _: stream.recordHead(ResponseHead(status: list.status, headers: list.headers))
        }
    }

    private func recordEnd(_ stream: HTTP2Stream) {
        if !stream.recordEnd() { conduct.foundMalformed(stream.id) }
    }

    func receivedData(_ bytes: UnsafeRawBufferPointer, on id: Int32) {
        unconsumed += bytes.count
        withStream(id) { if !$0.recordData(bytes) { conduct.foundMalformed(id) } }
    }

    /// A part of the read, for good: a long one shares its memory, a few bytes do not keep all of it.
    func share(_ bytes: UnsafeRawBufferPointer) -> ByteBuffer {
        guard bytes.count >= Self.sharedLength, let inbound, let start = bytes.baseAddress, let first = inboundStart,
            start >= first, let part = inbound.getSlice(at: inbound.readerIndex + (start - first), length: bytes.count)
        else { return ByteBuffer(bytes: bytes) }
        return part
    }

    func closedStream(_ id: Int32, code: UInt32) {
        guard let stream = stream(id) else { return }
        if current?.toOpaque() == stream.toOpaque() {
            current = nil
            conduct.endedHeaders()
        }
        let farewell = stream._withUnsafeGuaranteedRef { stream in
            streams.unlink(stream)
            return stream.recordClose(code)
        }
        // The list's reference is the caller's now.
        switch farewell {
        case .delivery: touched.append(stream)
        case .underWay: stream.release()
        case .none: memory.keep(stream.takeRetainedValue())
        }
        hasChanged = true
    }

    /// The answer to a request that has arrived whole, if there is one at once.
    func answer(_ head: RequestHead, body: UnsafeRawBufferPointer) -> ImmediateAnswer? {
        immediate?(head, body.bytes)
    }

    private func reset(_ stream: Int32, _ code: nghttp2_error_code) {
        if code == NGHTTP2_REFUSED_STREAM { note(.streams) }
        submit { nghttp2_submit_rst_stream($0, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue) }
    }

    /// Counts what the peer is refused, on a server.
    func note(_ refusal: Refusal) {
        refusals?.note(refusal)
    }

    private func stream(_ id: Int32) -> Unmanaged<HTTP2Stream>? {
        guard let session, let pointer = nghttp2_session_get_stream_user_data(session, id) else { return nil }
        return Unmanaged<HTTP2Stream>.fromOpaque(pointer)
    }

    /// Calls a stream without another reference to it; `body` does not let it go.
    private func withStream(_ id: Int32, _ body: (HTTP2Stream) -> Void) {
        stream(id)?._withUnsafeGuaranteedRef(body)
    }

    private func attach(_ stream: HTTP2Stream, in session: OpaquePointer) -> Bool {
        let pointer = Unmanaged.passUnretained(stream).toOpaque()
        guard nghttp2_session_set_stream_user_data(session, stream.id, pointer) == 0 else { return false }
        streams.insert(stream)
        return true
    }

    /// Hands a new request to the server's handler.
    func accept(_ head: RequestHead, body: InboundBody, on stream: HTTP2Stream) {
        guard case .server(let handler) = role, let context else { return }
        let transport = ExchangeTransport.http2(.passUnretained(stream))
        let exchange = Exchange(
            request: head,
            transport: transport,
            eventLoop: context.eventLoop,
            body: body,
            budget: bodies
        )
        stream.sink = .server(exchange)
        if isDraining { exchange.drain() }
        handler(exchange)
    }

    /// Sees to it that the stream delivers what it has recorded.
    func touch(_ stream: HTTP2Stream) {
        touched.append(Unmanaged.passRetained(stream))
    }

    /// Tells each stream what happened on it. What the application does in answer is queued, and sent by the caller.
    private func deliver() {
        while !touched.isEmpty {
            swap(&touched, &delivering)
            for index in delivering.indices { delivering[index].takeRetainedValue().deliver() }
            delivering.removeAll(keepingCapacity: delivering.capacity <= 512)
        }
        guard hasChanged else { return }
        hasChanged = false
        onChange?()
    }
}

// MARK: - Sending

extension HTTP2Connection {
    /// Hands something to nghttp2, which only queues it, and sees to it that it is sent in this tick.
    ///
    /// nghttp2 refuses what concerns a stream that has ended meanwhile; its close is then already on its way to the
    /// stream. Out of memory is the one refusal the connection does not survive.
    func submit(_ body: (OpaquePointer) -> CInt) {
        guard let session else { return }
        if body(session) == NGHTTP2_ERR_NOMEM.rawValue { context?.close(promise: nil) }
        scheduleFlush()
    }

    /// Has a stream's DATA go before or behind that of others.
    func prioritize(_ stream: Int32, _ priority: StreamPriority) {
        var wanted = nghttp2_extpri(urgency: priority.urgency, inc: priority.isIncremental ? 1 : 0)
        submit { nghttp2_session_change_extpri_stream_priority($0, stream, &wanted, 0) }
    }

    /// Breaks a stream off that is still open then.
    func abort(_ stream: Int32, at deadline: NIODeadline) {
        context?.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.withStream(stream) { $0.abort() }
        }
    }

    /// Opens a stream for a request; false when that is no longer possible.
    func open(_ stream: HTTP2Stream, _ head: RequestHead, endsStream: Bool) -> Bool {
        guard isAvailable, let session else { return false }
        var provider = stream.dataProvider
        let pointer = Unmanaged.passUnretained(stream).toOpaque()
        let id = HeaderEncoder.withRequest(head) { fields, count in
            endsStream
                ? nghttp2_submit_request(session, nil, fields, count, nil, pointer)
                : nghttp2_submit_request(session, nil, fields, count, &provider, pointer)
        }
        guard id > 0 else {
            isUnavailable = true
            return false
        }
        stream.id = id
        streams.insert(stream)
        scheduleFlush()
        return true
    }

    /// Sends at the end of this tick: of the read that is under way, or else of the loop's present round.
    func scheduleFlush() {
        guard !isReading, !isBusy, !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flush()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { writeSize.becameWritable(at: .now()) }
        flush()
        context.fireChannelWritabilityChanged()
    }

    /// Sends what is ready, and delivers what comes of it, until there is no more or the socket takes no more.
    private func flush() {
        guard !isBusy, !isReading else { return }
        isBusy = true
        // A stream that is refilled as fast as it drains must not keep the loop from its other connections.
        var allowance = WriteSize.largest
        while allowance > 0, let context, context.channel.isWritable {
            let sent = sendOnce(context)
            guard sent > 0 || !touched.isEmpty else { break }
            allowance -= max(sent, WriteSize.usual)
            // A reset that the peer has provoked was perhaps one too many.
            terminateIfViolated()
            if shutdown.takeProbe() { ping() }
            deliver()
        }
        isBusy = false
        closeIfDone()
        if allowance <= 0 { scheduleFlush() }
    }

    /// Writes what is ready, up to about the present size of a write, and returns how many bytes those were.
    private func sendOnce(_ context: ChannelHandlerContext) -> Int {
        guard session != nil else { return 0 }
        var failed = false
        let bytes = sendScratch.fill(writeSize) { memory in
            frames = OutboundFrames(in: memory, size: writeSize.bytes)
            failed = !collectFrames()
            settings.advertise(in: frames.bytes)
            defer { frames = OutboundFrames() }
            return frames.count
        }
        if failed { context.close(promise: nil) }
        let count = bytes.readableBytes
        guard count > 0 else { return 0 }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        writeSize.wrote(count, wasTaken: context.channel.isWritable, at: .now())
        return failed ? 0 : count
    }

    /// Has nghttp2 make frames until there are no more, or enough for a write; false when the session has failed.
    private func collectFrames() -> Bool {
        // What a source does can end the session.
        while !frames.isFull, let session {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            if count > 0, let bytes {
                setAside()
                guard frames.append(bytes, length: count) else { return false }
                noteFrame()
            } else if count < 0 {
                return false
            } else if let (stream, limit) = asked.take() {
                isAsking = true
                let count = stream.takeUnretainedValue().produce(into: frames.room(upTo: limit))
                isAsking = false
                if self.session != nil { frames.place(count, of: stream) }
            } else {
                break
            }
        }
        setAside()
        return true
    }

    /// Has the source of a stream write, once nghttp2 is off the stack, what nghttp2 then asks for again.
    func ask(_ stream: HTTP2Stream, limit: Int) {
        asked = (.passUnretained(stream), limit)
    }

    /// Pulls from a stream that is still open in the loop's next turn.
    func pullLater(_ stream: Int32) {
        context?.eventLoop.assumeIsolated().execute { self.withStream(stream) { $0.pull() } }
    }

    /// How much of a stream is placed, if its source has been asked.
    func takePlaced(of stream: HTTP2Stream, limit: Int) -> Int? {
        guard let placed = frames.takePlaced() else { return nil }
        if placed.stream.toOpaque() == Unmanaged.passUnretained(stream).toOpaque(), placed.count <= limit {
            return placed.count
        }
        putBack(placed)
        return nil
    }

    /// Another frame leaves first: what is placed has to wait in its stream.
    private func setAside() {
        if let placed = frames.takePlaced() { putBack(placed) }
    }

    private func putBack(_ placed: OutboundFrames.Placed) {
        let bytes = ByteBuffer(bytes: frames.room(upTo: placed.count))
        placed.stream._withUnsafeGuaranteedRef { $0.putBack(bytes) }
    }

    /// nghttp2 has made the header of a payload that is in its place.
    func completeFrame(_ header: UnsafePointer<UInt8>, payload: Int) -> CInt {
        frames.complete(header: header, payload: payload)
        noteFrame()
        return frames.isFull ? NGHTTP2_ERR_PAUSE.rawValue : 0
    }

    /// Keeps what has to be known of the frame that was added last, and adds the trailers that go behind it.
    @inline(__always)
    private func noteFrame() {
        guard let frame = frames.lastFrame else { return }
        let (header, payload) = (HTTP2Frame.Header(frame), frame + HTTP2Frame.headerLength)
        switch header.type {
        case HTTP2Frame.headers:
            isTableSettled = true
            if header.flags & HTTP2Frame.endStreamOrAck != 0 { withStream(header.stream) { $0.recordAnswered() } }
        case HTTP2Frame.data:
            let trailers = self.trailers.take()
            if header.length > 0 || trailers == nil {
                conduct.sentData()
                hasSentData = true
            }
            if let trailers { frames.end(with: trailers) }
        case HTTP2Frame.reset:
            sentReset(UInt32(bigEndian: payload.loadUnaligned(as: UInt32.self)))
        case HTTP2Frame.goAway:
            sentGoAway(UInt32(bigEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case _:
            break
        }
    }

    /// Has the DATA frame that nghttp2 is about to make end its stream with these trailers, which spares nghttp2 a frame;
    /// false when they have to be submitted.
    func end(with trailers: PreparedFields) -> Bool {
        guard isTableSettled, trailers.block.count <= SendScratch.trailerRoom else { return false }
        self.trailers = trailers.block
        return true
    }

    private func sentReset(_ code: UInt32) {
        let isOwn = code == NGHTTP2_NO_ERROR.rawValue || code == NGHTTP2_CANCEL.rawValue
        if !isOwn { conduct.count(.provokedReset) }
    }

    private func sentGoAway(_ code: UInt32) {
        switch code {
        case NGHTTP2_NO_ERROR.rawValue: shutdown.sentGoAway()
        // INTERNAL_ERROR is what nghttp2 says when the peer resets too many streams.
        case NGHTTP2_ENHANCE_YOUR_CALM.rawValue, NGHTTP2_INTERNAL_ERROR.rawValue: note(.flood)
        case _: note(.malformed)
        }
    }

    /// A frame was dropped, for which its stream would wait for ever: such as a header list above what nghttp2 sends. What
    /// was to go on a stream that has ended, or is being reset, is missed by nobody.
    func droppedFrame(_ header: nghttp2_frame_hd, error: CInt) {
        guard header.type == HTTP2Frame.headers, !Self.endErrors.contains(error) else { return }
        withStream(header.stream_id) { $0.recordDropped() }
    }

    /// What nghttp2 says of frames that come too late.
    private static let endErrors = [
        NGHTTP2_ERR_STREAM_CLOSED.rawValue, NGHTTP2_ERR_STREAM_CLOSING.rawValue, NGHTTP2_ERR_STREAM_SHUT_WR.rawValue,
        NGHTTP2_ERR_SESSION_CLOSING.rawValue,
    ]

    /// nghttp2 wants neither to read nor to write after the last GOAWAY and the last stream.
    private func closeIfDone() {
        guard let session, let context, touched.isEmpty else { return }
        if nghttp2_session_want_read(session) == 0, nghttp2_session_want_write(session) == 0 { finish(context) }
    }

    /// Ends a connection of which all is said. What is sent leaves first, and the peer gets a while to read it: to close
    /// upon unread input would reset the connection and take the last answers, and the GOAWAY, with it.
    private func finish(_ context: ChannelHandlerContext) {
        guard case .server = role else { return context.close(promise: nil) }
        guard lingersUntil == nil else { return }
        lingersUntil = .now() + limits.stallTimeout.timeAmount
        endSession()
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            self.lingersUntil = .now() + HTTPLimits.lingerTime
            context.close(mode: .output, promise: nil)
        }
    }
}

// MARK: - Shutdown and time

extension HTTP2Connection: ServerConnection {
    func drain() {
        guard session != nil, !isDraining else { return }
        isDraining = true
        goAway()
        // Of a copy: what is visited may come back here.
        let streams = self.streams
        streams.visitAll { $0.sink.drain() }
    }

    /// Begins to end the connection in good order, unless that has begun.
    private func goAway() {
        guard shutdown.begin() else { return }
        switch role {
        case .server:
            submit { nghttp2_submit_shutdown_notice($0) }
        case .client:
            // A server opens no streams that could cross it.
            if shutdown.end() { submitGoAway() }
        }
        isUnavailable = true
    }

    func ping() {
        openPings += 1
        submit { nghttp2_submit_ping($0, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil) }
    }

    /// The last one, which names the last stream accepted.
    private func submitGoAway() {
        submit { session in
            let last = nghttp2_session_get_last_proc_stream_id(session)
            let code = NGHTTP2_NO_ERROR.rawValue
            return nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code, nil, 0)
        }
    }

    func close() {
        context?.close(promise: nil)
    }

    /// Applies every limit that is a time; called once a second.
    func sweep(now: NIODeadline) {
        if let lingersUntil {
            if now >= lingersUntil { close() }
            return
        }
        conduct.refill()
        let waiting = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let refusal =
            times.overdue(limits, at: now, hasBegun: settingsReceived, waiting: waiting, unsent: unsent)
            ?? (conduct.headersAreOverdue(at: now, limit: limits.headerTimeout.timeAmount) ? .timeout : nil)
        if let refusal {
            note(refusal)
            return close()
        }
        guard sweepSilence(now: now) else { return }
        shutdown.sweep()
        if shutdown.takeEnd() { submitGoAway() }
        if times.isIdleTooLong(limits, at: now, hasStreams: !streams.isEmpty) { goAway() }
        let timeout = ConnectionTimes.stallTimeout(limits, unsent: unsent)
        let streams = self.streams
        streams.visitAll { $0.sweep(now: now, timeout: timeout, connectionMoves: hasSentData) }
        hasSentData = false
    }

    /// Whether a stream could send, if it were its turn.
    func hasWindow(_ id: Int32) -> Bool {
        guard let session else { return false }
        return nghttp2_session_get_stream_remote_window_size(session, id) > 0
    }
}
