import NIOCore

/// Watches the raw bytes before the HTTP/1 parser: bounds the request line, notices a head that is left unfinished, and
/// lets nothing through once the connection has given its last answer.
final class RequestLineGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let limit: Int
    private unowned let connection: HTTP1Connection
    private var lineBytes = 0
    private var lineEnded = false

    init(limit: Int, connection: HTTP1Connection) {
        self.limit = limit
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard connection.acceptsInput else { return }
        if connection.awaitsHead, !lineEnded, !scanLine(unwrapInboundIn(data).readableBytesView) {
            return connection.receive(.failure(.targetTooLong))
        }
        let partsBefore = connection.partCount
        context.fireChannelRead(data)
        if connection.partCount != partsBefore {
            (lineBytes, lineEnded) = (0, false)
        } else if connection.awaitsHead {
            connection.headIsPending = true
        }
    }

    /// Counts towards the end of the line; false when it is too long.
    private func scanLine(_ bytes: ByteBufferView) -> Bool {
        if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
            lineBytes += end - bytes.startIndex
            lineEnded = lineBytes > 1  // an empty line may precede a request (RFC 9112 section 2.2)
        } else {
            lineBytes += bytes.count
        }
        return lineBytes <= limit
    }
}
