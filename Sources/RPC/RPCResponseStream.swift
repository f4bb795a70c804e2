public import NIOCore

/// The messages that a server streams, in order; read once.
///
/// It ends when the server ended the call with OK, and throws its ``Status`` otherwise. A reader that stops asking
/// stops the server, by HTTP/2 flow control. Cancelling the reading task, or letting go of the stream, its iterator and
/// the call's ``RequestWriter``, cancels the call.
public struct RPCResponseStream: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer

    private let handle: ClientCallHandle

    init(_ handle: ClientCallHandle) {
        self.handle = handle
    }

    /// The metadata that precedes the messages, as soon as it has arrived.
    ///
    /// - Throws: the ``Status`` of a call that ended without any.
    public func initialMetadata() async throws -> Metadata {
        try await handle.initialMetadata()
    }

    /// The metadata that came with the status; empty before the call has ended.
    public func trailingMetadata() async throws -> Metadata {
        try await handle.trailingMetadata() ?? Metadata()
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(handle: handle)
    }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let handle: ClientCallHandle
        private var batch: ArraySlice<InboundMessage> = []
        private var hasEnded = false

        fileprivate init(handle: ClientCallHandle) {
            self.handle = handle
        }

        public mutating func next() async throws -> ByteBuffer? {
            guard !hasEnded else { return nil }
            if batch.isEmpty { batch = try await handle.next()[...] }
            hasEnded = batch.isEmpty
            return batch.popFirst()?.bytes
        }
    }
}
