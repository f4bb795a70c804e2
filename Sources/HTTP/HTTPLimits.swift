import NIOCore

/// What one listening port allows its peers. Every value is a bound on memory or on time.
public struct HTTPLimits: Sendable, Equatable {
    /// Connections open at once; one more is accepted and closed at once. Default 20,000.
    public var maxConnections = 20_000
    /// Streams open at once on one HTTP/2 connection; one more is refused. Default 256.
    public var maxConcurrentStreams = 256
    /// Bytes of a decoded header list, each field counted with 32 bytes more (RFC 9113 section 6.5.2). Default 16 KiB.
    public var maxHeaderListBytes = 16 * 1024
    /// Header fields of one message. Default 100.
    public var maxHeaderCount = 100
    /// Bytes of an HTTP/1 request target. Default 8 KiB.
    public var maxRequestLineBytes = 8 * 1024
    /// Bytes of requests that are not complete, on all connections of one event loop together; the request that exceeds it
    /// is refused. Default 64 MiB.
    public var maxUnfinishedBytes = 64 * 1024 * 1024
    /// From a connection's opening to its first complete request line or HTTP/2 preface. Default 10 s.
    public var prefaceTimeout = Duration.seconds(10)
    /// From the first byte of an HTTP/1 request to the end of its header. Default 15 s.
    public var headerTimeout = Duration.seconds(15)
    /// Bytes a second of an HTTP/1 request's body, on average over ``headerTimeout``; a slower one is cut off. Default 100.
    public var minBodyRate = 100
    /// An exchange ends when for this long nothing arrives of a request that has no response yet, or nothing of a
    /// response can be sent; sooner on a connection that leaves more than 4 MiB of responses unread. A connection of HTTP/2
    /// whose socket takes nothing for so long is closed. Default 60 s.
    public var stallTimeout = Duration.seconds(60)
    /// A connection without an exchange for this long is closed. Default 5 min.
    public var idleTimeout = Duration.seconds(300)
    /// When an HTTP/2 peer from which nothing arrives is asked whether it is there; nil: never. Default: after 60 s, and
    /// its connection closed after 20 s more.
    public var keepAlive: KeepAlive? = KeepAlive(time: .seconds(60), includesIdle: true)
    /// Frames of each kind that an HTTP/2 peer may send for nothing; see `FloodGuard`. Default 1,000.
    public var floodBurst = 1_000
    /// Streams that an HTTP/2 peer may reset at once, and then in a second. Default 1,000 and 33.
    public var resetBurst = 1_000
    public var resetsPerSecond = 33
    /// CONTINUATION frames of one header list. Default 8.
    public var maxContinuations = 8
    /// Acknowledgements of SETTINGS and PING that may wait to be sent to a peer that does not read. Default 1,000.
    public var maxQueuedAcknowledgements = 1_000

    public init() {}
}

extension HTTPLimits {
    /// Unsent bytes at which a stream stops being writable.
    static let streamWriteAhead = 64 * 1024
    /// The same on a connection whose streams together have more unsent than ``crowdedConnection``.
    static let crowdedStreamWriteAhead = 16 * 1024
    static let crowdedConnection = 512 * 1024
    /// Unsent bytes of a connection beyond which it gets less time to read.
    static let connectionWriteAhead = 4 * 1024 * 1024
    /// For so long a peer may read what was sent last, after everything is.
    static let lingerTime = TimeAmount.seconds(2)
    /// Bytes of a body that a peer may send before they are consumed.
    static let readAhead = 64 * 1024
}
