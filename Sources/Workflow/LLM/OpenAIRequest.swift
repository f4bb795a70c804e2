internal import Messages

/// The body of a call of chat completions. The same request makes the same bytes, with what changes least in front.
enum OpenAIRequest {
    /// - Parameter limitName: the member that says how long the answer may be.
    static func body(_ request: ModelRequest, limitName: String) -> JSON {
        var body: JSON = [
            "model": .string(request.model), limitName: JSON(request.maxTokens),
            "stream": true, "stream_options": ["include_usage": true],
        ]
        if !request.tools.isEmpty { body["tools"] = .array(request.sortedTools.map(tool)) }
        var messages: [JSON] = []
        if !request.system.isEmpty { messages.append(["role": "system", "content": .string(request.system)]) }
        for message in request.messages {
            switch message.role {
            case .user: messages += user(message)
            case .assistant: messages += assistant(message)
            }
        }
        body["messages"] = .array(messages)
        return body
    }

    private static func tool(_ tool: ToolDefinition) -> JSON {
        [
            "type": "function",
            "function": [
                "name": .string(tool.name), "description": .string(tool.description), "parameters": tool.parameters,
            ],
        ]
    }

    /// Each result is a message of its own, and they stand right behind the calls.
    private static func user(_ message: ChatMessage) -> [JSON] {
        var messages: [JSON] = message.toolResults.map { result in
            ["role": "tool", "tool_call_id": .string(result.callID), "content": .string(result.text)]
        }
        if !message.text.isEmpty { messages.append(["role": "user", "content": .string(message.text)]) }
        return messages
    }

    private static func assistant(_ message: ChatMessage) -> [JSON] {
        let calls = message.toolCalls
        guard !calls.isEmpty || !message.text.isEmpty else { return [] }
        var result: JSON = ["role": "assistant", "content": message.text.isEmpty ? .null : .string(message.text)]
        if !calls.isEmpty { result["tool_calls"] = .array(calls.map(call)) }
        return [result]
    }

    private static func call(_ call: ToolCall) -> JSON {
        [
            "id": .string(call.id), "type": "function",
            "function": [
                "name": .string(call.name), "arguments": .string(ToolCallArguments.object(call.arguments).text),
            ],
        ]
    }
}
