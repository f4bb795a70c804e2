import HTTP
public import NIOCore

/// Puts the 5 bytes of gRPC's framing before a message: no compression, and the length.
///
/// The result can be sent to any number of streams, which share it; see ``ServerStream/send(framed:)``.
public func frame(_ message: ByteBuffer) -> ByteBuffer {
    Framing.frame(message, flag: 0)
}

/// The framing of messages (gRPC "Length-Prefixed-Message"): a flag, the length in 4 bytes, the message.
@usableFromInline
enum Framing {
    @inlinable static var prefixLength: Int { 5 }

    static func frame(_ message: ByteBuffer, flag: UInt8) -> ByteBuffer {
        var framed = ByteBuffer()
        framed.reserveCapacity(prefixLength + message.readableBytes)
        framed.writeInteger(flag)
        framed.writeInteger(UInt32(clamping: message.readableBytes))
        framed.writeImmutableBuffer(message)
        return framed
    }

    /// - Parameter compression: compresses the message, unless that makes it no shorter.
    static func frame(_ message: ByteBuffer, compression: Compression?) -> ByteBuffer {
        guard let compressed = compression?.compress(message) else { return frame(message, flag: 0) }
        return frame(compressed, flag: 1)
    }

    /// What goes before a message of so many bytes.
    static func prefix(ofLength length: Int, flag: UInt8) -> BytePrefix {
        let length = UInt32(clamping: length).bigEndian
        return BytePrefix(UInt64(flag) | UInt64(length) << 8, count: prefixLength)
    }

    /// Whether a body is one message, whole, not compressed and within the limit.
    static func isOneMessage(_ body: RawSpan, limit: Int) -> Bool {
        let length = body.byteCount - prefixLength
        guard length >= 0, length <= limit, body.unsafeLoad(as: UInt8.self) == 0 else { return false }
        return UInt32(bigEndian: body.unsafeLoadUnaligned(fromByteOffset: 1, as: UInt32.self)) == length
    }
}
