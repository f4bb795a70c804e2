import NIOCore
import RPC

/// The test cases, by gRPC's descriptions of them; each throws unless it passes.
struct TestCases: Sendable {
    /// Sends everything as it is.
    let plain: RPCChannel
    /// Compresses what becomes shorter by it.
    let compressing: RPCChannel

    static let all: [String: @Sendable (TestCases) -> (@Sendable () async throws -> Void)] = [
        "empty_unary": { $0.emptyUnary },
        "large_unary": { $0.largeUnary },
        "client_compressed_unary": { $0.clientCompressedUnary },
        "server_compressed_unary": { $0.serverCompressedUnary },
        "client_streaming": { $0.clientStreaming },
        "client_compressed_streaming": { $0.clientCompressedStreaming },
        "server_streaming": { $0.serverStreaming },
        "server_compressed_streaming": { $0.serverCompressedStreaming },
        "ping_pong": { $0.pingPong },
        "half_duplex": { $0.halfDuplex },
        "empty_stream": { $0.emptyStream },
        "cancel_after_begin": { $0.cancelAfterBegin },
        "cancel_after_first_response": { $0.cancelAfterFirstResponse },
        "timeout_on_sleeping_server": { $0.timeoutOnSleepingServer },
        "slow_consumer": { $0.slowConsumer },
        "status_code_and_message": { $0.statusCodeAndMessage },
        "special_status_message": { $0.specialStatusMessage },
        "custom_metadata": { $0.customMetadata },
        "unimplemented_method": { $0.unimplementedMethod },
        "unimplemented_service": { $0.unimplementedService },
    ]

    struct Failure: Error {
        let reason: String
    }

    private static let service = "/grpc.testing.TestService/"
    private static let limit = Duration.seconds(20)
    private static let requestSizes = [27182, 8, 1828, 45904]
    private static let responseSizes = [31415, 9, 2653, 58979]
    private static let initial = (name: "x-grpc-test-echo-initial", value: "test_initial_metadata_value")
    private static let trailing = (name: "x-grpc-test-echo-trailing-bin", value: [0xAB, 0xAB, 0xAB] as [UInt8])

    private func check(_ condition: Bool, _ reason: @autoclosure () -> String) throws {
        guard condition else { throw Failure(reason: reason()) }
    }

    /// Demands that a call fails with a code; returns the message.
    @discardableResult
    private func fails(_ code: Status.Code, _ call: () async throws -> Void) async throws -> String {
        do {
            try await call()
        } catch let status as Status {
            try check(status.code == code, "\(status.code) \(status.message) rather than \(code)")
            return status.message
        }
        throw Failure(reason: "a call succeeded that was to fail with \(code)")
    }
}

// MARK: - One answer

extension TestCases {
    @Sendable private func emptyUnary() async throws {
        let reply = try await plain.unary(Self.service + "EmptyCall", ByteBuffer(), timeout: Self.limit)
        try check(reply.readableBytes == 0, "the message is not empty")
    }

    @Sendable private func largeUnary() async throws {
        try await unary(TestRequest(payloadSize: 271_828, responseSize: 314_159), on: plain)
    }

    private func unary(_ request: TestRequest, on channel: RPCChannel) async throws {
        let reply = try await channel.unary(Self.service + "UnaryCall", request.message, timeout: Self.limit)
        try check(payloadSize(reply) == request.responseSize, "the payload is not of the size that was asked for")
    }

    @Sendable private func clientCompressedUnary() async throws {
        var request = TestRequest(payloadSize: 271_828, responseSize: 314_159, expectsCompressed: true)
        try await fails(.invalidArgument) { try await unary(request, on: plain) }
        try await unary(request, on: compressing)
        request.expectsCompressed = false
        try await unary(request, on: plain)
    }

    @Sendable private func serverCompressedUnary() async throws {
        for isCompressed in [true, false] {
            let request = TestRequest(
                payloadSize: 271_828,
                responseSize: 314_159,
                responseIsCompressed: isCompressed
            )
            try await unary(request, on: plain)
        }
    }

