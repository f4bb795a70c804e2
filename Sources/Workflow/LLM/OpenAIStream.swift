internal import Messages

/// The state of one streamed answer of chat completions, as OpenAI and the many that imitate it send them. A value
/// without I/O.
struct OpenAIStream: ModelStream {
    private struct Call {
        /// Where the server gives none, the id alone tells calls apart.
        let index: Int?
        var id: String
        var name: String
        var arguments = ""
        var isAnnounced = false
    }

    private static let callLimit = 256

    /// For calls to which the server gives no id.
    private let idPrefix: String
    private var model = ""
    private var text = ""
    private var hasRefused = false
    private var calls: [Call] = []
    private var finish: String?
    private var usage = Usage()

    init(idPrefix: String) { self.idPrefix = idPrefix }

    mutating func receive(_ event: SSEEvent) throws(ModelError) -> ModelStreamAction {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: event.data)
        } catch {
            if event.data.trimmed == "[DONE]" { return .finish(try end()) }
            throw .malformed("an event is not JSON: \(error)")
        }
        if let error = ModelError(event: json) { throw error }
        if model.isEmpty { model = json["model"]?.string ?? "" }
        update(json["usage"])
        guard let choice = json["choices"]?[0] else { return .emit([]) }
        let deltas = try extend(choice["delta"] ?? .null)
        if let reason = choice["finish_reason"]?.string {
            if reason == "error" {
                throw ModelError(.unavailable, "the provider failed within its answer", isRetryable: true)
            }
            finish = reason
        }
        return .emit(deltas)
    }

    /// Comes once or twice, alone or with a choice, and is a total each time.
    private mutating func update(_ json: JSON?) {
        guard let json, let prompt = Usage.count(json["prompt_tokens"]) else { return }
        let details = json["prompt_tokens_details"]
        let read = min(prompt, Usage.count(details?["cached_tokens"]) ?? 0)
        let written = min(prompt - read, Usage.count(details?["cache_write_tokens"]) ?? 0)
        usage = Usage(
            inputTokens: prompt - read - written,
            outputTokens: Usage.count(json["completion_tokens"]) ?? 0,
            cacheReadTokens: read,
            cacheWriteTokens: written
        )
    }

    private mutating func extend(_ delta: JSON) throws(ModelError) -> [ModelDelta] {
        var deltas: [ModelDelta] = []
        if let piece = (delta["reasoning_content"] ?? delta["reasoning"])?.string, !piece.isEmpty {
            deltas.append(.reasoning(piece))
        }
        if let piece = delta["content"]?.string, !piece.isEmpty {
            text += piece
            deltas.append(.text(piece))
        }
        if let piece = delta["refusal"]?.string, !piece.isEmpty {
            hasRefused = true
            text += piece
            deltas.append(.text(piece))
        }
        for fragment in delta["tool_calls"]?.array ?? [] {
            if let started = try extendCall(fragment) { deltas.append(started) }
        }
        return deltas
    }

    // MARK: Tool calls

    private mutating func extendCall(_ fragment: JSON) throws(ModelError) -> ModelDelta? {
        let place = try place(of: fragment)
        let function = fragment["function"]
        if calls[place].name.isEmpty { calls[place].name = function?["name"]?.string ?? "" }
        switch function?["arguments"] {
        case .string(let piece): calls[place].arguments += piece
        // Some send the object itself.
        case .object(let members): calls[place].arguments = JSON.object(members).text
        case .null, .bool, .int, .double, .array, nil: break
        }
        guard !calls[place].isAnnounced, !calls[place].name.isEmpty else { return nil }
        calls[place].isAnnounced = true
        return .toolCallStarted(id: calls[place].id, name: calls[place].name)
    }

    /// A fragment belongs to the call of its index, else to that of its id, else to the last one. Another id at a known
    /// index is another call: there are servers that number all calls with 0.
    private mutating func place(of fragment: JSON) throws(ModelError) -> Int {
        let index = fragment["index"]?.int
        let id = fragment["id"]?.string ?? ""
        let known =
            if let index {
                calls.lastIndex { $0.index == index && (id.isEmpty || $0.id == id || $0.id.hasPrefix(idPrefix)) }
            } else if id.isEmpty { calls.indices.last } else { calls.lastIndex { $0.id == id } }
        if let known { return known }
        guard calls.count < Self.callLimit else {
            throw .malformed("more than \(Self.callLimit) tool calls in one answer")
        }
        calls.append(Call(index: index, id: id.isEmpty ? "\(idPrefix)_\(calls.count)" : id, name: ""))
        return calls.count - 1
    }

    // MARK: The answer

    /// A body that ends without `[DONE]` is whole if a finish was seen.
    mutating func end() throws(ModelError) -> ModelResponse {
        guard let finish else { throw .malformed("the answer ended without a finish_reason") }
        let stop = StopReason(openAI: finish, hasRefused: hasRefused)
        var parts: [ChatMessage.Part] = text.isEmpty ? [] : [.text(text)]
        for (place, call) in calls.enumerated() {
            guard !call.name.isEmpty else { throw .malformed("a tool call without a name") }
            let mayBeCut = stop.mayCut && place == calls.count - 1
            guard let arguments = ToolCallArguments.parse(call.arguments, mayBeCut: mayBeCut) else { continue }
            parts.append(.toolCall(ToolCall(id: call.id, name: call.name, arguments: arguments)))
        }
        let message = ChatMessage(role: .assistant, parts: parts)
        // Whatever the finish says: some servers say `stop` here.
        let isToolTurn = !message.toolCalls.isEmpty && !stop.mayCut
        return ModelResponse(message: message, stop: isToolTurn ? .toolUse : stop, usage: usage, model: model)
    }
}

extension StopReason {
    fileprivate init(openAI name: String, hasRefused: Bool) {
        switch name {
        case "stop": self = hasRefused ? .refusal : .endTurn
        case "tool_calls", "function_call": self = .toolUse
        case "length": self = .maxTokens
        case "content_filter": self = .refusal
        default: self = .other(name)
        }
    }
}

extension String {
    fileprivate var trimmed: Substring {
        let start = drop(while: \.isWhitespace)
        return start.prefix(
            start.lastIndex { !$0.isWhitespace }.map { start.distance(from: start.startIndex, to: $0) + 1 } ?? 0
        )
    }
}
