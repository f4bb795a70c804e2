import NIOCore

/// Cuts a body into messages, and inflates the compressed ones.
///
/// A value without I/O. It keeps what was appended and not yet taken; see the user for how that is bounded.
struct MessageDeframer {
    /// Bytes of the longest message that is taken, inflated.
    let limit: Int
    /// What the peer's `grpc-encoding` says of compressed messages.
    var compression: Compression?
    private var bytes = ByteBuffer()

    init(limit: Int, compression: Compression? = nil) {
        self.limit = min(limit, Int(UInt32.max))
        self.compression = compression
    }

    /// Bytes that were appended and not taken; zero at the end of a well-formed body.
    var count: Int { bytes.readableBytes }
    /// Bytes of memory for them.
    var capacity: Int { bytes.storageCapacity }

    mutating func append(_ more: ByteBuffer) {
        if count == 0 {
            bytes = more
        } else {
            // What was taken is let go, or a body whose pieces never end with a message would be kept whole.
            bytes.discardReadBytes()
            bytes.writeImmutableBuffer(more)
        }
    }

    /// What is broken is not gone beyond.
    mutating func removeAll() {
        bytes = ByteBuffer()
    }

    /// The next whole message, or nil until more has arrived.
    ///
    /// - Throws: RESOURCE_EXHAUSTED for a message that is announced as longer than the limit, before any of it is kept,
    ///   or that inflates to more; INTERNAL for a broken prefix or compression.
    mutating func next() throws(Status) -> InboundMessage? {
        guard let flag = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return nil }
        switch (flag, compression) {
        case (0, _), (1, .some): break
        case (1, nil): throw Status(.internal, "a message is compressed, and no grpc-encoding says how")
        case (_, _): throw Status(.internal, "the message's compression flag is \(flag)")
        }
        guard let length = bytes.getInteger(at: bytes.readerIndex + 1, as: UInt32.self) else { return nil }
        guard Int(length) <= limit else {
            throw Status(.resourceExhausted, "a message of \(length) bytes exceeds the limit of \(limit)")
        }
        guard count >= Framing.prefixLength + Int(length) else { return nil }
        bytes.moveReaderIndex(forwardBy: Framing.prefixLength)
        guard let message = bytes.readSlice(length: Int(length)) else { return nil }
        if count == 0 { bytes = ByteBuffer() }
        guard flag == 1, let compression else { return InboundMessage(message, wasCompressed: false) }
        return InboundMessage(try compression.decompress(message, limit: limit), wasCompressed: true)
    }
}
