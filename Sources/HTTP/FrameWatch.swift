import CNghttp2

/// Walks over the frames that a client sends, ahead of nghttp2, and finds the wrong ones that nghttp2 passes over, and the
/// header blocks (see ``HeaderBlockMemo``); a value without I/O.
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

    /// A header block, or what else bears on HPACK's dynamic table.
    struct Block {
        let stream: Int32
        /// Whether it is of the first frame of its stream.
        let opensStream: Bool
        /// Where the header block is, if all of it is in the bytes, and the whole header of its frame before it.
        let range: Range<Int>?
    }

    private static let headerLength = HTTP2Frame.headerLength

    /// Bytes up to the next frame's header; at first there is the connection preface.
    private var distance = 24
    /// A header that has come in part, and how much of it that is.
    private var partialHeader: UInt128 = 0
    private var partialCount = 0

    private typealias Header = HTTP2Frame.Header

    /// The newest stream that the client has opened.
    private var newest: Int32 = -1
    private var newestHasEnded = false
    /// The streams between that one and the one before.
    private var skipped: Range<Int32> = 0..<0
    /// The last streams that the client has ended or reset.
    private var ended = InlineArray<16, Int32>(repeating: -1)
    private var nextEnded = 0

    /// Looks at the next bytes of the connection, wherever they are cut.
    ///
    /// - Parameter visit: called for each header block, or part of one, and for what else may change how it is decoded.
    @inline(__always)
    mutating func scan(_ bytes: UnsafeRawBufferPointer, visit: (Block) -> Void) -> Findings {
        var findings = Findings()
        var offset = 0
        while bytes.count - offset > distance {
            offset += distance
            distance = 0
            guard let header = readHeader(bytes, &offset) else { return findings }
            distance = header.length
            if let block = block(header, payload: offset, end: bytes.count) { visit(block) }
            examine(header, bytes, payload: offset, &findings)
        }
        distance -= bytes.count - offset
        return findings
    }

    /// The next header, if it is complete; what there is of it has been read.
    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Header? {
        if partialCount == 0, bytes.count - offset >= Self.headerLength, let start = bytes.baseAddress {
            defer { offset += Self.headerLength }
            return Header(start + offset)
        }
        while partialCount < Self.headerLength, offset < bytes.count {
            partialHeader = partialHeader << 8 | UInt128(bytes[offset])
            partialCount += 1
            offset += 1
        }
        guard partialCount == Self.headerLength else { return nil }
        partialCount = 0
        return Header(UInt64(truncatingIfNeeded: partialHeader >> 8), UInt8(truncatingIfNeeded: partialHeader))
    }

    @inline(__always)
    private func block(_ header: Header, payload: Int, end: Int) -> Block? {
        switch header.type {
        case HTTP2Frame.headers:
            let isPlain = header.flags & ~HTTP2Frame.endStreamOrAck == HTTP2Frame.endHeaders
            let isWhole = payload >= Self.headerLength && header.length <= end - payload
            let range = isPlain && isWhole ? payload..<payload + header.length : nil
            return Block(stream: header.stream, opensStream: header.stream > newest, range: range)
        // What acknowledges SETTINGS lets those of this side take effect, of which the size of the table may be one.
        case HTTP2Frame.settings:
            return Block(stream: 0, opensStream: false, range: nil)
        // CONTINUATION only goes on with what was not all there.
        case _:
            return nil
        }
    }

    /// - Parameter payload: where in the bytes the frame's payload begins, of which perhaps not all has come.
    private mutating func examine(
        _ header: Header,
        _ bytes: UnsafeRawBufferPointer,
        payload: Int,
        _ findings: inout Findings
    ) {
        switch header.type {
        case HTTP2Frame.headers, HTTP2Frame.data:
            if let error = error(on: header.stream) { findings.error = error }
            if header.flags & HTTP2Frame.endStreamOrAck != 0 { end(header.stream) }
        case HTTP2Frame.reset:
            end(header.stream)
        case HTTP2Frame.priority:
            findings.priorities += 1
            if header.stream == 0 || dependency(bytes, at: payload) == header.stream {
                findings.error = NGHTTP2_PROTOCOL_ERROR.rawValue
            }
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

    private func dependency(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32? {
        guard bytes.count - offset >= 4 else { return nil }
        let stream = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        return Int32(truncatingIfNeeded: stream & 0x7FFF_FFFF)
    }
}
