import CNghttp2
import NIOCore

/// Who is told of what happens on a stream.
enum HTTP2Sink {
    /// Nobody yet, or nobody any more.
    case none
    case server(Exchange)
    case client(ClientExchange)

    /// Whether the peer has to go on sending for anything to happen here; if it then does not, the stream ends. How
    /// long to wait for a server is its caller's business.
    var awaitsPeer: Bool {
        switch self {
        case .none: true
        case .server(let exchange): exchange.awaitsPeer
        case .client: false
        }
    }

    func drain() {
        if case .server(let exchange) = self { exchange.drain() }
    }
}

/// One HTTP/2 stream, on either side; loop-bound.
///
/// nghttp2's callbacks only record here what has happened. The connection delivers it afterwards, so that no
/// application code runs, and nothing is submitted, while nghttp2 is on the stack. The connection holds a stream from
/// its first header field until nghttp2 has closed it.
final class HTTP2Stream {
    // In this order there are no gaps between them: a stream is 192 bytes, for an idle one is to cost little.

    /// Nil once closed; until then the connection is there, and holds this. It is called without a reference counted.
    @exclusivity(unchecked) private var link: Unmanaged<HTTP2Connection>?
    var id: Int32
    private var closeCode: UInt32 = 0
    @exclusivity(unchecked) var sink = HTTP2Sink.none

    // The connection's list of its streams.
    @exclusivity(unchecked) var previous: HTTP2StreamList.Link?
    @exclusivity(unchecked) var next: HTTP2StreamList.Link?

    // Recorded for delivery.
    @exclusivity(unchecked) private var requestHead: RequestHead?
    @exclusivity(unchecked) private var data = Data.none
    /// Bytes that are still to come of a request's body, if its length was declared; below 0 when there were more.
    @exclusivity(unchecked) private var remaining = undeclared
    private static let undeclared = Int.min

    private var lastProgress = NIODeadline.uptimeNanoseconds(0)

    // Outbound.
    @exclusivity(unchecked) private var outbound = OutboundBody()
    @exclusivity(unchecked) private var outboundTrailers = Trailers.none
    @exclusivity(unchecked) private var outboundEnded = false
    @exclusivity(unchecked) private var isDeferred = false
    @exclusivity(unchecked) private var source = Source.none
    /// Whether the application has filled the stream, or found it full, and waits to be told of room.
    @exclusivity(unchecked) private var awaitsRoom = false

    @exclusivity(unchecked) private var events = Events()
    @exclusivity(unchecked) private(set) var remoteEnded = false
    /// Whether bytes moved, in either direction, since the last sweep.
    @exclusivity(unchecked) private var progressed = true

    /// What of a body has arrived and is not delivered.
    private enum Data {
        case none
        /// A part of what the connection is reading, and good until that is delivered.
        case borrowed(UnsafeRawBufferPointer)
        case owned(ByteBuffer)
    }

    /// Whether the sink is asked for what there is to send, when nothing waits.
    private enum Source {
        case none
        case ready
        /// It has had nothing, and says when that changes.
        case dry
    }

    private enum Trailers {
        case none
        case headers(HTTPHeaders)
        case prepared(PreparedFields)
    }

    private struct Events: OptionSet {
        let rawValue: UInt8
        static let head = Events(rawValue: 1)
        static let data = Events(rawValue: 2)
        static let end = Events(rawValue: 4)
        static let writable = Events(rawValue: 8)
        static let closed = Events(rawValue: 16)
        /// This side has sent its end while the peer is still sending.
        static let answeredEarly = Events(rawValue: 32)
        /// A head or trailers of this side cannot be sent.
        static let dropped = Events(rawValue: 64)
    }

    init(id: Int32, connection: HTTP2Connection) {
        self.id = id
        link = .passUnretained(connection)
    }

    /// Makes another stream of one that was answered at once and is closed; so it is as a new one, but for what is set here.
    func renew(id: Int32, connection: HTTP2Connection) {
        self.id = id
        link = .passUnretained(connection)
        closeCode = 0
        remaining = Self.undeclared
        outboundTrailers = .none
        (outboundEnded, isDeferred, awaitsRoom, remoteEnded, progressed) = (false, false, false, false, true)
        lastProgress = NIODeadline.uptimeNanoseconds(0)
    }

    var connection: HTTP2Connection? { link?.takeUnretainedValue() }
}

// MARK: - Recording, from within nghttp2

extension HTTP2Stream {
    func recordHead(_ head: consuming RequestHead) {
        remaining = head.contentLength ?? Self.undeclared
        requestHead = consume head
        record(.head)
    }

    func recordHead(_ head: ResponseHead) {
        guard case .client(let exchange) = sink else { return }
        exchange.arrivedHead = head
        record(.head)
    }

