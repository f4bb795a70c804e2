import Testing

import enum Messages.JSON

@testable import Workflow

struct OpenAIStreamTests {
    private func run(_ lines: String) throws -> (deltas: [ModelDelta], response: ModelResponse) {
        try WorkflowTests.run(OpenAIStream(idPrefix: "made"), lines)
    }

    private func error(_ lines: String) -> ModelError? {
        #expect(throws: ModelError.self) { _ = try run(lines) }
    }

    private func chunk(_ delta: String, finish: String? = nil) -> String {
        let finish = finish.map { "\"\($0)\"" } ?? "null"
        return #"{"model":"gpt-x","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"# + "\n"
    }

    private func calls(_ fragments: String) -> String { chunk(#"{"tool_calls":[\#(fragments)]}"#) }

    @Test func text() throws {
        let (deltas, response) = try run(
            chunk(#"{"role":"assistant","content":""}"#) + chunk(#"{"content":"Hel"}"#) + chunk(#"{"content":"lo"}"#)
                + chunk("{}", finish: "stop") + "[DONE]"
        )
        #expect(deltas == [.text("Hel"), .text("lo")])
        #expect(response.message == ChatMessage(role: .assistant, parts: [.text("Hello")]))
        #expect(response.stop == .endTurn)
        #expect(response.model == "gpt-x")
    }

    @Test func reasoningUnderBothNames() throws {
        let (deltas, _) = try run(
            chunk(#"{"reasoning_content":"a"}"#) + chunk(#"{"reasoning":"b"}"#) + chunk("{}", finish: "stop")
        )
        #expect(deltas == [.reasoning("a"), .reasoning("b")])
    }

    @Test func parallelCallsByIndex() throws {
        let (deltas, response) = try run(
            calls(#"{"index":0,"id":"a","type":"function","function":{"name":"ls","arguments":""}}"#)
                + calls(
                    #"{"index":0,"function":{"arguments":"{\"x\""}},{"index":1,"id":"b","function":{"name":"rm","arguments":"{}"}}"#
                )
                + calls(#"{"index":0,"function":{"arguments":":1}"}}"#) + chunk("{}", finish: "tool_calls") + " [DONE] "
        )
        #expect(deltas == [.toolCallStarted(id: "a", name: "ls"), .toolCallStarted(id: "b", name: "rm")])
        #expect(
            response.message.toolCalls == [
                ToolCall(id: "a", name: "ls", arguments: ["x": 1]), ToolCall(id: "b", name: "rm", arguments: [:]),
            ]
        )
        #expect(response.stop == .toolUse)
    }

    @Test func callsWithoutIndexGoByTheirId() throws {
        let (_, response) = try run(
            calls(#"{"id":"a","function":{"name":"ls","arguments":"{\"x\":"}}"#)
                + calls(#"{"id":"a","function":{"arguments":"1"}}"#)
                + calls(#"{"function":{"arguments":"}"}}"#) + calls(#"{"id":"b","function":{"name":"ls"}}"#)
                + chunk("{}", finish: "tool_calls")
        )
        #expect(response.message.toolCalls.map(\.arguments) == [["x": 1], [:]])
    }

    @Test func callsThatAllHaveIndex0AreToldApartByTheirId() throws {
        let (_, response) = try run(
            calls(#"{"index":0,"id":"a","function":{"name":"ls","arguments":"{}"}}"#)
                + calls(#"{"index":0,"id":"b","function":{"name":"rm","arguments":"{}"}}"#)
                + chunk("{}", finish: "stop")
        )
        #expect(response.message.toolCalls.map(\.name) == ["ls", "rm"])
    }

    @Test func callsWithoutIdsGetSome() throws {
        let (_, response) = try run(
            calls(
                #"{"index":0,"function":{"name":"ls","arguments":{"x":1}}},{"index":1,"function":{"name":"ls","arguments":"{}"}}"#
            )
                + chunk("{}", finish: "stop")
        )
        #expect(response.message.toolCalls.map(\.id) == ["made_0", "made_1"])
        #expect(response.message.toolCalls.first?.arguments == ["x": 1])
    }

    @Test(arguments: ["stop", "tool_calls", "function_call"])
    func aCallMakesAToolTurnWhateverTheFinishSays(finish: String) throws {
        let (_, response) = try run(
            calls(#"{"index":0,"id":"a","function":{"name":"ls","arguments":"{}"}}"#) + chunk("{}", finish: finish)
        )
        #expect(response.stop == .toolUse)
    }

    @Test(arguments: [#""{\"x\"""#, #""""#])
    func aCutCallIsNeverReturned(arguments: String) throws {
        let (_, response) = try run(
            calls(#"{"index":0,"id":"a","function":{"name":"ls","arguments":"{}"}}"#)
                + calls(#"{"index":1,"id":"b","function":{"name":"ls","arguments":\#(arguments)}}"#)
                + chunk("{}", finish: "length")
        )
        #expect(response.message.toolCalls.map(\.id) == ["a"])
        #expect(response.stop == .maxTokens)
    }

    @Test func aRefusal() throws {
        let (deltas, response) = try run(chunk(#"{"refusal":"I will not"}"#) + chunk("{}", finish: "stop"))
        #expect(deltas == [.text("I will not")])
        #expect(response.stop == .refusal)
        #expect(try run(chunk("{}", finish: "content_filter")).response.stop == .refusal)
    }

    @Test func usageWithAndWithoutAChoiceOverwrites() throws {
        let (_, response) = try run(
            chunk(#"{"content":"x"}"#)
                + #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}"#
                + "\n"
                + #"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":60}}}"#
                + "\n"
                + #"{"usage":null}"# + "\n[DONE]"
        )
        #expect(response.usage == Usage(inputTokens: 40, outputTokens: 5, cacheReadTokens: 60))
    }

    @Test(arguments: [
        (#"{"error":{"message":"Overloaded","code":503}}"#, ModelError.Code.overloaded),
        (#"{"error":"boom"}"#, .unavailable),
        (#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#, .invalidRequest),
        (#"{"error":{"message":"x","code":"context_length_exceeded"}}"#, .contextWindow),
    ])
    func anErrorWithinTheStream(line: String, code: ModelError.Code) {
        #expect(error(chunk(#"{"content":"x"}"#) + line)?.code == code)
    }

    @Test func aFinishOfErrorIsAFailure() {
        #expect(error(chunk("{}", finish: "error"))?.code == .unavailable)
    }

    @Test(arguments: ["", "[DONE]", "{", #"{"choices":[]}"#])
    func aMissingFinishIsAFailure(end: String) {
        let error = error(chunk(#"{"content":"x"}"#) + end)
        #expect(error?.code == .protocol)
        #expect(error?.isRetryable == true)
    }

    @Test func aCallWithoutANameIsAFailure() {
        #expect(error(calls(#"{"index":0,"id":"a"}"#) + chunk("{}", finish: "tool_calls"))?.code == .protocol)
    }
}

struct OpenAIRequestTests {
    @Test func layout() {
        let call = ToolCall(id: "a", name: "ls", arguments: ["path": "."])
        let request = ModelRequest(
            model: "gpt-x",
            system: "Be good.",
            messages: [
                .user("go"),
                ChatMessage(role: .assistant, parts: [.opaque(provider: "anthropic", [:]), .toolCall(call)]),
                ChatMessage(
                    role: .user,
                    parts: [.text("more"), .toolResult(ToolResult(callID: "a", text: "file", isError: false))]
                ),
            ],
            tools: [ToolDefinition(name: "ls", description: "lists", parameters: ["type": "object"])],
            maxTokens: 9
        )
        #expect(
            OpenAIRequest.body(request, limitName: "max_tokens").text == #"""
                {"model":"gpt-x","max_tokens":9,"stream":true,"stream_options":{"include_usage":true},"tools":[{"type":"function","function":{"name":"ls","description":"lists","parameters":{"type":"object"}}}],"messages":[{"role":"system","content":"Be good."},{"role":"user","content":"go"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"ls","arguments":"{\"path\":\".\"}"}}]},{"role":"tool","tool_call_id":"a","content":"file"},{"role":"user","content":"more"}]}
                """#
        )
    }

    @Test func addresses() {
        #expect(OpenAIProvider.url("http://localhost:11434/v1/") == "http://localhost:11434/v1/chat/completions")
        #expect(
            OpenAIProvider.url("https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21")
                == "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
        )
        #expect(OpenAIProvider.limitName("https://api.openai.com/v1/chat/completions") == "max_completion_tokens")
        #expect(OpenAIProvider.limitName("http://localhost/v1/chat/completions") == "max_tokens")
    }
}
