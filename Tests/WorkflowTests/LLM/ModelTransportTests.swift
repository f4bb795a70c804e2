import Curl
import Synchronization
import TestSupport
import Testing

import enum Messages.JSON

@testable import Workflow

/// Both formats through a real server on loopback and the real HTTP client.
@Suite(.timeLimit(.minutes(1)))
struct ModelTransportTests {
    enum Format: CaseIterable { case anthropic, openAI }

    /// What a provider was seen to do.
    final class Log: Sendable {
        let deltas = Mutex<[ModelDelta]>([])
        let delays = Mutex<[Duration]>([])
        var policy: RetryPolicy {
            RetryPolicy(
                sleep: { [self] delay in delays.withLock { $0.append(delay) } },
                random: { 0 },
                now: { 784_111_777 }
            )
        }
    }

    private let request = ModelRequest(model: "m", system: "s", messages: [.user("hi")])

    private func ask(
        _ format: Format,
        _ server: StandInModelServer,
        _ log: Log = Log(),
        limits: StreamLimits = StreamLimits()
    ) async throws -> ModelResponse {
        let client = try CurlClient()
        let provider: any ModelProvider =
            switch format {
            case .anthropic:
                AnthropicProvider(
                    baseURL: server.url,
                    key: "sk-secret",
                    client: client,
                    policy: log.policy,
                    limits: limits
                )
            case .openAI:
                OpenAIProvider(
                    baseURL: server.url + "/v1",
                    key: "sk-secret",
                    client: client,
                    policy: log.policy,
                    limits: limits
                )
            }
        return try await provider.stream(request) { delta in log.deltas.withLock { $0.append(delta) } }
    }

    private func answer(_ format: Format) -> String {
        switch format {
        case .anthropic:
            #"""
            event: message_start
            data: {"type":"message_start","message":{"model":"m1","usage":{"input_tokens":4,"output_tokens":1}}}

            event: ping
            data: {"type":"ping"}

            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":0}

            event: content_block_start
            data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"ls","input":{}}}

