public import NIOCore

/// Sends the messages of a call whose caller streams.
public struct RequestWriter: Sendable {
    private let handle: ClientCallHandle

    init(_ handle: ClientCallHandle) {
        self.handle = handle
    }

    /// Sends a message, and returns when there is room for another: when less than 64 KiB wait for the server.
    ///
    /// - Parameter isCompressed: whether to compress it, if the channel does and it becomes shorter.
    /// - Throws: the ``Status`` that ended the call; `CancellationError` when the task is cancelled.
    public func write(_ message: ByteBuffer, isCompressed: Bool = true) async throws {
        try await handle.outlet.write(message, isCompressed: isCompressed)
    }

    /// Ends the caller's side. What the server sends can still be read.
    public func finish() async throws {
        try await handle.outlet.perform { $0.endRequest() }
    }
}

/// A call in which both sides stream, each as it likes.
public struct BidirectionalCall: Sendable {
    public let requests: RequestWriter
    public let responses: RPCResponseStream
}
