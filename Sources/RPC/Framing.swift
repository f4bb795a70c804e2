public import NIOCore

/// Puts the 5 bytes of gRPC's framing before a message: no compression, and the length.
///
/// The result can be sent to any number of streams, which share it; see ``ServerStream/send(framed:)``.
public func frame(_ message: ByteBuffer) -> ByteBuffer {
    var framed = ByteBuffer()
    framed.reserveCapacity(Framing.prefixLength + message.readableBytes)
    framed.writeInteger(UInt8(0))
    framed.writeInteger(UInt32(clamping: message.readableBytes))
    framed.writeImmutableBuffer(message)
    return framed
}

enum Framing {
    static let prefixLength = 5
    /// Messages up to this length are cheaper to copy behind their prefix than to be queued as two buffers.
    private static let copyLimit = 4096

    /// The message as buffers to be written one after the other, a long one without a copy.
    static func buffers(_ message: ByteBuffer) -> (ByteBuffer, ByteBuffer?) {
        guard message.readableBytes > copyLimit else { return (frame(message), nil) }
        var prefix = ByteBuffer()
        prefix.writeInteger(UInt8(0))
        prefix.writeInteger(UInt32(clamping: message.readableBytes))
        return (prefix, message)
    }
}

/// Cuts a body into messages. A value without I/O; it keeps at most one incomplete message, of no more than `limit`.
struct MessageDeframer {
    /// Bytes of the longest message that is taken.
    let limit: Int
    private var bytes = ByteBuffer()

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether nothing of a message is left over.
    var isEmpty: Bool { bytes.readableBytes == 0 }

    mutating func append(_ more: ByteBuffer) {
        if isEmpty {
            bytes = more
        } else {
            bytes.writeImmutableBuffer(more)
        }
    }

    /// The next whole message, or nil until more has arrived.
    ///
    /// - Throws: RESOURCE_EXHAUSTED for a message that is announced as longer than the limit, before any of it is kept;
    ///   INTERNAL for a broken prefix.
    mutating func next() throws(Status) -> ByteBuffer? {
        guard let flag = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return nil }
        switch flag {
        case 0: break
        case 1: throw Status(.internal, "a message is compressed, and no grpc-encoding says how")
        case _: throw Status(.internal, "the message's compression flag is \(flag)")
        }
        guard let length = bytes.getInteger(at: bytes.readerIndex + 1, as: UInt32.self) else { return nil }
        guard Int(length) <= limit else {
            throw Status(.resourceExhausted, "a message of \(length) bytes exceeds the limit of \(limit)")
        }
        guard bytes.readableBytes >= Framing.prefixLength + Int(length) else { return nil }
        bytes.moveReaderIndex(forwardBy: Framing.prefixLength)
        let message = bytes.readSlice(length: Int(length))
        if isEmpty { bytes = ByteBuffer() }
        return message
    }
}
