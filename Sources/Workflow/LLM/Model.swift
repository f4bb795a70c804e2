public import Messages

/// What speaks with models of one kind. A value without state of its own; called by the agent, from any task.
public protocol ModelProvider: Sendable {
    /// Asks the model for the next message and hands on its parts as they arrive.
    ///
    /// Failures that may pass are retried in here. Where something was handed on before, `attemptDiscarded` comes
    /// first: what came since the start of this call is void.
    ///
    /// - Parameter onDelta: awaited for each part, so a slow receiver slows the transfer down. What it throws ends the
    ///   call and is thrown on unchanged.
    /// - Throws: ``ModelError``; `CancellationError` when the task was cancelled; what `onDelta` throws.
    func stream(
        _ request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void
    ) async throws -> ModelResponse
}

/// A tool as the model is told of it.
public struct ToolDefinition: Sendable, Hashable {
    public var name: String
    public var description: String
    /// A JSON Schema of type `object`.
    public var parameters: JSON

    public init(name: String, description: String, parameters: JSON) {
        self.name = name
        self.description = description
        self.parameters = parameters
    }
}

public struct ModelRequest: Sendable {
    /// As its provider calls it, without the provider's own name.
    public var model: String
    public var system: String
    public var messages: [ChatMessage]
    public var tools: [ToolDefinition]
    /// The longest answer, in tokens, reasoning included.
    public var maxTokens: Int

    public init(
        model: String,
        system: String = "",
        messages: [ChatMessage],
        tools: [ToolDefinition] = [],
        maxTokens: Int = 8192
    ) {
        self.model = model
        self.system = system
        self.messages = messages
        self.tools = tools
        self.maxTokens = maxTokens
    }

    /// By name: the same tools make the same bytes, whatever order they were registered in, and so hit the provider's
    /// prompt cache.
    var sortedTools: [ToolDefinition] { tools.sorted { $0.name < $1.name } }
}

/// A part of an answer, as it arrives.
public enum ModelDelta: Sendable, Hashable {
    case text(String)
    case reasoning(String)
    /// The model began to write a tool call; its arguments come with the response.
    case toolCallStarted(id: String, name: String)
    /// The connection failed after something had arrived: all parts of this call so far are void, and it starts again.
    case attemptDiscarded
}

/// Tokens, each counted in one place only: the prompt's length is the sum of the three kinds of input.
public struct Usage: Sendable, Hashable {
    /// Neither read from the prompt cache nor written to it.
    public var inputTokens: Int
    public var outputTokens: Int
    public var cacheReadTokens: Int
    public var cacheWriteTokens: Int

    public init(inputTokens: Int = 0, outputTokens: Int = 0, cacheReadTokens: Int = 0, cacheWriteTokens: Int = 0) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadTokens = cacheReadTokens
        self.cacheWriteTokens = cacheWriteTokens
    }

    public var promptTokens: Int { inputTokens + cacheReadTokens + cacheWriteTokens }

    public static func + (left: Usage, right: Usage) -> Usage {
        Usage(
            inputTokens: left.inputTokens + right.inputTokens,
            outputTokens: left.outputTokens + right.outputTokens,
            cacheReadTokens: left.cacheReadTokens + right.cacheReadTokens,
            cacheWriteTokens: left.cacheWriteTokens + right.cacheWriteTokens
        )
    }

    public static func += (left: inout Usage, right: Usage) { left = left + right }

    /// A count out of a provider's JSON: nothing negative, and nothing so large that sums could overflow.
    static func count(_ json: JSON?) -> Int? { json?.int.map { min(max(0, $0), 1 << 40) } }
}

/// Why a model stopped.
public enum StopReason: Sendable, Hashable {
    case endTurn
    /// It waits for the results of its tool calls.
    case toolUse
    case maxTokens
    case stopSequence
    case refusal
    /// Prompt and answer together filled the context window.
    case contextWindow
    /// The provider paused a long turn; the conversation is to be sent again as it is.
    case pauseTurn
    /// One that is not known here, by the provider's name for it.
    case other(String)

    /// Whether the last thing the model wrote may be incomplete.
    var mayCut: Bool {
        switch self {
        case .maxTokens, .refusal, .contextWindow, .pauseTurn, .other: true
        case .endTurn, .toolUse, .stopSequence: false
        }
    }
}

/// A whole answer. Holds no tool call whose arguments were cut off.
public struct ModelResponse: Sendable, Hashable {
    public var message: ChatMessage
    public var stop: StopReason
    public var usage: Usage
    /// The model that answered, as the provider calls it.
    public var model: String

    public init(message: ChatMessage, stop: StopReason, usage: Usage, model: String) {
        self.message = message
        self.stop = stop
        self.usage = usage
        self.model = model
    }
}
