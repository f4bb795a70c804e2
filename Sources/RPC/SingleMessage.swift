import NIOCore

/// The one message of a request that consists of one; a value without I/O.
///
/// It takes no more than the limit of one message and what arrived together with it, whatever the caller sends.
struct SingleMessage {
    private var deframer: MessageDeframer
    private var message: InboundMessage?

    init(limit: Int, compression: Compression?) {
        deframer = MessageDeframer(limit: limit, compression: compression)
    }

    /// Takes a part of the request.
    mutating func append(_ bytes: ByteBuffer) throws(Status) {
        deframer.append(bytes)
        if message == nil { message = try deframer.next() }
        if message != nil, deframer.count > 0 {
            throw Status(.internal, "more than one message for a call that takes one")
        }
    }

    /// The message, when the caller has ended its side.
    func end() throws(Status) -> InboundMessage {
        guard deframer.count == 0 else { throw Status(.internal, "the message is truncated") }
        guard let message else { throw Status(.internal, "a message is missing") }
        return message
    }
}