    @Sendable private func clientStreaming() async throws {
        try await stream(Self.requestSizes.map { ($0, nil) }, on: plain)
    }

    @Sendable private func clientCompressedStreaming() async throws {
        try await fails(.invalidArgument) { try await stream([(27182, true)], on: plain) }
        try await stream([(27182, true), (45904, false)], on: compressing)
    }

    /// A message that says itself to be not compressed is not.
    private func stream(_ messages: [(size: Int, isCompressed: Bool?)], on channel: RPCChannel) async throws {
        let path = Self.service + "StreamingInputCall"
        let reply = try await channel.clientStreaming(path, timeout: Self.limit) { writer in
            for (size, isCompressed) in messages {
                let message = inputRequest(size: size, expectsCompressed: isCompressed)
                try await writer.write(message, isCompressed: isCompressed ?? true)
            }
        }
        try check(aggregatedSize(reply) == messages.reduce(0) { $0 + $1.size }, "the sum is wrong")
    }

    @Sendable private func unimplementedMethod() async throws {
        try await fails(.unimplemented) {
            _ = try await plain.unary(Self.service + "UnimplementedCall", ByteBuffer(), timeout: Self.limit)
        }
    }

    @Sendable private func unimplementedService() async throws {
        try await fails(.unimplemented) {
            let path = "/grpc.testing.UnimplementedService/UnimplementedCall"
            _ = try await plain.unary(path, ByteBuffer(), timeout: Self.limit)
        }
    }
}

// MARK: - Many answers

extension TestCases {
    private static func request(_ sizes: [Int], payload: Int = 0, interval: Int = 0) -> TestRequest {
        TestRequest(payloadSize: payload, responses: sizes.map { ($0, interval, nil) })
    }

    private func duplex(
        _ method: String = "FullDuplexCall",
        metadata: Metadata = Metadata(),
        timeout: Duration = limit
    ) async throws -> BidirectionalCall {
        try await plain.bidirectional(Self.service + method, metadata: metadata, timeout: timeout)
    }

    /// The sizes of all payloads that come.
    private func sizes(_ responses: RPCResponseStream) async throws -> [Int] {
        var sizes: [Int] = []
        for try await response in responses { sizes.append(try payloadSize(response)) }
        return sizes
    }

    private func output(_ request: TestRequest) async throws {
        let path = Self.service + "StreamingOutputCall"
        let responses = try await plain.serverStreaming(path, request.message, timeout: Self.limit)
        try check(await sizes(responses) == request.responses.map(\.size), "not the responses that were asked for")
    }

    @Sendable private func serverStreaming() async throws {
        try await output(Self.request(Self.responseSizes))
    }

    @Sendable private func serverCompressedStreaming() async throws {
        try await output(TestRequest(responses: [(31_415, 0, true), (92_653, 0, false)]))
    }

    @Sendable private func slowConsumer() async throws {
        let path = Self.service + "StreamingOutputCall"
        let request = Self.request([Int](repeating: 20_000, count: 200))
        var count = 0
        for try await response in try await plain.serverStreaming(path, request.message, timeout: Self.limit) {
            try check(payloadSize(response) == 20_000, "a payload is not of the size that was asked for")
            count += 1
            if count % 50 == 0 { try await Task.sleep(for: .milliseconds(20)) }
        }
        try check(count == 200, "\(count) responses rather than 200")
    }

    @Sendable private func pingPong() async throws {
        let call = try await duplex()
        var responses = call.responses.makeAsyncIterator()
        for (request, response) in zip(Self.requestSizes, Self.responseSizes) {
            try await call.requests.write(Self.request([response], payload: request).message)
            guard let message = try await responses.next() else { throw Failure(reason: "a response is missing") }
            try check(payloadSize(message) == response, "a payload is not of the size that was asked for")
        }
        try await call.requests.finish()
        try check(await responses.next() == nil, "there are more responses than requests")
    }

