internal import Messages

/// A run's conversation while it is carried out: what the thread said before, what this run has added, and what is still open.
///
/// A value without I/O. Each change gives the journal entry that must be stored before the agent goes on; a later attempt builds the
/// same transcript from those entries, so that no model turn and no tool call that has completed is done again.
struct Transcript: Sendable {
    /// What the agent does next.
    enum Next: Sendable, Equatable {
        /// Ask the model.
        case model
        /// Run these tool calls of the last message.
        case tools([OpenCall])
        /// The model asks for nothing more: it is done, or was kept from going on.
        case stopped(StopReason)
        /// A tool has ended the agent's turn.
        case end
    }

    /// A tool call without a result.
    struct OpenCall: Sendable, Equatable {
        let call: ToolCall
        /// It was started by an attempt that was lost: whether it has happened is not known.
        let isInDoubt: Bool
    }

    /// The conversation of earlier runs.
    private let history: [ChatMessage]
    /// This run's messages; the results of a turn are joined to one message when all are there.
    private var added: [ChatMessage]
    private var results: [ToolResult] = []
    private var started: Set<String> = []
    /// Why the model stopped writing its last message.
    private var stop = StopReason.endTurn
    private var hasEnded = false

    private(set) var usage = Usage()
    /// How much of what was said to the run while it went on is in the conversation.
    private(set) var inputs = 0

    /// - Parameters:
    ///   - history, journal: as they were stored; an entry that cannot be read is passed over.
    init(history: [String], task: String, journal: [String] = []) {
        self.history = history.compactMap { Self.parse($0).flatMap(ChatMessage.init(json:)) }
        added = [.user(task)]
        for entry in journal.compactMap(Self.parse) { replay(entry) }
    }

    private static func parse(_ text: String) -> JSON? { try? JSON(parsing: text) }

    // MARK: State

    /// What the model is sent.
    var messages: [ChatMessage] { history + added }

    /// How many turns of the model this run has had.
    var turns: Int { added.count { $0.role == .assistant } }

    /// The model's last message.
    var lastText: String { added.last { $0.role == .assistant }?.text ?? "" }

    var next: Next {
        guard !hasEnded else { return .end }
        guard let last = added.last, last.role == .assistant else { return .model }
        let open = openCalls
        switch stop {
        case .refusal, .contextWindow: return .stopped(stop)
        case .endTurn, .toolUse, .maxTokens, .stopSequence, .other: return open.isEmpty ? .stopped(stop) : .tools(open)
        case .pauseTurn: return open.isEmpty ? .model : .tools(open)
        }
    }

    private var openCalls: [OpenCall] {
        guard let last = added.last, last.role == .assistant else { return [] }
        let done = Set(results.map(\.callID))
        return last.toolCalls.filter { !done.contains($0.id) }.map {
            OpenCall(call: $0, isInDoubt: started.contains($0.id))
        }
    }

    // MARK: Changes

    /// The model has answered.
    mutating func add(_ message: ChatMessage, usage: Usage, stop: StopReason) -> String {
        record([
            "message": message.json,
            "stop": .string(stop.word),
            "usage": [
                JSON(usage.inputTokens), JSON(usage.outputTokens), JSON(usage.cacheReadTokens),
                JSON(usage.cacheWriteTokens),
            ],
        ])
    }

    /// A tool is about to run; to be stored before it does, unless it may run twice.
    mutating func start(_ call: ToolCall) -> String { record(["started": .string(call.id)]) }

    /// A tool has run. - Parameter endsRun: whether the agent's turn ends with it.
    mutating func add(_ result: ToolResult, endsRun: Bool) -> String {
        record(["result": ChatMessage.Part.toolResult(result).json, "ends": .bool(endsRun)])
    }

    /// Someone has said something while the run goes on; the model is asked again.
    mutating func add(input: String) -> String { record(["input": .string(input)]) }

    private mutating func record(_ entry: JSON) -> String {
        replay(entry)
        return entry.text
    }

    private mutating func replay(_ entry: JSON) {
        if let message = entry["message"].flatMap(ChatMessage.init(json:)) {
            added.append(message)
            stop = entry["stop"]?.string.map(StopReason.init(word:)) ?? .endTurn
            let counts = (entry["usage"]?.array ?? []).map { $0.int ?? 0 }
            if counts.count == 4 {
                usage += Usage(
                    inputTokens: counts[0],
                    outputTokens: counts[1],
                    cacheReadTokens: counts[2],
                    cacheWriteTokens: counts[3]
                )
            }
        } else if let input = entry["input"]?.string {
            inputs += 1
            added.append(.user(input))
            hasEnded = false
        } else if let id = entry["started"]?.string {
            started.insert(id)
        } else if let part = entry["result"].flatMap(ChatMessage.Part.init), case .toolResult(let result) = part,
            openCalls.contains(where: { $0.call.id == result.callID })
        {
            results.append(result)
            if entry["ends"]?.bool == true { hasEnded = true }
            joinResults()
        }
    }

    /// All results of a turn go into one message, in the order of the calls.
    private mutating func joinResults() {
        guard let last = added.last, last.role == .assistant, openCalls.isEmpty else { return }
        let byID = Dictionary(results.map { ($0.callID, $0) }, uniquingKeysWith: { first, _ in first })
        added.append(ChatMessage(role: .user, parts: last.toolCalls.compactMap { byID[$0.id] }.map { .toolResult($0) }))
        results = []
        started = []
    }

    // MARK: The end

    /// What the thread's conversation gains: valid for a model's next request, so open calls get a result that says what became of them.
    func closed(_ reason: String) -> [String] {
        var copy = self
        for open in openCalls {
            _ = copy.add(ToolResult(callID: open.call.id, text: reason, isError: true), endsRun: false)
        }
        return copy.added.map(\.json.text)
    }
}

extension StopReason {
    /// In the journal.
    fileprivate var word: String {
        switch self {
        case .endTurn: "end_turn"
        case .toolUse: "tool_use"
        case .maxTokens: "max_tokens"
        case .stopSequence: "stop_sequence"
        case .refusal: "refusal"
        case .contextWindow: "context_window"
        case .pauseTurn: "pause_turn"
        case .other(let name): name
        }
    }

    fileprivate init(word: String) {
        let known: [StopReason] = [
            .endTurn, .toolUse, .maxTokens, .stopSequence, .refusal, .contextWindow, .pauseTurn,
        ]
        self = known.first { $0.word == word } ?? .other(word)
    }
}
