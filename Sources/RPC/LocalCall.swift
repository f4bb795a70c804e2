import HTTP
import Logging
import NIOCore

/// One unary call whose handler answers at once; loop-bound, held by its exchange until the request has ended.
final class LocalCall {
    typealias Handler = @Sendable (ByteBuffer, CallContext) throws -> ByteBuffer

    private let exchange: Exchange
    private let options: CallOptions
    private let handler: Handler
    private let logger: Logger
    private var request: SingleMessage
    private var timer: Scheduled<Void>?

    init(_ exchange: Exchange, _ options: CallOptions, limit: Int, logger: Logger, handler: @escaping Handler) {
        self.exchange = exchange
        self.options = options
        self.handler = handler
        self.logger = logger
        request = SingleMessage(limit: limit, compression: options.compression)
    }

    func start() {
        if options.deadline != nil {
            timer = exchange.schedule(options.deadline) { self.exchange.finishCall(.deadlinePassed) }
            exchange.onClose = { _ in self.timer?.cancel() }
        }
        exchange.readBody(onData: { self.receive($0) }, onEnd: { self.receiveEnd($0) })
    }

    private func receive(_ bytes: ByteBuffer) {
        exchange.consume(bytes.readableBytes)
        guard !exchange.hasResponded else { return }
        do throws(Status) {
            try request.append(bytes)
        } catch {
            exchange.finishCall(error)
        }
    }

    private func receiveEnd(_ result: Result<Void, BodyError>) {
        guard case .success = result, !exchange.hasResponded else { return }
        do {
            let message = try request.end()
            let context = CallContext(exchange.request, options, requestWasCompressed: message.wasCompressed)
            let reply = try handler(message.bytes, context)
            exchange.startCall()
            exchange.writeMessage(reply)
            exchange.finishCall(.ok)
        } catch {
            exchange.finishCall(Status(answering: error, path: exchange.request.path, logger: logger))
        }
    }
}
