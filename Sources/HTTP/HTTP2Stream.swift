import CNghttp2
import NIOCore

/// What happens on a stream, told to the ``Exchange`` of a server or the ``ClientExchange`` of a client.
protocol HTTP2StreamSink: AnyObject {
    func received(_ bytes: ByteBuffer)
    func receivedEnd(trailers: HTTPHeaders?)
    func becameWritable()
    func drain()
    func closed(_ reason: CloseReason)
    /// Whether the peer has to go on sending for anything to happen here; if it then does not, the stream ends.
    var awaitsPeer: Bool { get }
}

/// One HTTP/2 stream, on either side; loop-bound.
///
/// nghttp2's callbacks only record here what has happened. The connection delivers it afterwards, so that no
/// application code runs, and nothing is submitted, while nghttp2 is on the stack. The connection holds a stream from
/// its first header field until nghttp2 has closed it.
final class HTTP2Stream {
    /// Nil once closed.
    private(set) var connection: HTTP2Connection?
    var id: Int32
    var sink: (any HTTP2StreamSink)?

    // The connection's list of its streams.
    unowned(unsafe) var previous: HTTP2Stream?
    unowned(unsafe) var next: HTTP2Stream?

    // Recorded for delivery.
    private(set) var events = Events()
    private(set) var arriving = HeaderBlock()
    private var head = HeaderBlock()
    private var trailers: HTTPHeaders?
    private var data: ByteBuffer?
    private var closeCode: UInt32 = 0

    // Outbound.
    private var outbound = OutboundBody()
    private var outboundTrailers: HTTPHeaders?
    private var outboundEnded = false
    private var isDeferred = false
    private var wasFull = false

    private(set) var remoteEnded = false
    /// Whether bytes moved, in either direction, since the last sweep.
    private var progressed = true
    private var lastProgress = NIODeadline.uptimeNanoseconds(0)

    struct Events: OptionSet {
        let rawValue: UInt8
        static let head = Events(rawValue: 1)
        static let data = Events(rawValue: 2)
        static let end = Events(rawValue: 4)
        static let writable = Events(rawValue: 8)
        static let closed = Events(rawValue: 16)
        /// This side has sent its end while the peer is still sending.
        static let answeredEarly = Events(rawValue: 32)
    }

    init(id: Int32, connection: HTTP2Connection) {
        self.id = id
        self.connection = connection
    }
}

// MARK: - Recording, from within nghttp2

extension HTTP2Stream {
    func beginHeaders() {
        arriving = HeaderBlock()
    }

    func addField(
        name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>,
        limits: HTTPLimits,
        strings: inout StringCache
    ) -> Bool {
        arriving.add(name: name, value: value, limits: limits, strings: &strings)
    }

    /// A header list is complete. The first one is the head (after any informational ones), a second one the trailers.
    func endHeaders(isHead: Bool) {
        if isHead {
            swap(&head, &arriving)
            record(.head)
        } else {
            trailers = arriving.headers
        }
        arriving = HeaderBlock()
    }

    func append(_ bytes: UnsafeRawBufferPointer, allocator: ByteBufferAllocator) {
        progressed = true
        if data == nil { data = allocator.buffer(capacity: bytes.count) }
        data?.writeBytes(bytes)
        record(.data)
    }

    func endRemote() {
        guard !remoteEnded else { return }
        remoteEnded = true
        record(.end)
    }

    func recordClose(_ code: UInt32) {
        closeCode = code
        record(.closed)
    }

    func recordAnswered() {
        if !remoteEnded { record(.answeredEarly) }
    }

    private func record(_ event: Events) {
        if events.isEmpty { connection?.touched.append(self) }
        events.insert(event)
    }

    /// nghttp2 asks for the next DATA frame.
    func fill(_ target: UnsafeMutableRawBufferPointer, flags: UnsafeMutablePointer<UInt32>) -> Int {
        let count = outbound.take(into: target)
        if count > 0 { progressed = true }
        if wasFull, outbound.count < HTTPLimits.lowWaterMark {
            wasFull = false
            record(.writable)
        }
        guard outbound.count == 0 else { return count }
        if outboundEnded {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if let outboundTrailers, let session = connection?.session {
                // The one call that is made, and has to be made, from this callback; it only queues a frame.
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                let result = HeaderEncoder.withFields(EmptyCollection(), outboundTrailers) { fields, fieldCount in
                    nghttp2_submit_trailer(session, id, fields, fieldCount)
                }
                guard result == 0 else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
            }
            return count
        }
        if count == 0 {
            isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        return count
    }
}

// MARK: - Delivery, from the connection

extension HTTP2Stream {
    func deliver() {
        let events = self.events
        self.events = []
        // Opened and reset in one read: there is nobody to tell.
        if events.contains(.closed), sink == nil { return close(closeReason) }
        if events.contains(.head), let connection {
            var block = HeaderBlock()
            swap(&block, &head)
            connection.receivedHead(block, self)
        }
        if events.contains(.data), let data {
            self.data = nil
            sink?.received(data)
        }
        if events.contains(.end) { sink?.receivedEnd(trailers: trailers) }
        if events.contains(.writable) { sink?.becameWritable() }
        if events.contains(.closed) {
            close(closeReason)
        } else if events.contains(.answeredEarly) {
            abort(NGHTTP2_NO_ERROR)
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
        connection = nil
        outbound.removeAll()
        let sink = self.sink
        self.sink = nil
        sink?.closed(reason)
    }

    /// Resets a stream on which the peer has let nothing move for `timeout`, although it was its turn.
    func sweep(now: NIODeadline, timeout: TimeAmount) {
        let peersTurn = outbound.count > 0 || (!remoteEnded && sink?.awaitsPeer ?? true)
        if progressed || !peersTurn {
            progressed = false
            lastProgress = now
        } else if now - lastProgress >= timeout {
            abort(NGHTTP2_CANCEL)
        }
    }
}

// MARK: - Sending

extension HTTP2Stream: ExchangeTransport {
    var isWritable: Bool { connection != nil && outbound.count < HTTPLimits.highWaterMark }

    func bodyWanted() {}

    func bodyConsumed(_ count: Int) {
        connection?.consumed(count, on: self)
    }

    func send(_ head: ResponseHead, endsStream: Bool) {
        guard let connection else { return }
        let status = (name: ":status", value: String(head.status))
        connection.submit { session in
            HeaderEncoder.withFields(CollectionOfOne(status), head.headers) { fields, count in
                guard !endsStream else { return nghttp2_submit_response(session, id, fields, count, nil) }
                var provider = dataProvider
                return nghttp2_submit_response(session, id, fields, count, &provider)
            }
        }
    }

    func send(_ bytes: ByteBuffer) {
        guard connection != nil, !outboundEnded else { return }
        outbound.append(bytes)
        if outbound.count >= HTTPLimits.highWaterMark { wasFull = true }
        resume()
    }

    func sendEnd(trailers: HTTPHeaders?) {
        guard connection != nil, !outboundEnded else { return }
        outboundEnded = true
        outboundTrailers = trailers
        resume()
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

    private func resume() {
        guard isDeferred else {
            connection?.scheduleFlush()
            return
        }
        isDeferred = false
        connection?.submit { session in nghttp2_session_resume_data(session, id) }
    }
}
