import Testing

import enum Messages.JSON

@testable import Workflow

/// Feeds a stream the events of a text with one JSON object a line; the type is the object's.
func run(_ stream: some ModelStream, _ lines: String) throws -> (deltas: [ModelDelta], response: ModelResponse) {
    var stream = stream
    var deltas: [ModelDelta] = []
    for line in lines.split(separator: "\n") {
        let type = (try? JSON(parsing: String(line)))?["type"]?.string ?? "message"
        switch try stream.receive(SSEEvent(type: type, data: String(line))) {
        case .ignore: break
        case .emit(let more): deltas += more
        case .finish(let response): return (deltas, response)
        }
    }
    return (deltas, try stream.end())
}

struct AnthropicStreamTests {
    private let start = #"""
        {"type":"message_start","message":{"model":"claude-x","usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":1}}}

        """#

    private func stop(_ reason: String, _ usage: String = "{}") -> String {
        #"{"type":"message_delta","delta":{"stop_reason":"\#(reason)"},"usage":\#(usage)}"# + "\n"
            + #"{"type":"message_stop"}"#
    }

    private func tool(_ index: Int, _ id: String, _ pieces: [String], isStopped: Bool = true) -> String {
        var lines = [
            #"{"type":"content_block_start","index":\#(index),"content_block":{"type":"tool_use","id":"\#(id)","name":"ls","input":{}}}"#
        ]
        lines += pieces.map {
            #"{"type":"content_block_delta","index":\#(index),"delta":{"type":"input_json_delta","partial_json":\#(JSON.string($0).text)}}"#
        }
        if isStopped { lines.append(#"{"type":"content_block_stop","index":\#(index)}"#) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func error(_ lines: String) -> ModelError? {
        #expect(throws: ModelError.self) { _ = try run(AnthropicStream(), lines) }
    }

    @Test func text() throws {
        let (deltas, response) = try run(
            AnthropicStream(),
            start + #"""
                {"type":"ping"}
                {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}
                {"type":"ping"}
                {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}
                {"type":"something_new","index":0}
                {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" you"}}
                {"type":"content_block_delta","index":0,"delta":{"type":"new_delta","x":1}}
                {"type":"content_block_stop","index":0}

                """# + stop("end_turn")
        )
        #expect(deltas == [.text("Hello"), .text(" you")])
        #expect(response.message == ChatMessage(role: .assistant, parts: [.text("Hello you")]))
        #expect(response.stop == .endTurn)
        #expect(response.model == "claude-x")
    }

    @Test func usageIsATotalAndOverwrites() throws {
        let (_, response) = try run(
            AnthropicStream(),
            start + #"{"type":"message_delta","delta":{},"usage":{"output_tokens":5}}"# + "\n"
                + stop("end_turn", #"{"output_tokens":9}"#)
        )
        #expect(response.usage == Usage(inputTokens: 10, outputTokens: 9, cacheReadTokens: 30, cacheWriteTokens: 20))
        #expect(response.usage.promptTokens == 60)
    }

    @Test func parallelToolsAndEmptyArguments() throws {
        let (deltas, response) = try run(
            AnthropicStream(),
            start + tool(0, "a", ["{\"pa", "th\": \".\"}"]) + tool(1, "b", [""]) + stop("tool_use")
        )
        #expect(deltas == [.toolCallStarted(id: "a", name: "ls"), .toolCallStarted(id: "b", name: "ls")])
        #expect(
            response.message.toolCalls == [
                ToolCall(id: "a", name: "ls", arguments: ["path": "."]), ToolCall(id: "b", name: "ls", arguments: [:]),
            ]
        )
        #expect(response.stop == .toolUse)
    }

    @Test(arguments: [["{\"path\": \".\""], [], [""]], [true, false])
    func aCutToolIsNeverReturned(pieces: [String], isStopped: Bool) throws {
        for reason in ["max_tokens", "model_context_window_exceeded", "refusal"] {
            let (_, response) = try run(
                AnthropicStream(),
                start + tool(0, "a", ["{}"]) + tool(1, "b", pieces, isStopped: isStopped) + stop(reason)
            )
            #expect(response.message.toolCalls.map(\.id) == ["a"])
        }
    }

    @Test func argumentsThatAreNoJSONAreLeftToTheSchemaCheck() throws {
        let (_, response) = try run(AnthropicStream(), start + tool(0, "a", ["{oops"]) + stop("tool_use"))
        #expect(response.message.toolCalls == [ToolCall(id: "a", name: "ls", arguments: "{oops")])
    }

    @Test func thinkingGoesBackWordForWord() throws {
        let (deltas, response) = try run(
            AnthropicStream(),
            start + #"""
                {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
                {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me"}}
                {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" see"}}
                {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}
                {"type":"content_block_stop","index":0}
                {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"xyz"}}
                {"type":"content_block_stop","index":1}

                """# + tool(2, "a", []) + stop("tool_use")
        )
        #expect(deltas.prefix(2) == [.reasoning("Let me"), .reasoning(" see")])
        let thinking: JSON = ["type": "thinking", "thinking": "Let me see", "signature": "c2ln"]
        let redacted: JSON = ["type": "redacted_thinking", "data": "xyz"]
        #expect(
            response.message.parts.prefix(2) == [
                .opaque(provider: "anthropic", thinking), .opaque(provider: "anthropic", redacted),
            ]
        )
        let body = AnthropicRequest.body(ModelRequest(model: "m", messages: [.user("hi"), response.message]))
        #expect(body["messages"]?[1]?["content"]?[0] == thinking)
        #expect(body["messages"]?[1]?["content"]?[1] == redacted)
    }

    @Test(arguments: [
        ("end_turn", StopReason.endTurn), ("max_tokens", .maxTokens), ("stop_sequence", .stopSequence),
        ("tool_use", .toolUse),
        ("pause_turn", .pauseTurn), ("refusal", .refusal), ("model_context_window_exceeded", .contextWindow),
        ("new", .other("new")),
    ])
    func stopReasons(name: String, reason: StopReason) throws {
        #expect(try run(AnthropicStream(), start + stop(name)).response.stop == reason)
    }

    @Test(arguments: [
        ("overloaded_error", ModelError.Code.overloaded, true), ("rate_limit_error", .rateLimited, true),
        ("api_error", .unavailable, true),
        ("timeout_error", .timeout, true), ("invalid_request_error", .invalidRequest, false),
        ("authentication_error", .authentication, false),
    ])
    func anErrorWithinTheStream(type: String, code: ModelError.Code, isRetryable: Bool) {
        let error = error(start + #"{"type":"error","error":{"type":"\#(type)","message":"Sorry"}}"#)
        #expect(error?.code == code)
        #expect(error?.isRetryable == isRetryable)
    }

    @Test(arguments: [
        "", #"{"type":"message_stop"}"#, #"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        #"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}"#,
        #"{"type":"content_block_start","content_block":{"type":"text"}}"#,
        #"{"type":"content_block_start","index":0}"#,
        #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}"#,
    ])
    func whatMakesNoSenseIsAFailureThatIsRetried(lines: String) {
        let error = error(start + lines)
        #expect(error?.code == .protocol)
        #expect(error?.isRetryable == true)
    }

    @Test func anEventThatIsNotJSONIsAFailure() throws {
        var stream = AnthropicStream()
        #expect(throws: ModelError.self) { try stream.receive(SSEEvent(type: "message_start", data: "{")) }
    }

    @Test func numbersOfTheProviderCannotOverflow() throws {
        let usage = #"{"output_tokens":9223372036854775807,"input_tokens":-5}"#
        let sum = try run(AnthropicStream(), start + stop("end_turn", usage)).response.usage
        #expect((sum + sum).outputTokens == 1 << 41)
        #expect(sum.inputTokens == 0)
    }
}

struct AnthropicRequestTests {
    private func definition(_ name: String) -> ToolDefinition {
        ToolDefinition(name: name, description: "does \(name)", parameters: ["type": "object"])
    }

    @Test func layoutAndBreakpoints() {
        let request = ModelRequest(
            model: "claude-x",
            system: "Be good.",
            messages: [
                .user("one"), ChatMessage(role: .assistant, parts: [.text("two")]), .user("three"),
            ],
            tools: [definition("z"), definition("a")],
            maxTokens: 100
        )
        let body = AnthropicRequest.body(request)
        #expect(
            body.text == #"""
                {"model":"claude-x","max_tokens":100,"stream":true,"tools":[{"name":"a","description":"does a","input_schema":{"type":"object"}},{"name":"z","description":"does z","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"system":[{"type":"text","text":"Be good.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"one"}]},{"role":"assistant","content":[{"type":"text","text":"two","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":[{"type":"text","text":"three","cache_control":{"type":"ephemeral"}}]}]}
                """#
        )
        #expect(body.text.split(separator: "cache_control").count - 1 == 4)
        var other = request
        other.tools.reverse()
        #expect(AnthropicRequest.body(other).bytes == body.bytes)
    }

    @Test func allResultsOfATurnStandFirstInOneMessage() {
        let calls = ["a.1", "b"].map {
            ChatMessage.Part.toolCall(ToolCall(id: $0, name: "ls", arguments: "not an object"))
        }
        let messages = [
            .user("go"), ChatMessage(role: .assistant, parts: [.text(" \n")] + calls),
            ChatMessage(
                role: .user,
                parts: [.text("and"), .toolResult(ToolResult(callID: "a.1", text: "x", isError: false))]
            ),
            ChatMessage(role: .user, parts: [.toolResult(ToolResult(callID: "b", text: "y", isError: true))]),
            .user("  "),
        ]
        let body = AnthropicRequest.body(ModelRequest(model: "m", messages: messages))
        #expect(body["messages"]?.array?.count == 3)
        let assistant = body["messages"]?[1]?["content"]
        #expect(assistant?.array?.compactMap { $0["id"]?.string } == ["a_1", "b"])
        #expect(assistant?.array?.count == 2)
        #expect(assistant?[0]?["input"] == ["invalid_arguments": "not an object"])
        let results = body["messages"]?[2]?["content"]
        #expect(results?[0]?["tool_use_id"] == "a_1")
        #expect(results?.array?.compactMap { $0["is_error"]?.bool } == [false, true])
    }

    @Test func opaquePartsOfOthersAreLeftOut() {
        let message = ChatMessage(role: .assistant, parts: [.opaque(provider: "openai", ["x": 1]), .text("hi")])
        let body = AnthropicRequest.body(ModelRequest(model: "m", messages: [.user("q"), message]))
        #expect(body["messages"]?[1]?["content"]?.array?.count == 1)
    }
}
