import NIOCore

/// The way of a call's messages from its event loop to a task that reads them in batches; loop-bound.
///
/// One task reads. It gets what there is at once, so that a hop between loop and task serves many messages.
final class MessageInbox {
    /// Resumed with at least one message, with none at a good end, or with the status of a bad one.
    typealias Reader = CheckedContinuation<[InboundMessage], any Error>

    private var inbound: InboundMessages
    private var reader: Reader?
    /// How the messages end, once that is known; handed over after those that came before it.
    private var end: Status?
    /// Gives the peer credit for so many bytes.
    var onCredit: ((Int) -> Void)?
    /// Called when a message turns out to be no good; the call is to end with this.
    var onFailure: ((Status) -> Void)?

    init(limit: Int, compression: Compression? = nil) {
        inbound = InboundMessages(limit: limit, compression: compression)
    }

    /// What compressed messages are compressed with; to be set before the first one arrives.
    func expect(_ compression: Compression?) {
        inbound.compression = compression
    }

    func receive(_ bytes: ByteBuffer) {
        guard end == nil else { return }
        inbound.append(bytes)
        handOver()
    }

    /// No more messages come; the first end counts.
    func finish(_ status: Status) {
        guard end == nil else { return }
        end = status
        handOver()
    }

    /// Waits for a batch. A second reader is against the rules, and ends the first one's wait.
    func next(_ reader: Reader) {
        self.reader?.resume(returning: [])
        self.reader = reader
        handOver()
    }

    private func handOver() {
        guard let reader else { return }
        let (messages, failure) = inbound.takeBatch()
        if let failure { fail(failure) }
        if !messages.isEmpty {
            self.reader = nil
            giveCredit(isWaiting: false)
            return reader.resume(returning: messages)
        }
        guard let end else { return giveCredit(isWaiting: true) }
        self.reader = nil
        if end.code != .ok {
            reader.resume(throwing: end)
        } else if !inbound.isEmpty {
            reader.resume(throwing: Status(.internal, "a message is truncated"))
        } else {
            reader.resume(returning: [])
        }
    }

    /// What cannot be read outdoes any end that came after it.
    private func fail(_ status: Status) {
        end = status
        onFailure?(status)
    }

    private func giveCredit(isWaiting: Bool) {
        let credit = inbound.credit(isWaiting: isWaiting)
        if credit > 0 { onCredit?(credit) }
    }

    /// Nothing more is told to anybody; breaks the callbacks' hold on the call.
    func detach() {
        (onCredit, onFailure) = (nil, nil)
    }
}
