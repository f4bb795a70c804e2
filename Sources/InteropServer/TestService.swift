import NIOCore
import RPC

/// `grpc.testing.TestService`, by the descriptions of gRPC's interoperability test cases.
enum TestService {
    private static let path = "/grpc.testing.TestService/"

    static func register(in router: inout MethodRouter) {
        router.local(path + "EmptyCall") { _, _ in ByteBuffer() }
        router.unaryWithMetadata(path + "UnaryCall", unary)
        router.unaryWithMetadata(path + "CacheableUnaryCall", unary)
        router.streaming(path + "StreamingInputCall", streamingInput)
        // Only when it answers tell this one and the next apart.
        router.streaming(path + "StreamingOutputCall", fullDuplex)
        router.streaming(path + "FullDuplexCall", fullDuplex)
        router.streaming(path + "HalfDuplexCall", halfDuplex)
    }

    @Sendable private static func unary(_ message: ByteBuffer, _ context: CallContext) async throws -> Reply {
        let request = try SimpleRequest(message)
        try check(request.expectsCompressed, context.requestWasCompressed)
        try request.status?.check()
        return Reply(
            response(payloadSize: request.responseSize),
            isCompressed: request.isResponseCompressed,
            initialMetadata: initialEcho(context.metadata),
            trailingMetadata: trailingEcho(context.metadata)
        )
    }

    @Sendable private static func streamingInput(
        _ context: CallContext,
        _ requests: RequestMessages,
        _ responses: ResponseWriter
    ) async throws {
        var sum = 0
        for try await message in requests {
            let request = try StreamingInputCallRequest(message.bytes)
            try check(request.expectsCompressed, message.wasCompressed)
            sum += request.payloadSize
        }
        try await responses.write(response(aggregatedPayloadSize: sum))
    }

    /// Answers each request at once.
    @Sendable private static func fullDuplex(
        _ context: CallContext,
        _ requests: RequestMessages,
        _ responses: ResponseWriter
    ) async throws {
        try await responses.setTrailingMetadata(trailingEcho(context.metadata))
        for try await message in requests {
            let request = try StreamingOutputCallRequest(message.bytes)
            try request.status?.check()
            try await send(request.responses, to: responses, context)
        }
    }

    /// Answers when all requests have come; at most 10,000 answers.
    @Sendable private static func halfDuplex(
        _ context: CallContext,
        _ requests: RequestMessages,
        _ responses: ResponseWriter
    ) async throws {
        var wanted: [ResponseParameters] = []
        for try await message in requests {
            wanted += try StreamingOutputCallRequest(message.bytes).responses
            guard wanted.count <= 10_000 else { throw Status(.resourceExhausted, "too many responses are wanted") }
        }
        try await send(wanted, to: responses, context)
    }

    private static func send(
        _ wanted: [ResponseParameters],
        to responses: ResponseWriter,
        _ context: CallContext
    ) async throws {
        let isCompressed = wanted.contains { $0.isCompressed }
        try await responses.start(initialEcho(context.metadata), allowsCompression: isCompressed)
        for parameters in wanted {
            if parameters.interval > .zero { try await Task.sleep(for: parameters.interval) }
            try await responses.write(response(payloadSize: parameters.size), isCompressed: parameters.isCompressed)
        }
    }

    private static func check(_ expectsCompressed: Bool, _ wasCompressed: Bool) throws(Status) {
        guard wasCompressed || !expectsCompressed else {
            throw Status(.invalidArgument, "the message should have come compressed")
        }
    }

    private static func initialEcho(_ metadata: Metadata) -> Metadata {
        var echo = Metadata()
        let name = "x-grpc-test-echo-initial"
        for value in metadata.values(name) { echo.add(name, value) }
        return echo
    }

    private static func trailingEcho(_ metadata: Metadata) -> Metadata {
        var echo = Metadata()
        let name = "x-grpc-test-echo-trailing-bin"
        if let value = metadata.bytes(name) { echo.add(name, bytes: value) }
        return echo
    }
}
