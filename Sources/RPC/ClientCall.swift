import HTTP
import NIOCore

/// One call of a client; loop-bound. It is made before there is a connection, and outlives a connection that refuses it.
///
/// What is written is kept until the server has answered, so that a call that the server has not looked at can be made
/// again on another connection: one message of any length, or messages of no more than 64 KiB.
final class ClientCall {
    let eventLoop: any EventLoop
    let inbox: MessageInbox
    let gate = WriteGate()
    /// Whether the call waits for a server that cannot be reached, rather than fail.
    let waitsForReady: Bool
    /// Called when the server has refused the call without looking at it, and it may be made again.
    var onRefused: (() -> Void)?
    /// What came with the status; nil before the end.
    private(set) var trailing: Metadata?

    private let head: RequestHead
    private let compression: Compression?
    private var exchange: ClientExchange?
    private var sent = Sent()
    private var requestEnded = false
    private var response: ResponseHead?
    /// Nil for a call that ends with its head, or is not answered in gRPC.
    private var initial: Metadata?
    private var end: Status?
    private var attempts = 0
    private var timer: Scheduled<Void>?
    private var headWaiters: [CheckedContinuation<Metadata, any Error>] = []

    /// How often a call is made, if it is refused.
    private static let maxAttempts = 3

    /// What may have to be sent again.
    private struct Sent {
        private(set) var messages: [ByteBuffer] = []
        private(set) var size = 0
        private(set) var isComplete = true

        mutating func append(_ message: ByteBuffer) {
            size += message.readableBytes
            messages.append(message)
        }

        /// Keeps no more than is bearable; a call that lost something cannot be made again.
        mutating func trim() {
            guard messages.count > 1, size > 64 * 1024 else { return }
            drop()
        }

        mutating func drop() {
            messages = []
            isComplete = false
        }
    }

    init(
        _ head: RequestHead,
        compression: Compression?,
        limit: Int,
        timeout: Duration?,
        waitsForReady: Bool,
        eventLoop: any EventLoop
    ) {
        self.head = head
        self.compression = compression
        self.waitsForReady = waitsForReady
        self.eventLoop = eventLoop
        inbox = MessageInbox(limit: limit)
        inbox.onCredit = { self.exchange?.consume($0) }
        inbox.onFailure = { self.finish($0) }
        guard let timeout else { return }
        timer = eventLoop.assumeIsolated().scheduleTask(in: GRPCTimeout.amount(timeout)) {
            self.finish(.deadlinePassed)
        }
    }

    var hasEnded: Bool { end != nil }

    /// Makes the call on a connection; false when that takes none.
    func begin(on client: HTTP2Client) -> Bool {
        guard !hasEnded else { return true }
        exchange = client.send(head) { exchange in
            exchange.onHead = { self.received($0) }
            exchange.onData = { self.received($0) }
            exchange.onEnd = { self.receivedEnd($0) }
            exchange.onWritable = { self.gate.open() }
            exchange.onClose = { self.closed($0) }
        }
        guard let exchange else { return false }
        attempts += 1
        for message in sent.messages { exchange.write(message) }
        sent.trim()
        if requestEnded { exchange.finish() }
        if exchange.isWritable { gate.open() }
        return true
    }

    /// Ends the caller's side.
    func endRequest() {
        guard !requestEnded else { return }
        requestEnded = true
        exchange?.finish()
    }

    func cancel() {
        finish(Status(.cancelled, "the call was cancelled"))
    }

    /// Waits for the initial metadata; fails with the status of a call that ends without.
    func initialMetadata(_ waiter: CheckedContinuation<Metadata, any Error>) {
        headWaiters.append(waiter)
        resumeHeadWaiters()
    }

    private func resumeHeadWaiters() {
        guard initial != nil || end != nil else { return }
        let waiters = headWaiters
        headWaiters = []
        for waiter in waiters {
            if initial == nil, let end, end.code != .ok {
                waiter.resume(throwing: end)
            } else {
                waiter.resume(returning: initial ?? Metadata())
            }
        }
    }
}

// MARK: - Sending

extension ClientCall: MessageSink {
    var isWritable: Bool { refusal == nil && (exchange?.isWritable ?? (sent.size < 64 * 1024)) }

    var refusal: Status? {
        guard let end else { return requestEnded ? Status(.failedPrecondition, "the request has ended") : nil }
        return end.code == .ok ? Status(.cancelled, "the server has ended the call") : end
    }

    func send(_ message: ByteBuffer, isCompressed: Bool) {
        let framed = Framing.frame(message, compression: isCompressed ? compression : nil)
        if response == nil, sent.isComplete { sent.append(framed) }
        guard let exchange else { return }
        exchange.write(framed)
        sent.trim()
    }
}

// MARK: - What the connection reports

extension ClientCall {
    private func received(_ head: ResponseHead) {
        response = head
        sent.drop()
        guard isGRPC else { return }
        do throws(Status) {
            inbox.expect(try Compression.named(head.headers["grpc-encoding"]))
        } catch {
            return finish(Status(.internal, error.message))
        }
        // A head that is trailers as well is followed by its end, which tells everything.
        guard head.headers["grpc-status"] == nil else { return }
        initial = Metadata(head.headers)
        resumeHeadWaiters()
    }

    private func received(_ bytes: ByteBuffer) {
        if end == nil, isGRPC { inbox.receive(bytes) } else { exchange?.consume(bytes.readableBytes) }
    }

    private func receivedEnd(_ trailers: HTTPHeaders?) {
        if requestEnded { exchange = nil }
        let last = trailers ?? HTTPHeaders()
        if let status = Status(trailers: last) ?? response.flatMap({ Status(trailers: $0.headers) }) {
            finish(status)
        } else if let response, !isGRPC {
            finish(Status(httpStatus: response.status))
        } else {
            finish(Status(.unknown, "the response has no grpc-status"))
        }
    }

    private var isGRPC: Bool {
        response?.status == 200 && response?.headers["content-type"]?.hasPrefix("application/grpc") ?? false
    }

    private func closed(_ reason: CloseReason) {
        exchange = nil
        switch reason {
        case .completed: finish(Status(.unknown, "the response has no grpc-status"))
        case .disconnected: finish(Status(.unavailable, "the connection was lost"))
        case .reset(let code): wasReset(code)
        }
    }

    /// REFUSED_STREAM says that the server did nothing (RFC 9113 section 8.7); a GOAWAY that leaves this stream out,
    /// which arrives here as the same, too.
    private func wasReset(_ code: UInt32) {
        let isRefused = code == 0x7 && end == nil && sent.isComplete && attempts < Self.maxAttempts
        if isRefused, let onRefused { onRefused() } else { finish(Status(resetCode: code)) }
    }

    /// Notes the end; the first one counts. It is told after the messages that came before it.
    func finish(_ status: Status) {
        guard end == nil else { return }
        end = status
        trailing = status.metadata
        timer?.cancel()
        timer = nil
        sent.drop()
        resumeHeadWaiters()
        // Nil when the stream has come to its end by itself.
        exchange?.reset()
        exchange = nil
        inbox.finish(status)
        inbox.detach()
        gate.open()
        onRefused = nil
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