    @Sendable private func halfDuplex() async throws {
        let call = try await duplex("HalfDuplexCall")
        for size in Self.responseSizes { try await call.requests.write(Self.request([size]).message) }
        try await call.requests.finish()
        try check(await sizes(call.responses) == Self.responseSizes, "not the responses that were asked for")
    }

    @Sendable private func emptyStream() async throws {
        let call = try await duplex()
        try await call.requests.finish()
        try check(await sizes(call.responses).isEmpty, "there is a response to no request")
    }

    @Sendable private func cancelAfterBegin() async throws {
        let (begun, begins) = AsyncStream.makeStream(of: Void.self)
        let call = Task {
            try await plain.clientStreaming(Self.service + "StreamingInputCall", timeout: Self.limit) { _ in
                begins.yield()
                try await Task.sleep(for: Self.limit)
            }
        }
        for await _ in begun { break }
        call.cancel()
        do {
            _ = try await call.value
        } catch is CancellationError {
            return
        } catch let status as Status {
            return try check(status.code == .cancelled, "\(status.code) rather than cancelled")
        }
        throw Failure(reason: "a cancelled call succeeded")
    }

    @Sendable private func cancelAfterFirstResponse() async throws {
        let call = try await duplex()
        let (arrived, arrives) = AsyncStream.makeStream(of: Void.self)
        let reader = Task { for try await _ in call.responses { arrives.yield() } }
        try await call.requests.write(Self.request([31_415], payload: 27_182).message)
        for await _ in arrived { break }
        reader.cancel()
        try await fails(.cancelled) { try await reader.value }
    }

    @Sendable private func timeoutOnSleepingServer() async throws {
        try await fails(.deadlineExceeded) {
            let call = try await duplex(timeout: .milliseconds(1))
            try await call.requests.write(Self.request([31_415], payload: 27_182, interval: 1_000_000).message)
            _ = try await sizes(call.responses)
        }
    }
}

// MARK: - Status and metadata

extension TestCases {
    @Sendable private func statusCodeAndMessage() async throws {
        try await status("test status message")
    }

    @Sendable private func specialStatusMessage() async throws {
        try await status("\t\ntest with whitespace\r\nand Unicode BMP \u{263A} and non-BMP \u{1F608}\t\n")
    }

    private func status(_ message: String) async throws {
        let request = TestRequest(status: (2, message)).message
        let unary = try await fails(.unknown) {
            _ = try await plain.unary(Self.service + "UnaryCall", request, timeout: Self.limit)
        }
        let streamed = try await fails(.unknown) {
            let call = try await duplex()
            try await call.requests.write(request)
            try await call.requests.finish()
            _ = try await sizes(call.responses)
        }
        try check([unary, streamed] == [message, message], "the message is \(unary), and streamed \(streamed)")
    }

    @Sendable private func customMetadata() async throws {
        var metadata: Metadata = [Self.initial.name: Self.initial.value]
        metadata.add(Self.trailing.name, bytes: Self.trailing.value)
        let request = TestRequest(payloadSize: 271_828, responseSize: 314_159).message
        let path = Self.service + "UnaryCall"
        let reply = try await plain.unaryWithMetadata(path, request, metadata: metadata, timeout: Self.limit)
        try checkEcho(reply.initialMetadata, reply.trailingMetadata)

        let call = try await duplex(metadata: metadata)
        try await call.requests.write(Self.request([314_159], payload: 271_828).message)
        try await call.requests.finish()
        let initial = try await call.responses.initialMetadata()
        try check(await sizes(call.responses) == [314_159], "not the response that was asked for")
        try checkEcho(initial, await call.responses.trailingMetadata())
    }

    private func checkEcho(_ initial: Metadata, _ trailing: Metadata) throws {
        try check(initial[Self.initial.name] == Self.initial.value, "the initial metadata is missing")
        try check(trailing.bytes(Self.trailing.name) == Self.trailing.value, "the trailing metadata is missing")
    }
}
