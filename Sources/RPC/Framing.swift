public import NIOCore

/// Puts the 5 bytes of gRPC's framing before a message: no compression, and the length.
///
/// The result can be sent to any number of streams, which share it; see ``ServerStream/send(framed:)``.
public func frame(_ message: ByteBuffer) -> ByteBuffer {
    Framing.frame(message, flag: 0)
}

/// The framing of messages (gRPC "Length-Prefixed-Message"): a flag, the length in 4 bytes, the message.
enum Framing {
    static let prefixLength = 5
    /// Messages up to this length are cheaper to copy behind their prefix than to be queued as two buffers.
    private static let copyLimit = 4096

    static func frame(_ message: ByteBuffer, flag: UInt8) -> ByteBuffer {
        var framed = prefix(of: message, flag: flag, reserving: message.readableBytes)
        framed.writeImmutableBuffer(message)
        return framed
    }

    /// - Parameter compression: compresses the message, unless that makes it no shorter.
    static func frame(_ message: ByteBuffer, compression: Compression?) -> ByteBuffer {
        guard let compressed = compression?.compress(message) else { return frame(message, flag: 0) }
        return frame(compressed, flag: 1)
    }

    /// The message as buffers to be written one after the other, a long one without a copy.
    ///
    /// - Parameter compression: compresses the message, unless that makes it no shorter.
    static func buffers(_ message: ByteBuffer, compression: Compression? = nil) -> (ByteBuffer, ByteBuffer?) {
        let compressed = compression?.compress(message)
        let flag: UInt8 = compressed == nil ? 0 : 1
        let message = compressed ?? message
        guard message.readableBytes > copyLimit else { return (frame(message, flag: flag), nil) }
        return (prefix(of: message, flag: flag, reserving: 0), message)
    }

    private static func prefix(of message: ByteBuffer, flag: UInt8, reserving count: Int) -> ByteBuffer {
        var prefix = ByteBuffer()
        prefix.reserveCapacity(prefixLength + count)
        prefix.writeInteger(flag)
        prefix.writeInteger(UInt32(clamping: message.readableBytes))
        return prefix
    }
}
