internal import Messages
internal import Store

/// The loop of one run: model, tool calls, results, model, until the model is done.
///
/// Made by the ``AgentRunner`` for one attempt and used by one task. Everything that must not be done twice is recorded in the
/// run's journal before the loop goes on.
struct Agent {
    let provider: any ModelProvider
    /// As the provider calls it.
    let model: String
    let tools: ToolRegistry
    let settings: AgentSettings
    let system: String
    let log: RunLog
    let files: ThreadFiles
    let memory: ThreadMemory
    var transcript: Transcript
    let clock: RunClock
    /// What goes on just now: `model`, `tool NAME CALL_ID`. After an error: what was stopped by it.
    private(set) var activity: [String] = []
    /// What is completed but not recorded, because the run is about to end with it.
    private(set) var unrecorded: [String] = []

    /// Why the loop ends before the model is done.
    struct Stop: Error {
        let code: String
        let message: String
    }

    /// - Throws: ``Stop``, ``ModelError``, ``ToolQuestion``, `CancellationError`; errors of the log.
    mutating func run() async throws {
        while true {
            switch transcript.next {
            case .end:
                guard try await heed() else { return }
            case .stopped(let stop):
                try end(after: stop)
                guard try await heed() else { return }
            case .tools(let calls):
                try await run(calls)
                try await log.progress(.stepEnded(Step(number: UInt32(transcript.turns))))
            case .model:
                _ = try await heed()
                guard transcript.turns < settings.maxTurns else {
                    throw Stop(
                        code: "max_turns",
                        message: "the agent has had \(settings.maxTurns) turns (agent.max_turns)"
                    )
                }
                try await askModel()
            }
        }
    }

    /// Takes what was said meanwhile into the conversation. - Returns: whether there was something.
    private mutating func heed() async throws -> Bool {
        let new = log.inputs.dropFirst(transcript.inputs)
        guard !new.isEmpty else { return false }
        let entries = unrecorded + new.map { transcript.add(input: $0) }
        unrecorded = []
        try await log.record(entries, memory: nil)
        return true
    }

    // MARK: The model

    private mutating func askModel() async throws {
        let step = Step(number: UInt32(transcript.turns + 1))
        clock.begin()
        activity = ["model"]
        try await log.progress(.stepStarted(step))
        let request = ModelRequest(
            model: model,
            system: system,
            messages: transcript.messages,
            tools: tools.definitions,
            maxTokens: settings.maxTokens
        )
        let response = try await provider.stream(request) { [log] delta in
            switch delta {
            case .text(let text): try await log.text(text)
            case .reasoning(let text): try await log.reasoning(text)
            case .attemptDiscarded: try await log.progress(.stepRestarted(step))
            case .toolCallStarted: break
            }
        }
        activity = []
        var news: [EventContent] = []
        let text = response.message.text
        if !text.isEmpty {
            news.append(EventContent("message_completed", .messageCompleted(MessageCompleted(text: text))))
        }
        news.append(.progress(.usage(Messages.Usage(response.usage))))
        if response.message.toolCalls.isEmpty { news.append(.progress(.stepEnded(step))) }
        let entry = transcript.add(response.message, usage: response.usage, stop: response.stop)
        if transcript.next == .stopped(.endTurn) {
            // The run's end stores it, in one write.
            unrecorded = [entry]
            for content in news { try await log.emit(content) }
        } else {
            try await log.record([entry], memory: nil, with: news)
        }
    }

    /// The model has no more to say, or was kept from saying it.
    private func end(after stop: StopReason) throws {
        switch stop {
        case .endTurn, .stopSequence, .toolUse, .pauseTurn, .other: return
        case .maxTokens:
            throw Stop(
                code: "max_tokens",
                message: "the answer was cut at \(settings.maxTokens) tokens (agent.max_tokens)"
            )
        case .refusal: throw Stop(code: "model_refused", message: "the model refused to answer")
        case .contextWindow:
            throw Stop(code: "model_context_window", message: "the conversation fills the model's context window")
        }
    }

    // MARK: Tools

