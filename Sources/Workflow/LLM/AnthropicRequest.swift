internal import Messages

/// The body of a call of Anthropic's Messages API. The same request makes the same bytes, with what changes least in
/// front, so that prompt caches hit.
enum AnthropicRequest {
    /// Marks the end of a part that is worth caching. Four are allowed: the last tool, the system text, the last two
    /// messages.
    private static let breakpoint: JSON = ["type": "ephemeral"]

    static func body(_ request: ModelRequest) -> JSON {
        var body: JSON = [
            "model": .string(request.model), "max_tokens": JSON(request.maxTokens), "stream": true,
        ]
        if !request.tools.isEmpty { body["tools"] = .array(tools(request.sortedTools)) }
        if !request.system.isEmpty {
            body["system"] = [["type": "text", "text": .string(request.system), "cache_control": breakpoint]]
        }
        body["messages"] = .array(messages(request.messages))
        return body
    }

    private static func tools(_ tools: [ToolDefinition]) -> [JSON] {
        var result: [JSON] = tools.map { tool in
            ["name": .string(tool.name), "description": .string(tool.description), "input_schema": tool.parameters]
        }
        result[result.count - 1]["cache_control"] = breakpoint
        return result
    }

    /// Messages of one role in a row become one: all results of a turn have to stand in one message.
    private static func messages(_ messages: [ChatMessage]) -> [JSON] {
        var turns: [(role: ChatMessage.Role, blocks: [JSON])] = []
        for message in messages {
            let blocks = ordered(message.parts).compactMap(block)
            if blocks.isEmpty { continue }
            if turns.last?.role == message.role {
                turns[turns.count - 1].blocks += blocks
            } else {
                turns.append((message.role, blocks))
            }
        }
        for index in turns.indices.suffix(2) { markEnd(of: &turns[index].blocks) }
        return turns.map { ["role": .string($0.role.rawValue), "content": .array($0.blocks)] }
    }

    /// Results stand before the text of their message.
    private static func ordered(_ parts: [ChatMessage.Part]) -> [ChatMessage.Part] {
        let isResult = { (part: ChatMessage.Part) in if case .toolResult = part { true } else { false } }
        return parts.filter(isResult) + parts.filter { !isResult($0) }
    }

    /// Thinking cannot bear a mark, and is left exactly as it came.
    private static func markEnd(of blocks: inout [JSON]) {
        let markable: Set = ["text", "tool_use", "tool_result"]
        guard let index = blocks.lastIndex(where: { markable.contains($0["type"]?.string ?? "") }) else { return }
        blocks[index]["cache_control"] = breakpoint
    }

    /// - Returns: nil for what is not sent: blank text, which is refused, and what belongs to other providers.
    private static func block(_ part: ChatMessage.Part) -> JSON? {
        switch part {
        case .text(let text):
            if text.allSatisfy(\.isWhitespace) { return nil }
            return ["type": "text", "text": .string(text)]
        case .opaque(let provider, let value):
            guard provider == AnthropicProvider.name else { return nil }
            return value
        case .toolCall(let call):
            return [
                "type": "tool_use", "id": .string(identifier(call.id)), "name": .string(call.name),
                "input": ToolCallArguments.object(call.arguments),
            ]
        case .toolResult(let result):
            return [
                "type": "tool_result", "tool_use_id": .string(identifier(result.callID)),
                "content": .string(result.text),
                "is_error": .bool(result.isError),
            ]
        }
    }

    /// Ids may come from another provider; here only letters, digits, `_` and `-` are allowed.
    private static func identifier(_ id: String) -> String {
        String(id.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" })
    }
}
