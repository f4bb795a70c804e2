public import NIOCore

/// The messages of a server-streaming call, in order; read once.
///
/// It ends when the server ended the call with OK, and throws its ``Status`` otherwise. A reader that stops asking
/// stops the server, by HTTP/2 flow control. Cancelling the reading task, or letting go of the stream and its iterator,
/// cancels the call.
public struct RPCResponseStream: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer

    private let handle: Handle

    init(_ call: ClientCall) {
        handle = Handle(call)
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(handle: handle)
    }

    /// The call as seen from outside its event loop; its end is the end of everyone's interest in the call.
    final class Handle: Sendable {
        private let call: NIOLoopBound<ClientCall>
        private let eventLoop: any EventLoop

        init(_ call: ClientCall) {
            eventLoop = call.eventLoop
            self.call = NIOLoopBound(call, eventLoop: eventLoop)
        }

        deinit {
            eventLoop.execute { [call] in call.value.cancel() }
        }

        /// Messages, at least one; none at the end.
        func next() async throws -> [ByteBuffer] {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    eventLoop.execute { self.call.value.next(continuation) }
                }
            } onCancel: {
                eventLoop.execute { self.call.value.cancel() }
            }
        }
    }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let handle: Handle
        private var batch: ArraySlice<ByteBuffer> = []
        private var hasEnded = false

        fileprivate init(handle: Handle) {
            self.handle = handle
        }

        public mutating func next() async throws -> ByteBuffer? {
            guard !hasEnded else { return nil }
            if batch.isEmpty { batch = try await handle.next()[...] }
            hasEnded = batch.isEmpty
            return batch.popFirst()
        }
    }
}
