import HTTP
import Logging
import NIOCore

/// One unary call on the server, from the request's message to the reply; loop-bound, held by its exchange.
///
/// An asynchronous handler starts on the event loop itself and, if it never suspends, is through before the loop goes
/// on. It is cancelled when the call ends without it: by a reset, a lost connection, or the deadline.
final class UnaryCall {
    enum Handler {
        /// Has its reply at once.
        case local(MethodRouter.LocalHandler)
        case task(MethodRouter.UnaryHandler)
    }

    private let exchange: Exchange
    private let options: CallOptions
    private let handler: Handler
    private let logger: Logger
    private var request: SingleMessage
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    private var isDone = false

    init(_ exchange: Exchange, _ options: CallOptions, limit: Int, logger: Logger, handler: Handler) {
        self.exchange = exchange
        self.options = options
        self.logger = logger
        self.handler = handler
        request = SingleMessage(limit: limit, compression: options.compression)
    }

    func start() {
        exchange.onClose = { _ in self.closed() }
        timer = exchange.schedule(options) { self.finish(.failure(Status.deadlinePassed)) }
        exchange.readBody(isKept: true, onData: { self.receive($0) }, onEnd: { self.receiveEnd($0) })
    }

    private func receive(_ bytes: ByteBuffer) {
        exchange.consume(bytes.readableBytes)
        guard !isDone else { return }
        do throws(Status) {
            try request.append(bytes)
        } catch {
            finish(.failure(error))
        }
    }

    private func receiveEnd(_ result: Result<Void, BodyError>) {
        guard !isDone else { return }
        do throws(Status) {
            guard try Status.check(result) else { return }
            run(try request.end())
        } catch {
            finish(.failure(error))
        }
    }

    private func run(_ message: InboundMessage) {
        let context = CallContext(exchange.request, options, requestWasCompressed: message.wasCompressed)
        switch handler {
        case .local(let handler):
            finish(Result { Reply(try message.bytes.withUnsafeReadableBytes { try handler($0.bytes, context) }) })
        case .task(let handler):
            let call = NIOLoopBound(self, eventLoop: exchange.eventLoop)
            task = exchange.eventLoop.begin {
                try await handler(message.bytes, context)
            } then: { result in
                call.value.finish(result)
            }
            if isDone { task = nil }
        }
    }

    private func finish(_ result: Result<Reply, any Error>) {
        guard !isDone else { return }
        stop()
        switch result {
        case .success(let reply):
            exchange.finishCall(reply)
        case .failure(let error):
            exchange.finishCall(Status(answering: error, path: exchange.request.path, logger: logger))
        }
    }

    private func closed() {
        stop()
        timer?.cancel()
        timer = nil
    }

    /// Nothing more is to be answered.
    private func stop() {
        isDone = true
        task?.cancel()
        task = nil
    }
}

extension Status {
    /// Whether a request has come to its end; false where there is nobody left to answer.
    ///
    /// - Throws: what the caller of an unfinished one is told.
    static func check(_ end: Result<Void, BodyError>) throws(Status) -> Bool {
        switch end {
        case .success: true
        case .failure(.exhausted): throw Status(.resourceExhausted, "too many requests are unfinished")
        case .failure(.tooLarge), .failure(.malformed), .failure(.disconnected): false
        }
    }

    /// What a caller is told of an error: a status as it is, and of anything else only that it happened.
    init(answering error: any Error, path: String, logger: Logger) {
        if let status = error as? Status {
            self = status
        } else if error is CancellationError {
            self.init(.cancelled, "the call was cancelled")
        } else {
            logger.error("a handler failed", metadata: ["path": "\(path)", "error": "\(error)"])
            self.init(.internal, "internal error")
        }
    }
}