    func recordTrailers(_ trailers: HTTPHeaders) {
        if case .client(let exchange) = sink { exchange.arrivedTrailers = trailers }
    }

    /// False when the body is longer than was declared (RFC 9113 section 8.1.1).
    ///
    /// - Parameter bytes: good until this read is delivered.
    func recordData(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if remaining != Self.undeclared {
            remaining -= bytes.count
            guard remaining >= 0 else { return false }
        }
        progressed = true
        switch data {
        case .none:
            data = .borrowed(bytes)
        case .borrowed(let first):
            var joined = ByteBuffer()
            joined.reserveCapacity(first.count + bytes.count)
            joined.writeBytes(first)
            joined.writeBytes(bytes)
            data = .owned(joined)
        case .owned(var joined):
            data = .none  // gives up the reference, so that the append is in place
            joined.writeBytes(bytes)
            data = .owned(joined)
        }
        record(.data)
        return true
    }

    /// Takes what has arrived, for good.
    private func takeData() -> ByteBuffer? {
        defer { data = .none }
        switch data {
        case .none: return nil
        case .borrowed(let bytes): return connection?.share(bytes) ?? ByteBuffer(bytes: bytes)
        case .owned(let bytes): return bytes
        }
    }

    /// False when the body is not as long as was declared.
    func recordEnd() -> Bool {
        guard remaining == 0 || remaining == Self.undeclared else { return false }
        guard !remoteEnded else { return true }
        remoteEnded = true
        record(.end)
        return true
    }

    /// What there is to do with a stream that nghttp2 has closed.
    enum Farewell {
        /// It is to be delivered.
        case delivery
        /// It will be, as other things were recorded before.
        case underWay
        /// There is nobody to tell: as when the request was answered at once.
        case none
    }

    func recordClose(_ code: UInt32) -> Farewell {
        closeCode = code
        guard events.isEmpty else {
            events.insert(.closed)
            return .underWay
        }
        if case .none = sink {
            close(closeReason)
            return .none
        }
        events.insert(.closed)
        return .delivery
    }

    /// This side has sent its end. A client may do so first, a server has no use for what follows its answer.
    func recordAnswered() {
        if case .client = sink { return }
        if !remoteEnded { record(.answeredEarly) }
    }

    func recordDropped() {
        record(.dropped)
    }

    private func record(_ event: Events) {
        if events.isEmpty { link?._withUnsafeGuaranteedRef { $0.touch(self) } }
        events.insert(event)
    }

    /// nghttp2 asks for the next DATA frame.
    func fill(_ target: UnsafeMutableRawBufferPointer, flags: UnsafeMutablePointer<UInt32>) -> Int {
        guard let link else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        return link._withUnsafeGuaranteedRef { fill(target, flags: flags, $0) }
    }

    private func fill(
        _ target: UnsafeMutableRawBufferPointer,
        flags: UnsafeMutablePointer<UInt32>,
        _ connection: HTTP2Connection
    ) -> Int {
        guard let count = payload(target, flags: flags, connection) else {
            connection.ask(self, limit: target.count)
            return Int(NGHTTP2_ERR_PAUSE.rawValue)
        }
        if count > 0 { progressed = true }
        if awaitsRoom, outbound.count < connection.streamWriteAhead / 2 {
            awaitsRoom = false
            record(.writable)
        }
        guard outbound.count == 0 else { return count }
        guard outboundEnded else {
            guard count == 0 else { return count }
            isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        return sendEnd(connection, flags: flags) ? count : Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }

    /// Moves what waits into `target`, or finds it in its place; nil while the source has to be asked first.
    @inline(__always)
    private func payload(
        _ target: UnsafeMutableRawBufferPointer,
        flags: UnsafeMutablePointer<UInt32>,
        _ connection: HTTP2Connection
    ) -> Int? {
        if source != .none {
            if let count = connection.takePlaced(of: self, limit: target.count), count > 0 {
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
                return count
            }
            if source == .ready, outbound.count == 0, !outboundEnded { return nil }
        }
        let count = outbound.take(into: target)
        connection.unsent -= count
        return count
    }

    /// Asks the source for what is next, and returns how many bytes that is.
    func produce(into room: UnsafeMutableRawBufferPointer) -> Int {
        guard case .server(let exchange) = sink else { return 0 }
        source = .dry
        let count = exchange.produce(into: room)
        if count > 0 { source = .ready }
        return count
    }

    /// Takes what the source has written back, before all that waits.
    func putBack(_ bytes: ByteBuffer) {
        guard let link, bytes.readableBytes > 0 else { return }
        outbound.prepend(bytes)
        link._withUnsafeGuaranteedRef { $0.unsent += bytes.readableBytes }
    }

    /// Sees to it that the stream ends with or behind its last DATA frame; false when nghttp2 will not have its trailers.
    private func sendEnd(_ connection: HTTP2Connection, flags: UnsafeMutablePointer<UInt32>) -> Bool {
        switch outboundTrailers {
        case .none:
            break
        case .prepared(let trailers):
            guard connection.end(with: trailers) else {
                return submitTrailers(connection, trailers.start, trailers.count, flags)
            }
        case .headers(let headers):
            return HeaderEncoder.withTrailers(headers) { submitTrailers(connection, $0, $1, flags) }
        }
        recordAnswered()
        return true
    }

    /// The one call of nghttp2 that is made, and has to be made, from a callback; it only queues a frame.
    private func submitTrailers(
        _ connection: HTTP2Connection,
        _ fields: UnsafePointer<nghttp2_nv>,
        _ count: Int,
        _ flags: UnsafeMutablePointer<UInt32>
    ) -> Bool {
        guard let session = connection.session else { return true }
        flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        return nghttp2_submit_trailer(session, id, fields, count) == 0
    }
}

// MARK: - Delivery, from the connection

extension HTTP2Stream {
    func deliver() {
        let events = self.events
        self.events = []
        // Opened and reset in one read: there is nobody to tell.
        if events.contains(.closed), case .none = sink { return close(closeReason) }
        if let head = requestHead.take() {
            deliverRequest(head, isComplete: events.contains(.end))
        } else {
            deliverInbound(events)
        }
        if events.contains(.writable) { deliverWritable() }
        if events.contains(.closed) {
            close(closeReason)
        } else if events.contains(.dropped) {
            abort(NGHTTP2_INTERNAL_ERROR)
        } else if events.contains(.answeredEarly) {
            abort(NGHTTP2_NO_ERROR)
        }
    }

