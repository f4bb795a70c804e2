internal import Messages

/// The state of one streamed answer of Anthropic's Messages API. A value without I/O: events in, parts and at last the
/// answer out.
struct AnthropicStream: ModelStream {
    private enum Kind {
        case text
        case tool(id: String, name: String)
        /// Goes back word for word.
        case opaque(JSON)
    }

    private struct Block {
        let index: Int
        let kind: Kind
        var text = ""
        /// Arguments, as pieces of JSON text.
        var input = ""
        var thinking = ""
        var signature = ""
        var isStopped = false
    }

    private static let blockLimit = 4096

    private var model = ""
    private var usage = Usage()
    private var stop: StopReason?
    /// In the order in which they started.
    private var blocks: [Block] = []

    mutating func receive(_ event: SSEEvent) throws(ModelError) -> ModelStreamAction {
        switch event.type {
        case "message_start": try start(try parse(event))
        case "content_block_start": return .emit(try startBlock(try parse(event)))
        case "content_block_delta": return .emit(try extendBlock(try parse(event)))
        case "content_block_stop":
            let json = try parse(event)
            try change(json) { $0.isStopped = true }
        case "message_delta": try finishMessage(try parse(event))
        case "message_stop": return .finish(try response())
        case "error":
            let json = try parse(event)
            throw ModelError(event: json) ?? .malformed("an error without a reason")
        // `ping`, and what later versions may add.
        default: return .ignore
        }
        return .emit([])
    }

    mutating func end() throws(ModelError) -> ModelResponse {
        throw .malformed("the answer ended before message_stop")
    }

    private func parse(_ event: SSEEvent) throws(ModelError) -> JSON {
        do throws(JSONError) {
            return try JSON(parsing: event.data)
        } catch {
            throw .malformed("\(event.type) is not JSON: \(error)")
        }
    }

    private mutating func start(_ json: JSON) throws(ModelError) {
        model = json["message"]?["model"]?.string ?? ""
        update(json["message"]?["usage"])
    }

    private mutating func finishMessage(_ json: JSON) throws(ModelError) {
        if let reason = json["delta"]?["stop_reason"]?.string { stop = StopReason(anthropic: reason) }
        update(json["usage"])
    }

    /// The counts are totals, not increments.
    private mutating func update(_ json: JSON?) {
        usage.inputTokens = Usage.count(json?["input_tokens"]) ?? usage.inputTokens
        usage.outputTokens = Usage.count(json?["output_tokens"]) ?? usage.outputTokens
        usage.cacheReadTokens = Usage.count(json?["cache_read_input_tokens"]) ?? usage.cacheReadTokens
        usage.cacheWriteTokens = Usage.count(json?["cache_creation_input_tokens"]) ?? usage.cacheWriteTokens
    }

    // MARK: Blocks

    private mutating func startBlock(_ json: JSON) throws(ModelError) -> [ModelDelta] {
        guard let index = json["index"]?.int, let content = json["content_block"], blocks.count < Self.blockLimit,
            !blocks.contains(where: { $0.index == index })
        else { throw .malformed("a content block without place or content, or one too many") }
        switch content["type"]?.string {
        case "text":
            let text = content["text"]?.string ?? ""
            blocks.append(Block(index: index, kind: .text, text: text))
            return text.isEmpty ? [] : [.text(text)]
        case "tool_use":
            guard let id = content["id"]?.string, let name = content["name"]?.string else {
                throw .malformed("a tool call without id or name")
            }
            // Some that speak this format send the arguments whole, here.
            let input = content["input"].map { $0 == [:] ? "" : $0.text } ?? ""
            blocks.append(Block(index: index, kind: .tool(id: id, name: name), input: input))
            return [.toolCallStarted(id: id, name: name)]
        default:
            blocks.append(Block(index: index, kind: .opaque(content)))
            return []
        }
    }

    private mutating func extendBlock(_ json: JSON) throws(ModelError) -> [ModelDelta] {
        let delta = json["delta"] ?? .null
        var emitted: [ModelDelta] = []
        try change(json) { block in
            switch delta["type"]?.string {
            case "text_delta":
                let piece = delta["text"]?.string ?? ""
                block.text += piece
                emitted = [.text(piece)]
            case "thinking_delta":
                let piece = delta["thinking"]?.string ?? ""
                block.thinking += piece
                emitted = [.reasoning(piece)]
            case "input_json_delta": block.input += delta["partial_json"]?.string ?? ""
            case "signature_delta": block.signature += delta["signature"]?.string ?? ""
            // Citations, and what later versions may add, do not change what is kept.
            default: break
            }
        }
        return emitted
    }

    private mutating func change(_ json: JSON, _ body: (inout Block) -> Void) throws(ModelError) {
        guard let index = json["index"]?.int, let place = blocks.lastIndex(where: { $0.index == index }) else {
            throw .malformed("an event for a content block that has not started")
        }
        body(&blocks[place])
    }

    // MARK: The answer

    private func response() throws(ModelError) -> ModelResponse {
        guard let stop else { throw .malformed("the answer ended without a stop reason") }
        guard stop.mayCut || blocks.allSatisfy(\.isStopped) else { throw .malformed("a content block has no end") }
        let parts = blocks.enumerated().compactMap { place, block in
            part(block, mayBeCut: stop.mayCut && (place == blocks.count - 1 || !block.isStopped))
        }
        return ModelResponse(
            message: ChatMessage(role: .assistant, parts: parts),
            stop: stop,
            usage: usage,
            model: model
        )
    }

    /// - Returns: nil for what must not be kept: a cut tool call, empty text, and thinking without the signature that
    ///   it goes back with.
    private func part(_ block: Block, mayBeCut: Bool) -> ChatMessage.Part? {
        switch block.kind {
        case .text:
            return block.text.isEmpty ? nil : .text(block.text)
        case .tool(let id, let name):
            guard let arguments = ToolCallArguments.parse(block.input, mayBeCut: mayBeCut) else { return nil }
            return .toolCall(ToolCall(id: id, name: name, arguments: arguments))
        case .opaque(var value):
            value.append(block.thinking, to: "thinking")
            value.append(block.signature, to: "signature")
            if value["type"]?.string == "thinking", value["signature"]?.string?.isEmpty ?? true { return nil }
            if !block.input.isEmpty {
                guard let input = ToolCallArguments.parse(block.input, mayBeCut: mayBeCut) else { return nil }
                value["input"] = ToolCallArguments.object(input)
            }
            return .opaque(provider: AnthropicProvider.name, value)
        }
    }
}

extension StopReason {
    fileprivate init(anthropic name: String) {
        switch name {
        case "end_turn": self = .endTurn
        case "tool_use": self = .toolUse
        case "max_tokens": self = .maxTokens
        case "stop_sequence": self = .stopSequence
        case "pause_turn": self = .pauseTurn
        case "refusal": self = .refusal
        case "model_context_window_exceeded": self = .contextWindow
        default: self = .other(name)
        }
    }
}

extension JSON {
    /// Adds text to the end of a member; nothing, where there is nothing to add.
    fileprivate mutating func append(_ text: String, to key: String) {
        if !text.isEmpty { self[key] = .string((self[key]?.string ?? "") + text) }
    }
}