    /// Runs a turn's calls: side by side if none of them changes anything, otherwise one after the other.
    private mutating func run(_ calls: [Transcript.OpenCall]) async throws {
        for open in calls where !open.isInDoubt { try await announce(open.call) }
        if calls.allSatisfy({ tools[$0.call.name]?.effect == .pure }) {
            activity = calls.map(\.call.activity)
            let outputs = try await runSideBySide(calls.map(\.call))
            activity = []
            for (call, output, duration) in outputs { try await conclude(call, output, duration) }
        } else {
            for open in calls { try await runAlone(open) }
        }
    }

    private func announce(_ call: ToolCall) async throws {
        let event = Messages.ToolCall(callID: call.id, name: call.name, arguments: call.arguments.text)
        try await log.progress(.toolCall(event))
    }

    private func runSideBySide(_ calls: [ToolCall]) async throws -> [(ToolCall, ToolOutput, Duration)] {
        try await withThrowingTaskGroup(of: (Int, ToolOutput, Duration).self) { group in
            for (index, call) in calls.enumerated() {
                group.addTask { [self] in
                    let (output, duration) = try await execute(call)
                    return (index, output, duration)
                }
            }
            var results: [(ToolCall, ToolOutput, Duration)?] = Array(repeating: nil, count: calls.count)
            for try await (index, output, duration) in group { results[index] = (calls[index], output, duration) }
            return results.compactMap { $0 }
        }
    }

    /// A call in doubt runs again only if that does no harm; otherwise the model is told and can look for itself.
    private mutating func runAlone(_ open: Transcript.OpenCall) async throws {
        let effect = tools[open.call.name]?.effect ?? .pure
        if open.isInDoubt, effect == .unsafe {
            let text =
                "The call was interrupted when its worker was lost: it may have taken effect in part or in full. "
                + "Check before you repeat it."
            return try await conclude(open.call, ToolOutput(text, isError: true), .zero)
        }
        if effect != .pure { try await log.record([transcript.start(open.call)], memory: nil) }
        activity = [open.call.activity]
        let (output, duration) = try await execute(open.call)
        activity = []
        try await conclude(open.call, output, duration)
    }

    private func execute(_ call: ToolCall) async throws -> (ToolOutput, Duration) {
        let (workspace, sandbox) = try files.open()
        let context = ToolContext(
            callID: call.id,
            workspace: workspace,
            sandbox: sandbox,
            memory: memory,
            answer: log.run.answers[call.id]
        ) { [log] text in
            // What the log cannot take is told by the next write, which throws.
            try? await log.progress(.toolOutput(Messages.ToolOutput(callID: call.id, text: text)))
        }
        let clock = ContinuousClock()
        let start = clock.now
        let output = try await tools.run(call, in: context, limit: settings.toolLimit)
        return (output, clock.now - start)
    }

    private mutating func conclude(_ call: ToolCall, _ output: ToolOutput, _ duration: Duration) async throws {
        let result = Messages.ToolResult(
            callID: call.id,
            name: call.name,
            text: output.text,
            isError: output.isError,
            durationMs: UInt32(clamping: duration.milliseconds)
        )
        var news: [EventContent] = []
        if let (type, payload) = output.detail?.event(of: call.id) { news.append(EventContent(type, payload)) }
        news.append(.progress(.toolResult(result)))
        let entry = transcript.add(
            ToolResult(callID: call.id, text: output.text, isError: output.isError),
            endsRun: output.endsRun
        )
        try await log.record([entry], memory: memory.json.text, with: news)
    }
}

/// What bounds an agent; the defaults are those of `config.toml`.
public struct AgentSettings: Sendable {
    /// Turns of the model in one run.
    public var maxTurns = 50
    /// Tokens of one answer.
    public var maxTokens = 8192
    /// A run that takes longer ends as `timed_out`; all its attempts count, and the time for which it waits for an answer does not.
    public var timeLimit = Duration.seconds(3600)
    /// A turn of the model with the tool calls it asks for; a run in which one takes longer ends as `timed_out`.
    public var stepLimit = Duration.seconds(1800)
    /// A tool call that takes longer is stopped, and the model is told.
    public var toolLimit = Duration.seconds(900)
    /// The model of runs that name none.
    public var model = "script/demo"
    /// The first part of the system prompt.
    public var instructions = AgentSettings.defaultInstructions

    public init() {}
}

extension ToolCall {
    fileprivate var activity: String { "tool \(name) \(id)" }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