    /// What of the body came with the head is there when the handler looks for it, which costs it no waiting.
    private func deliverRequest(_ head: RequestHead, isComplete: Bool) {
        guard let link else { return }
        if let priority = head.priority { link._withUnsafeGuaranteedRef { $0.prioritize(id, priority) } }
        // What answers has no way to the connection, which is held by its delivery.
        if isComplete, link._withUnsafeGuaranteedRef({ answer(head, $0) }) { return }
        connection?.accept(head, body: InboundBody(takeData(), isComplete: isComplete), on: self)
    }

    /// Sends what answers a request at once; false when there is nothing that does.
    private func answer(_ head: RequestHead, _ connection: HTTP2Connection) -> Bool {
        guard let answer = immediateAnswer(head, connection) else { return false }
        data = .none
        send(answer, connection)
        return true
    }

    private func immediateAnswer(_ head: RequestHead, _ connection: HTTP2Connection) -> ImmediateAnswer? {
        switch data {
        case .none: return connection.answer(head, body: UnsafeRawBufferPointer(start: nil, count: 0))
        case .borrowed(let bytes): return connection.answer(head, body: bytes)
        case .owned(let bytes):
            var answer: ImmediateAnswer?
            bytes.withUnsafeReadableBytes { answer = connection.answer(head, body: $0) }
            return answer
        }
    }

    private func deliverInbound(_ events: Events) {
        switch sink {
        case .none:
            data = .none
        case .server(let exchange):
            if let data = takeData() { exchange.received(data) }
            if events.contains(.end) { exchange.receivedEnd(.success(())) }
        case .client(let exchange):
            if events.contains(.head) { exchange.receivedHead() }
            if let data = takeData() { exchange.received(data) }
            if events.contains(.end) { exchange.receivedEnd() }
        }
    }

    private func deliverWritable() {
        switch sink {
        case .none: break
        case .server(let exchange): exchange.becameWritable()
        case .client(let exchange): exchange.becameWritable()
        }
    }

    /// The connection has ended before it could deliver.
    func abandon() {
        close(events.contains(.closed) ? closeReason : .disconnected)
    }

    private var closeReason: CloseReason {
        closeCode == NGHTTP2_NO_ERROR.rawValue ? .completed : .reset(closeCode)
    }

    /// The stream is over: its sink is told, once, and let go.
    func close(_ reason: CloseReason) {
        if outbound.count > 0 {
            link?._withUnsafeGuaranteedRef { $0.unsent -= outbound.count }
            outbound.removeAll()
        }
        link = nil
        let sink = self.sink
        self.sink = .none
        switch sink {
        case .none: break
        case .server(let exchange): exchange.closed(reason)
        case .client(let exchange): exchange.closed(reason)
        }
    }

