public import NIOCore

/// A message as it was received: its bytes, inflated if they came compressed.
public struct InboundMessage: Sendable {
    public var bytes: ByteBuffer
    /// Whether the peer had compressed it.
    public var wasCompressed: Bool

    init(_ bytes: ByteBuffer, wasCompressed: Bool) {
        self.bytes = bytes
        self.wasCompressed = wasCompressed
    }
}
