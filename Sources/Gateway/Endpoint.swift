internal import Messages
internal import NIOCore
internal import Store

/// A method of the contract with the use case behind it; gRPC and REST are both served from the list of these.
///
/// Messages are in the protobuf wire format here: the REST shim transcodes JSON to and from it.
struct Endpoint: Sendable {
    enum Handler: Sendable {
        case unary(@Sendable (ByteBuffer, Caller) async throws -> Reply)
        /// Called on the loop of the sink, which it feeds until it is closed or finished.
        case streaming(@Sendable (ByteBuffer, Caller, any EventSink, Fanout) -> Void)
    }

    /// What a unary method answers.
    struct Reply: Sendable {
        var message: [UInt8]
        /// Over HTTP; gRPC has no word for a success that is none.
        var httpStatus = 200
        /// Whether this is the answer of an earlier request under the same idempotency key.
        var isReplay = false

        /// What says so: a header over HTTP, initial metadata in gRPC.
        static let replayMark = ("idempotency-replayed", "true")
    }

    let method: Method
    let handler: Handler

    /// A unary method whose request and response are messages.
    static func unary<Request: Message, Response: Message>(
        _ method: Method,
        httpStatus: @escaping @Sendable (Request, Response) -> Int = { _, _ in 200 },
        _ useCase: @escaping @Sendable (Request, Caller) async throws -> Response
    ) -> Endpoint {
        Endpoint(
            method: method,
            handler: .unary { bytes, caller in
                let request = try Request(bytes, from: caller)
                let response = try await useCase(request, caller)
                return Reply(message: response.serialized(), httpStatus: httpStatus(request, response))
            }
        )
    }

    /// A unary method that answers a repeated request as it did the first time.
    static func replayable<Request: Message, Response: Message>(
        _ method: Method,
        _ useCase: @escaping @Sendable (Request, Caller) async throws -> (Response, isReplay: Bool)
    ) -> Endpoint {
        Endpoint(
            method: method,
            handler: .unary { bytes, caller in
                let (response, isReplay) = try await useCase(try Request(bytes, from: caller), caller)
                return Reply(message: response.serialized(), isReplay: isReplay)
            }
        )
    }

    /// A server-streaming method.
    static func streaming<Request: Message>(
        _ method: Method,
        _ useCase: @escaping @Sendable (Request, Caller, any EventSink, Fanout) throws -> Void
    ) -> Endpoint {
        Endpoint(
            method: method,
            handler: .streaming { bytes, caller, sink, fanout in
                do {
                    try useCase(try Request(bytes, from: caller), caller, sink, fanout)
                } catch {
                    sink.finish(StoreError(describing: error))
                }
            }
        )
    }
}

extension Message {
    /// The request of a caller who may make it.
    fileprivate init(_ buffer: ByteBuffer, from caller: Caller) throws {
        try self.init(buffer)
        try caller.check(self)
    }

    private init(_ buffer: ByteBuffer) throws(MessageError) {
        let result = buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(MessageError) -> Self in try Self(serialized: bytes) }
        }
        self = try result.get()
    }
}
