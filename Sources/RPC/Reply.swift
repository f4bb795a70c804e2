public import NIOCore

/// The answer to a unary call, with its metadata; what a handler gives and a client gets.
public struct Reply: Sendable {
    public var message: ByteBuffer
    /// Whether the message is sent compressed, if the caller takes it so and it becomes shorter.
    public var isCompressed: Bool
    public var initialMetadata: Metadata
    public var trailingMetadata: Metadata

    public init(
        _ message: ByteBuffer,
        isCompressed: Bool = false,
        initialMetadata: Metadata = Metadata(),
        trailingMetadata: Metadata = Metadata()
    ) {
        self.message = message
        self.isCompressed = isCompressed
        self.initialMetadata = initialMetadata
        self.trailingMetadata = trailingMetadata
    }
}
