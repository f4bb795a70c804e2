import NIOCore

/// The connection beneath an ``Exchange``, as far as the exchange uses it. Loop-bound.
///
/// An enumeration rather than a protocol: there are two, and a call through it is a direct one.
enum ExchangeTransport {
    case http1(HTTP1Connection)
    case http2(HTTP2Stream)

    /// Whether fewer bytes wait to be sent than may wait.
    var isWritable: Bool {
        switch self {
        case .http1(let connection): connection.isWritable
        case .http2(let stream): stream.isWritable
        }
    }

    /// The body is wanted now; in HTTP/1 this sends the `100 Continue` that was expected.
    func bodyWanted() {
        switch self {
        case .http1(let connection): connection.bodyWanted()
        case .http2: break
        }
    }

    /// The reader is done with so many bytes of the body, and the peer may send as many more.
    func bodyConsumed(_ count: Int) {
        switch self {
        case .http1(let connection): connection.bodyConsumed(count)
        case .http2(let stream): stream.bodyConsumed(count)
        }
    }

    /// Sends a head, and with `endsStream` nothing after it.
    func send(_ head: ResponseHead, contentLength: Int?, endsStream: Bool) {
        switch self {
        case .http1(let connection): connection.send(head, contentLength: contentLength, endsStream: endsStream)
        case .http2(let stream): stream.send(head, contentLength: contentLength, endsStream: endsStream)
        }
    }

    /// Sends a head that a body follows.
    func send(_ head: PreparedHead) {
        switch self {
        case .http1(let connection): connection.send(head.head, contentLength: nil, endsStream: false)
        case .http2(let stream): stream.send(head)
        }
    }

    func send(_ bytes: ByteBuffer, after prefix: BytePrefix = BytePrefix()) {
        switch self {
        case .http1(let connection):
            if prefix.count > 0 { connection.send(prefix.buffer) }
            if bytes.readableBytes > 0 { connection.send(bytes) }
        case .http2(let stream):
            stream.send(bytes, after: prefix)
        }
    }

    func sendEnd(trailers: HTTPHeaders?) {
        switch self {
        case .http1(let connection): connection.sendEnd(trailers: trailers)
        case .http2(let stream): stream.sendEnd(trailers: trailers)
        }
    }

    func sendEnd(_ trailers: PreparedTrailers) {
        switch self {
        case .http1(let connection): connection.sendEnd(trailers: trailers.headers)
        case .http2(let stream): stream.sendEnd(trailers)
        }
    }

    /// Ends the exchange at once in both directions.
    func abort() {
        switch self {
        case .http1(let connection): connection.abort()
        case .http2(let stream): stream.abort()
        }
    }
}
