public import HTTP
public import Logging
public import NIOCore

/// The methods a server has, by their paths, and the way of a request to one of them.
///
/// A value: it is filled once and then shared by all event loops. Messages are bytes here; what they mean is for the
/// handlers. Every handler begins on the event loop of the call.
public struct MethodRouter: Sendable {
    typealias LocalHandler = @Sendable (RawSpan, CallContext) throws -> ByteBuffer
    typealias UnaryHandler = @Sendable (ByteBuffer, CallContext) async throws -> Reply

    enum Method: Sendable {
        case local(LocalHandler)
        case unary(UnaryHandler)
        case serverStreaming(@Sendable (ByteBuffer, CallContext, ServerStream) -> Void)
        case streaming(StreamingCall.Handler)
    }

    private var methods: [String: Method] = [:]
    private let logger: Logger
    private let maxMessageBytes: Int

    /// - Parameter maxMessageBytes: what a caller's message may have; a longer one fails with RESOURCE_EXHAUSTED.
    public init(logger: Logger, maxMessageBytes: Int = 4 * 1024 * 1024) {
        self.logger = logger
        self.maxMessageBytes = maxMessageBytes
    }

    /// A unary method that answers at once, without waiting for anything.
    public mutating func local(
        _ path: String,
        _ handler: @escaping @Sendable (RawSpan, CallContext) throws -> ByteBuffer
    ) {
        methods[path] = .local(handler)
    }

    /// A unary method. Its task is cancelled when the caller has gone or the deadline has passed.
    public mutating func unary(
        _ path: String,
        _ handler: @escaping @Sendable (ByteBuffer, CallContext) async throws -> ByteBuffer
    ) {
        methods[path] = .unary { Reply(try await handler($0, $1)) }
    }

    /// A unary method that answers with metadata of its own as well.
    public mutating func unaryWithMetadata(
        _ path: String,
        _ handler: @escaping @Sendable (ByteBuffer, CallContext) async throws -> Reply
    ) {
        methods[path] = .unary(handler)
    }

    /// A method that answers one message with a stream. The handler keeps the stream, pushes, and finishes it.
    public mutating func serverStreaming(
        _ path: String,
        _ handler: @escaping @Sendable (ByteBuffer, CallContext, ServerStream) -> Void
    ) {
        methods[path] = .serverStreaming(handler)
    }

    /// A method whose caller streams: client streaming or both ways. The call ends when the handler returns or throws.
    /// Its task is cancelled when the caller has gone or the deadline has passed.
    public mutating func streaming(
        _ path: String,
        _ handler: @escaping @Sendable (CallContext, RequestMessages, ResponseWriter) async throws -> Void
    ) {
        methods[path] = .streaming(handler)
    }

    /// Replies up to this length are not held to their deadline: they fit into the window that a peer grants at first.
    private static let shortReply = 32 * 1024

    /// The paths of all methods.
    public var paths: [String] { methods.keys.sorted() }

    /// Answers a call of a `local` method that has arrived whole, on its event loop and without any object of its own.
    ///
    /// - Returns: nil for every other request, which is then left to ``handle(_:)``.
    public func answer(_ request: RequestHead, body: RawSpan) -> ImmediateAnswer? {
        let finding = finding(of: request)
        guard let handler = finding.local, let options = finding.options,
            Framing.isOneMessage(body, limit: maxMessageBytes)
        else { return nil }
        do {
            let message = body.extracting(Framing.prefixLength...)
            let options = options.begun()
            let reply = try handler(message, CallContext(request, options))
            let prefix = Framing.prefix(ofLength: reply.readableBytes, flag: 0)
            let expiry = reply.readableBytes > Self.shortReply ? options.stuckDeadline : nil
            return ImmediateAnswer(.call, prefix: prefix, reply, .ok, expiry: expiry)
        } catch {
            let status = Status(answering: error, path: request.path, logger: logger)
            return ImmediateAnswer(ResponseHead(failing: status))
        }
    }

    /// Serves a request, on its event loop, if it is a call: if its path is a method's, or it says that it is gRPC.
    ///
    /// - Returns: false if it is neither, and is left to the caller untouched.
    public func handle(_ exchange: Exchange) -> Bool {
        switch finding(of: exchange.request).outcome {
        case .call(let method, let options):
            guard !options.isExpired else {
                exchange.finishCall(.deadlinePassed)
                return true
            }
            serve(exchange, method, options.begun())
        case .failed(let status):
            exchange.finishCall(status)
        case .refused(let head):
            exchange.respond(head)
        case .foreign:
            return false
        }
        return true
    }

    /// What there is to do with requests of this head; a server has one router, so its finding stays with the head.
    private func finding(of request: RequestHead) -> Finding {
        if let finding = request.finding as? Finding { return finding }
        let finding = Finding(examine(request))
        request.finding = finding
        return finding
    }

    private func examine(_ request: RequestHead) -> Finding.Outcome {
        let isCall = Self.isCall(request.headers["content-type"])
        guard let method = methods[request.path] else {
            return isCall ? .failed(Status(.unimplemented, "there is no method \(request.path)")) : .foreign
        }
        guard request.method == "POST" else { return .refused(ResponseHead(status: 405, headers: ["allow": "POST"])) }
        guard isCall, request.version == .http2 else {
            return .refused(ResponseHead(status: 415, headers: ["accept": "application/grpc"]))
        }
        do throws(Status) {
            return .call(method, try CallOptions(request.headers))
        } catch {
            return .failed(error)
        }
    }

    /// Whether the content type is `application/grpc`, with a message format or parameters or without.
    private static func isCall(_ type: String?) -> Bool {
        guard let type else { return false }
        if type == "application/grpc" { return true }
        guard type.hasPrefix("application/grpc") else { return false }
        let rest = type.utf8.dropFirst("application/grpc".utf8.count).first
        return rest == nil || rest == UInt8(ascii: "+") || rest == UInt8(ascii: ";")
    }

    private func serve(_ exchange: Exchange, _ method: Method, _ options: CallOptions) {
        let limit = maxMessageBytes
        switch method {
        case .local(let handler):
            UnaryCall(exchange, options, limit: limit, logger: logger, handler: .local(handler)).start()
        case .unary(let handler):
            UnaryCall(exchange, options, limit: limit, logger: logger, handler: .task(handler)).start()
        case .serverStreaming(let handler):
            let stream = ServerStream(exchange, options)
            stream.readMessage(options, limit: limit) { message, request in
                let context = CallContext(request, options, requestWasCompressed: message.wasCompressed)
                handler(message.bytes, context, stream)
            }
        case .streaming(let handler):
            let call = StreamingCall(exchange, options, limit: limit, logger: logger)
            call.start(CallContext(exchange.request, options), handler)
        }
    }
}
