internal import Logging
internal import Messages
internal import NIOCore
internal import RPC
internal import Store

extension MethodRouter {
    /// The gRPC side of every endpoint.
    init(_ endpoints: [Endpoint], fanouts: Fanouts, maxMessageBytes: Int, logger: Logger) {
        self.init(logger: logger, maxMessageBytes: maxMessageBytes)
        for endpoint in endpoints {
            switch endpoint.handler {
            case .unary(let handler):
                unaryWithMetadata(endpoint.method.path) { message, context in
                    do {
                        let reply = try await handler(message, Caller(context))
                        return Reply(
                            ByteBuffer(bytes: reply.message),
                            initialMetadata: reply.isReplay ? Metadata([Endpoint.Reply.replayMark]) : Metadata()
                        )
                    } catch {
                        throw Status(logging: error, of: endpoint.method, logger)
                    }
                }
            case .streaming(let handler):
                serverStreaming(endpoint.method.path) { message, context, stream in
                    handler(message, Caller(context), GRPCSink(stream), fanouts.fanout(on: stream.eventLoop))
                }
            }
        }
    }
}

extension Caller {
    init(_ context: CallContext) {
        self.init(
            idempotencyKey: context.metadata["idempotency-key"],
            lastEventID: context.metadata["last-event-id"],
            tenant: context.metadata["x-tenant"] ?? Store.commonTenant
        )
    }
}

extension Status {
    /// What the client is told, and the log where the client is told nothing.
    init(logging error: any Error, of method: Method, _ logger: Logger) {
        self.init(error)
        if code == .internal {
            logger.error("a call failed", metadata: ["method": "\(method.path)", "error": "\(error)"])
        }
    }
}

/// A viewer's gRPC stream.
final class GRPCSink: EventSink {
    private let stream: ServerStream
    private(set) var isOver = false
    var observer: (any EventSinkObserver)?

    /// The stream holds the sink until it has ended.
    init(_ stream: ServerStream) {
        self.stream = stream
        stream.onWritable = { self.observer?.sinkBecameWritable() }
        stream.onClose = {
            self.isOver = true
            self.observer?.sinkClosed()
        }
        stream.onDrain = {
            self.isOver = true
            self.observer?.sinkDrains()
        }
    }

    var isWritable: Bool { stream.isWritable }

    func begin() { stream.start() }
    func send(_ item: StreamItem) { stream.send(framed: item.grpcFrame) }
    func finish(_ error: StoreError?) { stream.finish(error.map { Status($0) } ?? .ok) }
}