            event: content_block_start
            data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"b","name":"ls","input":{}}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"path\":\"é\"}"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":1}

            event: content_block_stop
            data: {"type":"content_block_stop","index":2}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}

            event: message_stop
            data: {"type":"message_stop"}


            """#
        case .openAI:
            #"""
            : keep alive

            data: {"model":"m1","choices":[{"index":0,"delta":{"content":"Grüße"}}]}

            data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"ls","arguments":""}}]}}]}

            data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"ls","arguments":"{\"path\":\"é\"}"}}]}}]}

            data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

            data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":9}}

            data: [DONE]


            """#
        }
    }

    /// Up to behind the first text.
    private func beginning(_ format: Format) -> String {
        let events = answer(format).split(separator: "\n\n")
        return events.prefix(format == .anthropic ? 4 : 2).joined(separator: "\n\n") + "\n\n"
    }

    private func expectAnswer(_ response: ModelResponse) {
        #expect(response.message.text == "Grüße")
        #expect(response.message.toolCalls.map(\.arguments) == [[:], ["path": "é"]])
        #expect(response.stop == .toolUse)
        #expect(response.usage == Usage(inputTokens: 4, outputTokens: 9))
        #expect(response.model == "m1")
    }

    private let wholeDeltas: [ModelDelta] = [
        .text("Grüße"), .toolCallStarted(id: "a", name: "ls"), .toolCallStarted(id: "b", name: "ls"),
    ]

    @Test(arguments: Format.allCases, [1, 5, 64, .max])
    func textAndParallelCallsInPiecesOfAnySize(format: Format, size: Int) async throws {
        let server = try StandInModelServer([
            .init(headers: [("Content-Type", "text/event-stream")], answer(format), piecesOf: size)
        ])
        defer { server.stop() }
        let log = Log()
        expectAnswer(try await ask(format, server, log))
        #expect(log.deltas.withLock { $0 } == wholeDeltas)
        let recorded = try #require(server.requests.first)
        switch format {
        case .anthropic:
            #expect(recorded.line == "POST /v1/messages HTTP/1.1")
            #expect(recorded.headers["x-api-key"] == "sk-secret")
            #expect(recorded.headers["anthropic-version"] == "2023-06-01")
            #expect(recorded.body == AnthropicRequest.body(request).bytes)
        case .openAI:
            #expect(recorded.line == "POST /v1/chat/completions HTTP/1.1")
            #expect(recorded.headers["authorization"] == "Bearer sk-secret")
            #expect(recorded.body == OpenAIRequest.body(request, limitName: "max_tokens").bytes)
        }
    }

    @Test(
        arguments: Format.allCases,
        [
            (("retry-after", "7"), Duration.seconds(7)), (("retry-after-ms", "250"), .milliseconds(250)),
            (("Retry-After", "Sun, 06 Nov 1994 08:49:40 GMT"), .seconds(3)), (("x-other", "1"), .zero),
        ]
    )
    func waitsAsLongAsTheProviderAsks(format: Format, wish: (header: (String, String), delay: Duration)) async throws {
        let server = try StandInModelServer([
            .init(status: 429, headers: [wish.header], #"{"error":{"type":"rate_limit_error","message":"slow down"}}"#),
            .init(answer(format)),
        ])
        defer { server.stop() }
        let log = Log()
        expectAnswer(try await ask(format, server, log))
        #expect(log.delays.withLock { $0 } == [wish.delay])
        #expect(log.deltas.withLock { $0 } == wholeDeltas)
    }

    @Test(arguments: Format.allCases, [StandInModelServer.Reply.Ending.cut, .complete])
    func aBodyThatIsCutOffIsTakenBackAndAskedForAgain(format: Format, ending: StandInModelServer.Reply.Ending)
        async throws
    {
        let server = try StandInModelServer([.init(beginning(format), ending: ending), .init(answer(format))])
        defer { server.stop() }
        let log = Log()
        expectAnswer(try await ask(format, server, log))
        #expect(log.deltas.withLock { $0 } == [.text("Grüße"), .attemptDiscarded] + wholeDeltas)
    }

    @Test(arguments: Format.allCases)
    func anErrorInTheMiddleIsTakenBackAndAskedForAgain(format: Format) async throws {
        let error =
            #"event: error"# + "\n"
            + #"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"# + "\n\n"
        let server = try StandInModelServer([.init(beginning(format) + error), .init(answer(format))])
        defer { server.stop() }
        let log = Log()
        expectAnswer(try await ask(format, server, log))
        #expect(log.deltas.withLock { $0 } == [.text("Grüße"), .attemptDiscarded] + wholeDeltas)
    }

    @Test(arguments: Format.allCases)
    func nothingIsTakenBackThatWasNotHandedOn(format: Format) async throws {
        let server = try StandInModelServer([
            .init("", ending: .cut), .init(status: 503, "<html>"), .init(answer(format)),
        ])
        defer { server.stop() }
        let log = Log()
        expectAnswer(try await ask(format, server, log))
        #expect(log.deltas.withLock { $0 } == wholeDeltas)
    }

    @Test(arguments: Format.allCases)
    func aSilentModelTimesOut(format: Format) async throws {
        let server = try StandInModelServer([.init(beginning(format), ending: .hang)])
        defer { server.stop() }
        let log = Log()
        let limits = StreamLimits(firstToken: .seconds(5), betweenTokens: .milliseconds(20))
        let error = await #expect(throws: ModelError.self) { _ = try await ask(format, server, log, limits: limits) }
        #expect(error?.code == .timeout)
        #expect(server.requests.count == 5)
    }

    @Test(arguments: [
        (400, #"{"error":{"message":"bad"}}"#, ModelError.Code.invalidRequest, 1),
        (401, #"{"error":{"message":"key sk-secret"}}"#, .authentication, 1),
        (400, #"{"error":{"message":"prompt is too long: 2 > 1"}}"#, .contextWindow, 1), (404, "{}", .unknownModel, 1),
        (429, #"{"error":{"code":"insufficient_quota","message":"billing"}}"#, .quotaExceeded, 1),
        (408, "", .timeout, 5), (409, "", .unavailable, 5),
        (529, "", .overloaded, 5), (500, #"{"error":{"message":"sk-secret"}}"#, .unavailable, 5),
        (307, "", .protocol, 1),
    ])
    func statusCodes(status: Int, body: String, code: ModelError.Code, attempts: Int) async throws {
        let server = try StandInModelServer([.init(status: status, body)])
        defer { server.stop() }
        let error = await #expect(throws: ModelError.self) { _ = try await ask(.anthropic, server) }
        #expect(error?.code == code)
        #expect(error?.providerStatus == status)
        #expect(error?.message.contains("sk-secret") == false)
        #expect(server.requests.count == attempts)
    }

    @Test(arguments: [(400, "true", 5), (500, "false", 1)])
    func theProviderSaysWhetherToRetry(status: Int, should: String, attempts: Int) async throws {
        let server = try StandInModelServer([.init(status: status, headers: [("x-should-retry", should)], "{}")])
        defer { server.stop() }
        await #expect(throws: ModelError.self) { _ = try await ask(.openAI, server) }
        #expect(server.requests.count == attempts)
    }

    @Test func aLongWishIsNotWaitedFor() async throws {
        let server = try StandInModelServer([.init(status: 429, headers: [("retry-after", "3600")], "{}")])
        defer { server.stop() }
        let error = await #expect(throws: ModelError.self) { _ = try await ask(.openAI, server) }
        #expect(error?.retryAfter == .seconds(3600))
        #expect(server.requests.count == 1)
    }

    @Test func anAnswerThatIsNoStreamIsAnError() async throws {
        let server = try StandInModelServer([.init(headers: [("Content-Type", "text/html")], "<html>")])
        defer { server.stop() }
        let error = await #expect(throws: ModelError.self) { _ = try await ask(.openAI, server) }
        #expect(error?.code == .protocol)
        #expect(error?.message.contains("text/html") == true)
    }

    @Test func aRefusedConnectionIsRetried() async throws {
        let log = Log()
        let provider = OpenAIProvider(
            baseURL: "http://127.0.0.1:1",
            key: nil,
            client: try CurlClient(),
            policy: log.policy
        )
        let error = await #expect(throws: ModelError.self) { _ = try await provider.stream(request) { _ in } }
        #expect(error?.code == .unavailable)
        #expect(log.delays.withLock(\.count) == 4)
    }

    @Test func cancellingEndsTheCall() async throws {
        let server = try StandInModelServer([.init(beginning(.anthropic), ending: .hang)])
        defer { server.stop() }
        let task = Task { try await ask(.anthropic, server) }
        await server.received(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
