import CNghttp2

/// Walks over the frames that a client sends, ahead of nghttp2, and finds the wrong ones that nghttp2 passes over; a
/// value without I/O.
///
/// nghttp2 is told to forget closed streams, as it would keep thousands for each connection, and drops any frame on
/// them. That is right for what was under way when the server reset a stream, and wrong for what a client sends after
/// its own end of it (RFC 9113 section 5.1) or on a stream that it has passed over (section 5.1.1). Nor does nghttp2
/// look into PRIORITY, once the server has declared that it has no use for it.
struct FrameWatch {
    struct Findings {
        /// The error of the connection that the bytes amount to, if any.
        var error: UInt32?
        /// How many PRIORITY frames there were.
        var priorities = 0
    }

    private static let headerLength = 9

    /// Bytes up to the next frame's header; at first there is the connection preface.
    private var distance = 24
    /// The header as far as it has come, and how much of it that is.
    private var header: UInt128 = 0
    private var headerCount = 0

    /// The newest stream that the client has opened.
    private var newest: Int32 = -1
    private var newestHasEnded = false
    /// The streams between that one and the one before.
    private var skipped: Range<Int32> = 0..<0
    /// The last streams that the client has ended or reset.
    private var ended = InlineArray<16, Int32>(repeating: -1)
    private var nextEnded = 0

    /// Looks at the next bytes of the connection, wherever they are cut.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Findings {
        var findings = Findings()
        var offset = 0
        while offset < bytes.count {
            let step = min(distance, bytes.count - offset)
            distance -= step
            offset += step
            guard readHeader(bytes, &offset) else { break }
            distance = Int(truncatingIfNeeded: header >> 48) & 0xFF_FFFF
            examine(payload: UnsafeRawBufferPointer(rebasing: bytes[offset...]), &findings)
        }
        return findings
    }

    /// Whether the header is complete; what there is of it has been read.
    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Bool {
        if headerCount == 0, bytes.count - offset >= Self.headerLength {
            let most = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            header = UInt128(most) << 8 | UInt128(bytes[offset + 8])
            offset += Self.headerLength
            return true
        }
        while headerCount < Self.headerLength, offset < bytes.count {
            header = header << 8 | UInt128(bytes[offset])
            headerCount += 1
            offset += 1
        }
        guard headerCount == Self.headerLength else { return false }
        headerCount = 0
        return true
    }

    /// - Parameter payload: begins with as much of the frame's payload as has come.
    private mutating func examine(payload: UnsafeRawBufferPointer, _ findings: inout Findings) {
        let stream = Int32(truncatingIfNeeded: header & 0x7FFF_FFFF)
        let flags = UInt8(truncatingIfNeeded: header >> 32)
        switch UInt8(truncatingIfNeeded: header >> 40) {
        case HTTP2Frame.headers, HTTP2Frame.data:
            if let error = error(on: stream) { findings.error = error }
            if flags & HTTP2Frame.endStreamOrAck != 0 { end(stream) }
        case HTTP2Frame.reset:
            end(stream)
        case HTTP2Frame.priority:
            findings.priorities += 1
            if stream == 0 || dependency(payload) == stream { findings.error = NGHTTP2_PROTOCOL_ERROR.rawValue }
        case _:
            break
        }
    }

    /// What is wrong with HEADERS or DATA on a stream; the first ones open it.
    private mutating func error(on stream: Int32) -> UInt32? {
        guard stream <= newest else {
            skipped = newest + 1..<stream
            (newest, newestHasEnded) = (stream, false)
            return nil
        }
        if stream == newest, !newestHasEnded { return nil }
        if skipped.contains(stream) { return NGHTTP2_PROTOCOL_ERROR.rawValue }
        var hasEnded = false
        for index in ended.indices { hasEnded = hasEnded || ended[index] == stream }
        return hasEnded ? NGHTTP2_STREAM_CLOSED.rawValue : nil
    }

    private mutating func end(_ stream: Int32) {
        if stream == newest { newestHasEnded = true }
        ended[nextEnded] = stream
        nextEnded = (nextEnded + 1) % ended.count
    }

    private func dependency(_ payload: UnsafeRawBufferPointer) -> Int32? {
        guard payload.count >= 4 else { return nil }
        return Int32(truncatingIfNeeded: payload.loadUnaligned(as: UInt32.self).bigEndian & 0x7FFF_FFFF)
    }
}