    /// Resets a stream on which the peer has let nothing move for `timeout`, although it was its turn. A stream that
    /// waits for others of a connection that moves has no part in that.
    func sweep(now: NIODeadline, timeout: TimeAmount, connectionMoves: Bool) {
        let hasMore = outbound.count > 0 || (source == .ready && !outboundEnded)
        let isHeldBack = hasMore && !(connectionMoves && connection?.hasWindow(id) == true)
        let peersTurn = isHeldBack || (!hasMore && !remoteEnded && sink.awaitsPeer)
        if progressed || !peersTurn {
            progressed = false
            lastProgress = now
        } else if now - lastProgress >= timeout {
            connection?.note(.stall)
            abort(NGHTTP2_CANCEL)
        }
    }
}

// MARK: - Sending

extension HTTP2Stream {
    var isWritable: Bool {
        guard let link else { return false }
        let hasRoom = link._withUnsafeGuaranteedRef { outbound.count < $0.streamWriteAhead }
        if !hasRoom { awaitsRoom = true }
        return hasRoom
    }

    func bodyConsumed(_ count: Int) {
        guard count > 0, !remoteEnded else { return }
        connection?.submit { nghttp2_session_consume_stream($0, id, count) }
    }

    func send(_ head: ResponseHead, contentLength: Int?, endsStream: Bool) {
        guard let connection else { return }
        connection.submit { session in
            HeaderEncoder.withResponse(head, contentLength: contentLength) { fields, count in
                guard !endsStream else { return nghttp2_submit_response(session, id, fields, count, nil) }
                var provider = dataProvider
                return nghttp2_submit_response(session, id, fields, count, &provider)
            }
        }
    }

    func send(_ head: PreparedHead) {
        connection?.submit { submit(head.fields, in: $0) }
    }

    private func submit(_ head: PreparedFields, in session: OpaquePointer) -> CInt {
        var provider = dataProvider
        return nghttp2_submit_response(session, id, head.start, head.count, &provider)
    }

    /// Sends all of a response.
    private func send(_ answer: consuming ImmediateAnswer, _ connection: HTTP2Connection) {
        if let expiry = answer.expiry { connection.abort(id, at: expiry) }
        switch consume answer.content {
        case .head(let head):
            send(head, contentLength: nil, endsStream: true)
        case .body(let head, let prefix, let bytes, let trailers):
            outbound.append(consume bytes, after: prefix, in: connection.memory)
            connection.unsent += outbound.count
            outboundTrailers = .prepared(trailers)
            outboundEnded = true
            connection.submit { submit(head, in: $0) }
        }
    }

    /// Queues a part of the body, and tells whether there is room for more.
    func send(_ bytes: ByteBuffer, after prefix: BytePrefix) -> Bool {
        guard let link, !outboundEnded else { return false }
        return link._withUnsafeGuaranteedRef { connection in
            let before = outbound.count
            outbound.append(bytes, after: prefix, in: connection.memory)
            return queued(after: before, connection)
        }
    }

    /// Has the sink asked for more whenever nothing waits, from now on, or again after there was none. From within a source
    /// this takes effect in a later turn of the loop, so that sources that wake one another, or themselves, do not hold it.
    func pull() {
        guard let connection, !outboundEnded else { return }
        guard !connection.isAsking else { return connection.pullLater(id) }
        source = .ready
        if outbound.count == 0 { resume(connection) }
    }

    /// - Parameter before: how many bytes waited then. If there were any, nghttp2 knows of them, and of what is behind them.
    @inline(__always)
    private func queued(after before: Int, _ connection: HTTP2Connection) -> Bool {
        connection.unsent += outbound.count - before
        if before == 0 { resume(connection) }
        let hasRoom = outbound.count < connection.streamWriteAhead
        if !hasRoom { awaitsRoom = true }
        return hasRoom
    }

    func sendEnd(trailers: HTTPHeaders?) {
        end(trailers.map { .headers($0) } ?? .none)
    }

    func sendEnd(_ trailers: PreparedTrailers) {
        end(.prepared(trailers.fields))
    }

    private func end(_ trailers: Trailers) {
        guard let connection, !outboundEnded else { return }
        outboundEnded = true
        outboundTrailers = trailers
        resume(connection)
    }

    func abort() {
        abort(NGHTTP2_CANCEL)
    }

    func abort(_ code: nghttp2_error_code) {
        connection?.submit { session in
            nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
        }
    }

    /// What nghttp2 reads this stream's DATA from. The pointer is good as long as the stream is open.
    var dataProvider: nghttp2_data_provider {
        var provider = nghttp2_data_provider()
        provider.source.ptr = Unmanaged.passUnretained(self).toOpaque()
        provider.read_callback = HTTP2Callbacks.readData
        return provider
    }

    private func resume(_ connection: HTTP2Connection) {
        guard isDeferred else { return connection.scheduleFlush() }
        isDeferred = false
        connection.submit { session in nghttp2_session_resume_data(session, id) }
    }
}
