/// A frame that a connection has sent (RFC 9113 section 4.1).
struct SentFrame {
    let type: UInt8
    let flags: UInt8
    let stream: Int
    let payload: ArraySlice<UInt8>

    var endsStream: Bool { type <= 1 && flags & 1 != 0 }

    /// The frames that the bytes consist of; the last one has what there is of it.
    static func all(in bytes: [UInt8]) -> [SentFrame] {
        var (frames, offset) = ([SentFrame](), 0)
        while offset + 9 <= bytes.count {
            let header = bytes[offset..<(offset + 9)].reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            let start = offset + 9
            offset = start + Int(header >> 48)
            let frame = SentFrame(
                type: UInt8(truncatingIfNeeded: header >> 40),
                flags: UInt8(truncatingIfNeeded: header >> 32),
                stream: Int(header & 0x7FFF_FFFF),
                payload: bytes[start..<min(offset, bytes.count)]
            )
            frames.append(frame)
        }
        return frames
    }

    /// What the DATA frames carry, one after the other.
    static func data(in bytes: [UInt8]) -> [UInt8] {
        all(in: bytes).filter { $0.type == 0 }.flatMap(\.payload)
    }

    /// The streams that were reset, and with what.
    static func resets(in bytes: [UInt8]) -> [Int: UInt8] {
        all(in: bytes).filter { $0.type == 3 }.reduce(into: [:]) { $0[$1.stream] = $1.payload.last }
    }
}
