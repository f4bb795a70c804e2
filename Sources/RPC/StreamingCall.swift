import HTTP
import Logging
import NIOCore

/// One call of an asynchronous streaming handler; loop-bound, held by its exchange.
///
/// The handler's task starts on the event loop and is cancelled when the call ends without it.
final class StreamingCall {
    typealias Handler = @Sendable (CallContext, RequestMessages, ResponseWriter) async throws -> Void

    let eventLoop: any EventLoop
    let gate = WriteGate()
    private let exchange: Exchange
    private let stream: ServerStream
    private let inbox: MessageInbox
    private let logger: Logger
    private var trailing = Metadata()
    private var task: Task<Void, Never>?
    private var isOver = false

    init(_ exchange: Exchange, _ options: CallOptions, limit: Int, logger: Logger) {
        self.exchange = exchange
        self.logger = logger
        eventLoop = exchange.eventLoop
        stream = ServerStream(exchange, options)
        inbox = MessageInbox(limit: limit, compression: options.compression)
    }

    func start(_ context: CallContext, _ handler: @escaping Handler) {
        stream.onClose = { self.stop() }
        stream.onWritable = { self.gate.open() }
        inbox.onCredit = { [exchange] in exchange.consume($0) }
        inbox.onFailure = { [stream] in stream.abort($0) }
        exchange.readBody { [inbox] in
            inbox.receive($0)
        } onEnd: { [inbox] result in
            if case .success = result { inbox.finish(.ok) }
        }
        let requests = RequestMessages(inbox, eventLoop: eventLoop)
        let responses = ResponseWriter(self)
        let call = NIOLoopBound(self, eventLoop: eventLoop)
        task = eventLoop.begin {
            try await handler(context, requests, responses)
        } then: { result in
            call.value.finish(result)
        }
        if isOver { task = nil }
    }

    /// The handler has ended.
    private func finish(_ result: Result<Void, any Error>) {
        guard !isOver else { return }
        var status = Status.ok
        if case .failure(let error) = result {
            status = Status(answering: error, path: exchange.request.path, logger: logger)
        }
        stream.finish(status, trailing: trailing)
        stop()
    }

    /// Whoever waits for the other side is told that there is nothing to wait for.
    private func stop() {
        guard !isOver else { return }
        isOver = true
        task?.cancel()
        task = nil
        inbox.finish(Status(.cancelled, "the call is over"))
        inbox.detach()
        gate.open()
    }
}

extension StreamingCall: MessageSink {
    var isWritable: Bool { stream.isWritable }
    var refusal: Status? { isOver ? Status(.cancelled, "the call is over") : nil }

    func send(_ message: ByteBuffer, isCompressed: Bool) {
        stream.send(message, isCompressed: isCompressed)
    }

    func begin(_ initial: Metadata, allowsCompression: Bool) {
        stream.start(initial, allowsCompression: allowsCompression)
    }

    func setTrailing(_ metadata: Metadata) {
        trailing = metadata
    }
}
