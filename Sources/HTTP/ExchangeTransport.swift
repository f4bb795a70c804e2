import NIOCore

/// The connection beneath an ``Exchange``, as far as the exchange uses it. Loop-bound.
///
/// An enumeration rather than a protocol: there are two, and a call through it is a direct one.
enum ExchangeTransport {
    case http1(HTTP1Connection)
    /// Its connection holds a stream until that is closed, and then the exchange is, too.
    case http2(Unmanaged<HTTP2Stream>)

    /// Whether fewer bytes wait to be sent than may wait.
    var isWritable: Bool {
        switch self {
        case .http1(let connection): connection.isWritable
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.isWritable }
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
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.bodyConsumed(count) }
        }
    }

    /// Counts what the peer is refused.
    func note(_ refusal: Refusal) {
        switch self {
        case .http1(let connection): connection.note(refusal)
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.connection?.note(refusal) }
        }
    }

    /// Sends a head, and with `endsStream` nothing after it.
    func send(_ head: ResponseHead, contentLength: Int?, endsStream: Bool) {
        switch self {
        case .http1(let connection):
            connection.send(head, contentLength: contentLength, endsStream: endsStream)
        case .http2(let stream):
            stream._withUnsafeGuaranteedRef { $0.send(head, contentLength: contentLength, endsStream: endsStream) }
        }
    }

    /// Sends a head that a body follows.
    func send(_ head: PreparedHead) {
        switch self {
        case .http1(let connection): connection.send(head.head, contentLength: nil, endsStream: false)
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.send(head) }
        }
    }

    /// Queues a part of the body, and tells whether there is room for more.
    func send(_ bytes: ByteBuffer, after prefix: BytePrefix = BytePrefix()) -> Bool {
        switch self {
        case .http1(let connection):
            if prefix.count > 0 { connection.send(prefix.buffer) }
            if bytes.readableBytes > 0 { connection.send(bytes) }
            return connection.isWritable
        case .http2(let stream):
            return stream._withUnsafeGuaranteedRef { $0.send(bytes, after: prefix) }
        }
    }

    /// Asks the exchange's source from now on, or again, for what can leave.
    func pull() {
        switch self {
        case .http1(let connection): connection.pull()
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.pull() }
        }
    }

    func sendEnd(trailers: HTTPHeaders?) {
        switch self {
        case .http1(let connection): connection.sendEnd(trailers: trailers)
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.sendEnd(trailers: trailers) }
        }
    }

    func sendEnd(_ trailers: PreparedTrailers) {
        switch self {
        case .http1(let connection): connection.sendEnd(trailers: trailers.headers)
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.sendEnd(trailers) }
        }
    }

    /// Ends the exchange at once in both directions.
    func abort() {
        switch self {
        case .http1(let connection): connection.abort()
        case .http2(let stream): stream._withUnsafeGuaranteedRef { $0.abort() }
        }
    }
}
