public import NIOCore

/// Sends the answers of a streaming call, from the task of its handler. The call ends with the handler.
public struct ResponseWriter: Sendable {
    private let outlet: MessageOutlet<StreamingCall>

    init(_ call: StreamingCall) {
        outlet = MessageOutlet(call, eventLoop: call.eventLoop)
    }

    /// Sends the initial metadata now, rather than before the first message.
    ///
    /// - Parameter allowsCompression: whether messages may be compressed afterwards, if the caller takes them so.
    /// - Throws: ``Status`` CANCELLED when the call is over.
    public func start(_ initial: Metadata = Metadata(), allowsCompression: Bool = false) async throws {
        try await outlet.perform { call in
            if let refusal = call.refusal { throw refusal }
            call.begin(initial, allowsCompression: allowsCompression)
        }
    }

    /// Sends a message, and returns when there is room for another: when less than 64 KiB wait for the caller.
    ///
    /// - Parameter isCompressed: whether to compress it, where that was allowed at the start and makes it shorter.
    /// - Throws: ``Status`` CANCELLED when the call is over; `CancellationError` when the task is.
    public func write(_ message: ByteBuffer, isCompressed: Bool = false) async throws {
        try await outlet.write(message, isCompressed: isCompressed)
    }

    /// Sets what is sent with the status, when the handler returns.
    ///
    /// - Throws: ``Status`` CANCELLED when the call is over.
    public func setTrailingMetadata(_ metadata: Metadata) async throws {
        try await outlet.perform { call in
            if let refusal = call.refusal { throw refusal }
            call.setTrailing(metadata)
        }
    }
}
