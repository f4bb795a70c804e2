/// Why a body could not be read to its end.
public enum BodyError: Error, Sendable, Equatable {
    /// The body, declared or received, is longer than the reader's limit in bytes. Nothing more of it is read.
    case tooLarge(limit: Int)
    /// All requests of its event loop that are not complete hold as much as they may together; see
    /// ``HTTPLimits/maxUnfinishedBytes``. Nothing more of it is read.
    case exhausted
    /// The peer broke the framing of the body; the text says how.
    case malformed(String)
    /// The stream or the connection ended before the body did.
    case disconnected
}

/// How an exchange ended.
public enum CloseReason: Sendable, Equatable {
    /// Request and response were transferred entirely.
    case completed
    /// The HTTP/2 stream was reset, by either side, with this error code (RFC 9113 section 7).
    case reset(UInt32)
    /// The connection was lost, or ended before the exchange did.
    case disconnected
}
