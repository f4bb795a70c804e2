import HTTP
import NIOCore

/// One call of a client; loop-bound. It keeps the messages that came until they are asked for, and lets the server send
/// more only then.
final class ClientCall {
    typealias Batch = CheckedContinuation<[ByteBuffer], any Error>

    let eventLoop: any EventLoop
    private var exchange: ClientExchange?
    private var deframer: MessageDeframer
    private var messages: [ByteBuffer] = []
    /// Bytes received that the server has not been given credit for again.
    private var owed = 0
    private var kept = 0
    /// The end, once it is known; it is handed over after the messages before it.
    private var end: Status?
    private var responseHead: ResponseHead?
    private var reader: Batch?
    private var timer: Scheduled<Void>?

    /// Bytes of messages that are kept before the server has to wait.
    private static let window = 64 * 1024

    init(eventLoop: any EventLoop, limit: Int) {
        self.eventLoop = eventLoop
        deframer = MessageDeframer(limit: limit)
    }

    /// Sends the request; false when the connection takes none.
    func start(_ head: RequestHead, _ message: ByteBuffer, timeout: Duration?, on client: HTTP2Client) -> Bool {
        exchange = client.send(head) { exchange in
            exchange.onHead = { self.received($0) }
            exchange.onData = { self.received($0) }
            exchange.onEnd = { self.receivedEnd($0) }
            exchange.onClose = { self.closed($0) }
        }
        guard let exchange else { return false }
        exchange.write(message)
        exchange.finish()
        if let timeout {
            let nanoseconds = Int64(clamping: Int(timeout / .nanoseconds(1)))
            timer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(nanoseconds)) {
                self.finish(Status(.deadlineExceeded, "the deadline has passed"))
            }
        }
        return true
    }

    /// Hands over every message there is, or waits for one; an empty batch is the successful end.
    func next(_ reader: Batch) {
        self.reader?.resume(returning: [])
        self.reader = reader
        handOver()
    }

    func cancel() {
        finish(Status(.cancelled, "the call was cancelled"))
    }

    private func received(_ head: ResponseHead) {
        responseHead = head
        do throws(Status) {
            if isGRPC { deframer.compression = try Compression.named(head.headers["grpc-encoding"]) }
        } catch {
            finish(Status(.internal, error.message))
        }
    }

    private func received(_ bytes: ByteBuffer) {
        guard end == nil, isGRPC else {
            exchange?.consume(bytes.readableBytes)
            return
        }
        owed += bytes.readableBytes
        deframer.append(bytes)
        do throws(Status) {
            while let message = try deframer.next() {
                kept += message.bytes.readableBytes
                messages.append(message.bytes)
            }
        } catch {
            finish(error)
        }
        handOver()
        if kept < Self.window { consume() }
    }

    private func receivedEnd(_ trailers: HTTPHeaders?) {
        exchange = nil
        let status = trailers.flatMap(Status.init(trailers:)) ?? responseHead.flatMap { Status(trailers: $0.headers) }
        if let status, status.code == .ok, deframer.count > 0 {
            finish(Status(.internal, "a message is truncated"))
        } else if let status {
            finish(status)
        } else if let responseHead, !isGRPC {
            finish(Status(httpStatus: responseHead.status))
        } else {
            finish(Status(.unknown, "the response has no grpc-status"))
        }
    }

    private var isGRPC: Bool {
        responseHead?.status == 200
            && responseHead?.headers["content-type"]?.hasPrefix("application/grpc") ?? false
    }

    private func closed(_ reason: CloseReason) {
        exchange = nil
        switch reason {
        case .completed: finish(Status(.unknown, "the response has no grpc-status"))
        case .disconnected: finish(Status(.unavailable, "the connection was lost"))
        case .reset(let code): finish(Status(resetCode: code))
        }
    }

    /// Notes the end; the first one counts.
    private func finish(_ status: Status) {
        guard end == nil else { return }
        end = status
        timer?.cancel()
        timer = nil
        // Nil when the stream has come to its end by itself.
        exchange?.reset()
        handOver()
    }

    private func handOver() {
        guard let reader, !messages.isEmpty || end != nil else { return }
        self.reader = nil
        if messages.isEmpty, let end, end.code != .ok { return reader.resume(throwing: end) }
        let batch = messages
        messages = []
        kept = 0
        consume()
        reader.resume(returning: batch)
    }

    private func consume() {
        exchange?.consume(owed)
        owed = 0
    }
}

extension Status {
    /// What a reset stream means to a caller (gRPC HTTP/2 protocol, "HTTP2 Transport Mapping", Errors).
    init(resetCode: UInt32) {
        switch resetCode {
        case 0x7: self.init(.unavailable, "the server refused the stream")
        case 0x8: self.init(.cancelled, "the server cancelled the stream")
        case 0xB: self.init(.resourceExhausted, "the server asks for calm")
        case 0xC: self.init(.permissionDenied, "the connection is not secure enough")
        case _: self.init(.internal, "the stream was reset with code \(resetCode)")
        }
    }
}
