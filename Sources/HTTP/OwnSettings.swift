import CNghttp2

/// What a connection tells its peer in its first frames (RFC 9113 section 6.5), and how it is told. A value without I/O.
struct OwnSettings {
    /// nghttp2 ends a connection that opens more streams than it may, once the limit is acknowledged. A racing or buggy
    /// peer is to get REFUSED_STREAM instead, so nghttp2 is given a limit that is so much higher than the peer's.
    private static let streamAllowance = 10_000

    private let isServer: Bool
    private let headerListBytes: UInt32
    private let streams: Int
    /// Whether the peer is still to be told of the limit that is meant for it.
    private var isToBeAdvertised: Bool

    init(_ limits: HTTPLimits, isServer: Bool) {
        self.isServer = isServer
        headerListBytes = UInt32(clamping: limits.maxHeaderListBytes)
        streams = limits.maxConcurrentStreams
        isToBeAdvertised = isServer
    }

    /// Queues SETTINGS, and the window of the connection.
    func submit(_ session: OpaquePointer) -> CInt {
        var entries = [
            Self.entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
            Self.entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, headerListBytes),
        ]
        entries.append(
            isServer
                ? Self.entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, UInt32(clamping: streams + Self.streamAllowance))
                : Self.entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)
        )
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        let result = nghttp2_submit_settings(session, flags, entries, entries.count)
        // Bytes of a connection are acknowledged as they come; only each stream is held back by its reader.
        return result == 0 ? nghttp2_session_set_local_window_size(session, flags, 0, 1 << 20) : result
    }

    private static func entry(_ id: nghttp2_settings_id, _ value: UInt32) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: CInt(id.rawValue), value: value)
    }

    /// Puts the limit that is meant for the peer into the first frame sent, which is SETTINGS.
    mutating func advertise(in frames: UnsafeMutableRawBufferPointer) {
        guard isToBeAdvertised, frames.count > HTTP2Frame.headerLength else { return }
        isToBeAdvertised = false
        let end = HTTP2Frame.headerLength + Int(frames[1]) << 8 + Int(frames[2])
        let limit = UInt16(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue)
        for entry in stride(from: HTTP2Frame.headerLength, to: end, by: 6)
        where UInt16(bigEndian: frames.loadUnaligned(fromByteOffset: entry, as: UInt16.self)) == limit {
            frames.storeBytes(of: UInt32(clamping: streams).bigEndian, toByteOffset: entry + 2, as: UInt32.self)
        }
    }
}
