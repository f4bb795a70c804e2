import NIOCore

/// The messages that a caller streams, in order; read once, by one task.
///
/// It ends when the caller has sent its last message, and throws a ``Status`` when the call is over before that. A
/// handler that does not ask stops the caller, who may send 64 KiB ahead.
public struct RequestMessages: AsyncSequence, Sendable {
    public typealias Element = InboundMessage

    private let inbox: NIOLoopBound<MessageInbox>
    private let eventLoop: any EventLoop

    /// On the event loop.
    init(_ inbox: MessageInbox, eventLoop: any EventLoop) {
        self.inbox = NIOLoopBound(inbox, eventLoop: eventLoop)
        self.eventLoop = eventLoop
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(messages: self)
    }

    /// Messages, at least one; none at the end.
    fileprivate func next() async throws -> [InboundMessage] {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if eventLoop.inEventLoop { return inbox.value.next(continuation) }
                eventLoop.execute { [inbox] in inbox.value.next(continuation) }
            }
        } onCancel: {
            eventLoop.execute { [inbox] in inbox.value.finish(Status(.cancelled, "the reading task was cancelled")) }
        }
    }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let messages: RequestMessages
        private var batch: ArraySlice<InboundMessage> = []
        private var hasEnded = false

        fileprivate init(messages: RequestMessages) {
            self.messages = messages
        }

        public mutating func next() async throws -> InboundMessage? {
            guard !hasEnded else { return nil }
            if batch.isEmpty { batch = try await messages.next()[...] }
            hasEnded = batch.isEmpty
            return batch.popFirst()
        }
    }
}
