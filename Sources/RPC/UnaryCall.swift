import HTTP
import Logging
public import NIOCore

/// What an asynchronous handler answers a unary call with.
public struct Reply: Sendable {
    public var message: ByteBuffer
    public var initialMetadata: Metadata
    public var trailingMetadata: Metadata
    /// Whether the message is sent compressed, if the caller takes it so and it becomes shorter.
    public var isCompressed: Bool

    public init(
        _ message: ByteBuffer,
        isCompressed: Bool = false,
        initialMetadata: Metadata = Metadata(),
        trailingMetadata: Metadata = Metadata()
    ) {
        self.message = message
        self.isCompressed = isCompressed
        self.initialMetadata = initialMetadata
        self.trailingMetadata = trailingMetadata
    }
}

/// Receives the one message of a call and hands it on when the caller has ended its side.
///
/// Loop-bound; held by the exchange it reads from. The shared first half of unary and server-streaming calls.
final class SingleMessageReader {
    private let exchange: Exchange
    private var deframer: MessageDeframer
    private var message: InboundMessage?
    private var completion: ((Result<InboundMessage, Status>) -> Void)?

    private init(
        _ exchange: Exchange,
        _ deframer: MessageDeframer,
        _ completion: @escaping (Result<InboundMessage, Status>) -> Void
    ) {
        self.exchange = exchange
        self.completion = completion
        self.deframer = deframer
    }

    /// Calls `completion` once, with the message or with what is wrong with the request; not at all if it breaks off.
    static func read(
        _ exchange: Exchange,
        _ deframer: MessageDeframer,
        _ completion: @escaping (Result<InboundMessage, Status>) -> Void
    ) {
        let reader = SingleMessageReader(exchange, deframer, completion)
        exchange.readBody(onData: reader.receive, onEnd: reader.end)
    }

    private func receive(_ bytes: ByteBuffer) {
        guard completion != nil else { return }
        exchange.consume(bytes.readableBytes)
        deframer.append(bytes)
        do throws(Status) {
            while let next = try deframer.next() {
                guard message == nil else { throw Status(.internal, "more than one message for a call that takes one") }
                message = next
            }
        } catch {
            complete(.failure(error))
        }
    }

    private func end(_ result: Result<Void, BodyError>) {
        guard case .success = result else {
            completion = nil
            return
        }
        if deframer.count > 0 {
            complete(.failure(Status(.internal, "the message is truncated")))
        } else if let message {
            complete(.success(message))
        } else {
            complete(.failure(Status(.internal, "a message is missing")))
        }
    }

    private func complete(_ result: Result<InboundMessage, Status>) {
        completion.take()?(result)
    }
}

/// One unary call on the server, from the request's message to the reply; loop-bound, held by its exchange.
///
/// An asynchronous handler starts on the event loop itself and, if it never suspends, is through before the loop goes
/// on. It is cancelled when the call ends without it: by a reset, a lost connection, or the deadline.
final class UnaryCall {
    typealias Handler = @Sendable (ByteBuffer, CallContext) async throws -> Reply

    private let exchange: Exchange
    private var context: CallContext
    private let handler: Handler
    private let logger: Logger
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    private var isDone = false

    init(_ exchange: Exchange, _ context: CallContext, logger: Logger, handler: @escaping Handler) {
        self.exchange = exchange
        self.context = context
        self.logger = logger
        self.handler = handler
    }

    func start(limit: Int) {
        exchange.onClose = { _ in self.stop() }
        if let deadline = context.deadline {
            timer = exchange.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                self.finish(.failure(Status(.deadlineExceeded, "the deadline has passed")))
            }
        }
        SingleMessageReader.read(exchange, MessageDeframer(limit: limit, compression: context.compression)) { result in
            switch result {
            case .success(let message): self.run(message)
            case .failure(let status): self.finish(.failure(status))
            }
        }
    }

    private func run(_ message: InboundMessage) {
        guard !isDone else { return }
        context.requestWasCompressed = message.wasCompressed
        let (handler, context, eventLoop) = (self.handler, self.context, exchange.eventLoop)
        let call = NIOLoopBound(self, eventLoop: eventLoop)
        task = Task.immediate {
            let result: Result<Reply, any Error>
            do {
                result = .success(try await handler(message.bytes, context))
            } catch {
                result = .failure(error)
            }
            if eventLoop.inEventLoop {
                call.value.finish(result)
            } else {
                eventLoop.execute { call.value.finish(result) }
            }
        }
        if isDone { task = nil }
    }

    private func finish(_ result: Result<Reply, any Error>) {
        guard !isDone else { return }
        stop()
        switch result {
        case .success(let reply):
            let compression = reply.isCompressed ? exchange.acceptedCompression : nil
            exchange.startCall(reply.initialMetadata, compression: compression)
            exchange.writeMessage(reply.message, compression: compression)
            exchange.finishCall(.ok, trailing: reply.trailingMetadata)
        case .failure(let error):
            exchange.finishCall(Status(answering: error, path: context.path, logger: logger))
        }
    }

    /// Nothing more is to be answered.
    private func stop() {
        isDone = true
        task?.cancel()
        task = nil
        timer?.cancel()
        timer = nil
    }
}

extension Status {
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
