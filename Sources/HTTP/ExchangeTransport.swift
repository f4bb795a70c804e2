import NIOCore

/// What an ``Exchange`` asks of the connection beneath it: an HTTP/2 stream or an HTTP/1 connection. Loop-bound.
protocol ExchangeTransport: AnyObject {
    /// Whether fewer than the high mark of bytes wait to be sent.
    var isWritable: Bool { get }
    /// The body is wanted now; in HTTP/1 this sends the `100 Continue` that was expected.
    func bodyWanted()
    /// The reader is done with so many bytes of the body, and the peer may send as many more.
    func bodyConsumed(_ count: Int)
    /// Sends a head, and with `endsStream` nothing after it.
    func send(_ head: ResponseHead, endsStream: Bool)
    func send(_ bytes: ByteBuffer)
    func sendEnd(trailers: HTTPHeaders?)
    /// Ends the exchange at once in both directions.
    func abort()
}
