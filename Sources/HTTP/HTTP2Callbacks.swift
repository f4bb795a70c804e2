import CNghttp2

/// nghttp2's callbacks and options, of which it copies what it needs when a session is made. Each callback finds its
/// object and calls one method of it.
enum HTTP2Callbacks {
    /// Immutable after its initialisation, and nghttp2 only reads from it.
    nonisolated(unsafe) static let callbacks: OpaquePointer? = makeCallbacks()

    /// The options of a session, for the length of `body`; nil when there is no memory for them.
    ///
    /// - Parameter checksMessages: whether nghttp2 is to apply the rules of RFC 9113 section 8 to what arrives.
    static func withOptions<Result>(
        _ limits: HTTPLimits,
        checksMessages: Bool,
        _ body: (OpaquePointer?) -> Result
    ) -> Result? {
        var options: OpaquePointer?
        guard nghttp2_option_new(&options) == 0 else { return nil }
        defer { nghttp2_option_del(options) }
        // An unread body stops its sender; see `HTTP2Stream.bodyConsumed`.
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_no_http_messaging(options, checksMessages ? 0 : 1)
        let (burst, rate) = (UInt64(clamping: limits.resetBurst), UInt64(clamping: limits.resetsPerSecond))
        nghttp2_option_set_stream_reset_rate_limit(options, burst, rate)
        nghttp2_option_set_max_continuations(options, max(0, limits.maxContinuations))
        nghttp2_option_set_max_outbound_ack(options, max(0, limits.maxQueuedAcknowledgements))
        return body(options)
    }

    private static func makeCallbacks() -> OpaquePointer? {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            guard let frame else { return 0 }
            let (header, category) = (HTTP2Callbacks.header(frame), frame.pointee.headers.cat)
            return HTTP2Callbacks.call(user) { $0.beganHeaders(header, category) } ?? 0
        }
        nghttp2_session_callbacks_set_on_header_callback2(callbacks) { _, _, name, value, _, user in
            guard let name, let value else { return 0 }
            return HTTP2Callbacks.call(user) {
                $0.received(name: HTTP2Callbacks.text(name), value: HTTP2Callbacks.text(value))
            } ?? 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            guard let frame else { return 0 }
            let (header, category) = (HTTP2Callbacks.header(frame), frame.pointee.headers.cat)
            HTTP2Callbacks.call(user) { $0.receivedFrame(header, category) }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, bytes, count, user in
            HTTP2Callbacks.call(user) { $0.receivedData(UnsafeRawBufferPointer(start: bytes, count: count), on: id) }
            return 0
        }
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, _, _, user in
            guard let frame, let header else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            let payload = HTTP2Callbacks.header(frame).length
            return HTTP2Callbacks.call(user) { $0.completeFrame(header, payload: payload) }
                ?? NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, error, user in
            guard let frame else { return 0 }
            let header = HTTP2Callbacks.header(frame)
            HTTP2Callbacks.call(user) { $0.droppedFrame(header, error: error) }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, user in
            HTTP2Callbacks.call(user) { $0.closedStream(id, code: code) }
            return 0
        }
        return callbacks
    }

    /// The source of every stream's DATA frames.
    static let readData: nghttp2_data_source_read_callback = { _, _, target, length, flags, source, _ in
        guard let flags, let stream = source?.pointee.ptr else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
        let target = UnsafeMutableRawBufferPointer(start: target, count: length)
        return Unmanaged<HTTP2Stream>.fromOpaque(stream)._withUnsafeGuaranteedRef { $0.fill(target, flags: flags) }
    }

    /// Calls the connection, which its channel holds while nghttp2 is on the stack, without another reference to it.
    @discardableResult
    private static func call<Result>(
        _ user: UnsafeMutableRawPointer?,
        _ body: (HTTP2Connection) -> Result
    ) -> Result? {
        guard let user else { return nil }
        return Unmanaged<HTTP2Connection>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
    }

    private static func text(_ buffer: OpaquePointer) -> HeaderBlock.Text {
        let text = nghttp2_rcbuf_get_buf(buffer)
        return HeaderBlock.Text(start: text.base, count: text.len)
    }

    /// The header that every member of the frame union begins with, without a copy of the union.
    @inline(__always)
    static func header(_ frame: UnsafePointer<nghttp2_frame>) -> nghttp2_frame_hd {
        UnsafeRawPointer(frame).assumingMemoryBound(to: nghttp2_frame_hd.self).pointee
    }
}

/// Frames as they are sent (RFC 9113 section 4.1).
enum HTTP2Frame {
    /// In bytes.
    static let headerLength = 9

    // Types (RFC 9113 section 6).
    static let data = UInt8(NGHTTP2_DATA.rawValue)
    static let headers = UInt8(NGHTTP2_HEADERS.rawValue)
    static let priority = UInt8(NGHTTP2_PRIORITY.rawValue)
    static let reset = UInt8(NGHTTP2_RST_STREAM.rawValue)
    static let settings = UInt8(NGHTTP2_SETTINGS.rawValue)
    static let ping = UInt8(NGHTTP2_PING.rawValue)
    static let goAway = UInt8(NGHTTP2_GOAWAY.rawValue)
    static let windowUpdate = UInt8(NGHTTP2_WINDOW_UPDATE.rawValue)

    /// END_STREAM of HEADERS and DATA; ACK of SETTINGS and PING has the same bit.
    static let endStreamOrAck = UInt8(NGHTTP2_FLAG_END_STREAM.rawValue)
    static let endHeaders = UInt8(NGHTTP2_FLAG_END_HEADERS.rawValue)

    struct Header {
        let length: Int
        let type: UInt8
        let flags: UInt8
        let stream: Int32

        /// - Parameters:
        ///   - start: the first eight bytes, the first of all as the highest.
        ///   - last: the ninth.
        init(_ start: UInt64, _ last: UInt8) {
            length = Int(start >> 40)
            type = UInt8(truncatingIfNeeded: start >> 32)
            flags = UInt8(truncatingIfNeeded: start >> 24)
            stream = Int32(truncatingIfNeeded: (start << 8 | UInt64(last)) & 0x7FFF_FFFF)
        }

        /// - Parameter bytes: nine at least.
        init(_ bytes: UnsafeRawPointer) {
            let start = bytes.loadUnaligned(as: UInt64.self)
            self.init(UInt64(bigEndian: start), bytes.load(fromByteOffset: 8, as: UInt8.self))
        }
    }
}
