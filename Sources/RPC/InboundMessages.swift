import NIOCore

/// What was received of a call's messages and is not read yet, and the account of what the peer may send.
///
/// A value without I/O, the same on both sides. The peer gets credit for a message when it is taken, and for a part of
/// one only while somebody waits for the rest. So whoever does not read stops the sender with at most 64 KiB received,
/// the window of a stream, and whoever reads gets messages of any length up to the limit. Messages are inflated one at
/// a time, as they are taken.
struct InboundMessages {
    private var deframer: MessageDeframer
    /// Bytes received for which the peer has no new credit yet.
    private var owed = 0
    /// Bytes of messages that are taken at once; the last one may exceed it.
    private static let batchSize = 64 * 1024

    init(limit: Int, compression: Compression? = nil) {
        deframer = MessageDeframer(limit: limit, compression: compression)
    }

    var compression: Compression? {
        get { deframer.compression }
        set { deframer.compression = newValue }
    }

    /// Whether nothing is left over, not even a part of a message.
    var isEmpty: Bool { deframer.count == 0 }

    mutating func append(_ bytes: ByteBuffer) {
        owed += bytes.readableBytes
        deframer.append(bytes)
    }

    /// Takes a message, if a whole one has arrived.
    mutating func next() throws(Status) -> InboundMessage? {
        try deframer.next()
    }

    /// Takes the messages that have arrived, about 64 KiB of them, and what is wrong with the one after them.
    mutating func takeBatch() -> (messages: [InboundMessage], failure: Status?) {
        var messages: [InboundMessage] = []
        var size = 0
        do throws(Status) {
            while size < Self.batchSize, let message = try deframer.next() {
                size += message.bytes.readableBytes + Framing.prefixLength
                messages.append(message)
            }
        } catch {
            deframer.removeAll()
            return (messages, error)
        }
        return (messages, nil)
    }

    /// The credit to give now, in bytes; it counts as given.
    mutating func credit(isWaiting: Bool) -> Int {
        let credit = isWaiting ? owed : max(0, owed - deframer.count)
        owed -= credit
        return credit
    }
}
