import Foundation
import Logging
import Messages
import NIOCore
import NIOPosix
import Redis
import Store
import Synchronization
import TestSupport

@testable import Workflow

/// A model that answers what the test has written down, in order.
final class ScriptedModel: ModelProvider {
    typealias Turn = @Sendable (ModelRequest, @Sendable (ModelDelta) async throws -> Void) async throws -> ModelResponse

    private let turns: Mutex<[Turn]>
    private let requests = Mutex<[ModelRequest]>([])

    init(_ turns: [Turn]) { self.turns = Mutex(turns) }

    /// What it was asked.
    var asked: [ModelRequest] { requests.withLock { $0 } }

    func stream(
        _ request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void
    ) async throws -> ModelResponse {
        requests.withLock { $0.append(request) }
        let turn = turns.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let turn else { throw ModelError(.protocol, "the script is at its end") }
        return try await turn(request, onDelta)
    }

    /// Says a text and stops.
    static func says(_ text: String, stop: StopReason = .endTurn) -> Turn {
        { _, onDelta in
            try await onDelta(.text(text))
            return response([.text(text)], stop: stop)
        }
    }

    /// Calls tools without arguments, by id and name.
    static func calls(_ calls: (id: String, name: String)...) -> Turn {
        { _, _ in
            response(
                calls.map { .toolCall(Workflow.ToolCall(id: $0.id, name: $0.name, arguments: [:])) },
                stop: .toolUse
            )
        }
    }

    static func fails(_ error: any Error) -> Turn { { _, _ in throw error } }

    static func response(_ parts: [ChatMessage.Part], stop: StopReason) -> ModelResponse {
        ModelResponse(
            message: ChatMessage(role: .assistant, parts: parts),
            stop: stop,
            usage: Workflow.Usage(inputTokens: 10, outputTokens: 3),
            model: "m"
        )
    }
}

/// A tool that does what the test says.
struct ScriptedTool: Tool {
    let name: String
    let summary = "For tests."
    let parameters = ToolSchema()
    let effect: ToolEffect
    let body: @Sendable (ToolContext) async throws -> Workflow.ToolOutput

    init(
        _ name: String,
        _ effect: ToolEffect,
        _ body: @escaping @Sendable (ToolContext) async throws -> Workflow.ToolOutput = { _ in Workflow.ToolOutput("ok")
        }
    ) {
        self.name = name
        self.effect = effect
        self.body = body
    }

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> Workflow.ToolOutput {
        try await body(context)
    }
}

/// An agent on a real store, as a worker would carry it out.
struct AgentBench: Sendable {
    let store: Store
    let loop: any EventLoop
    let model: ScriptedModel
    let runner: AgentRunner
    let directory: String

    static func with(
        _ turns: [ScriptedModel.Turn],
        tools: [any Tool] = [],
        _ configure: (inout AgentSettings) -> Void = { _ in },
        _ body: @Sendable (AgentBench) async throws -> Void
    ) async throws {
        var settings = AgentSettings()
        settings.model = "scripted/m"
        configure(&settings)
        let directory = NSTemporaryDirectory() + "baud-agent-" + UUID().uuidString
        let model = ScriptedModel(turns)
        let runner = AgentRunner(
            models: ModelCatalog(providers: ["scripted": model]),
            tools: ToolRegistry(tools),
            sandboxes: try await SandboxProbe.run(.none),
            settings: settings,
            workspaces: directory,
            logger: .quiet
        )
        try await withStore { store, _, group in
            let bench = AgentBench(store: store, loop: group.next(), model: model, runner: runner, directory: directory)
            try await body(bench)
        }
        if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(atPath: directory) }
    }

    func thread() async throws -> String { try await store.initiate(InitiateThreadRequest()).thread.threadID }

    /// A run that this worker has taken up.
    func claim(_ thread: String, task: String = "do it", model: String = "") async throws -> ClaimedRun {
        _ = try await store.execute(ExecuteRunRequest(threadID: thread, task: task, model: model))
        guard let entry = try await store.takeNext(for: "w").first else { throw CancellationError() }
        return try await claim(entry)
    }

    /// The next attempt of a run whose worker was lost.
    func claimAgain() async throws -> ClaimedRun {
        guard let entry = try await store.takeOver(for: "w").first else { throw CancellationError() }
        return try await claim(entry)
    }

    private func claim(_ entry: QueueEntry) async throws -> ClaimedRun {
        guard let run = try await store.claim(entry, maxAttempts: 9) else { throw CancellationError() }
        return run
    }

    /// Carries a run out and writes its end.
    @discardableResult
    func carryOut(_ run: ClaimedRun) async throws -> RunEnd {
        let log = RunLog(run: run, store: store)
        let end = try await runner.carryOut(run, log: log)
        try await log.finish(end)
        return end
    }

    @discardableResult
    func carryOut(_ thread: String, task: String = "do it", model: String = "") async throws -> RunEnd {
        try await carryOut(try await claim(thread, task: task, model: model))
    }

    /// What the log tells, a word for each event; progress by its kind.
    func story(_ thread: String) async throws -> [String] {
        try await log(thread).map { event in
            guard case .taskAgentExecute(let progress)? = event.payload else { return event.type }
            return switch progress.progress {
            case .textDelta(let delta): "text \(delta.text)"
            case .reasoningDelta: "reasoning"
            case .stepStarted(let step): "step \(step.number)"
            case .stepEnded(let step): "end of step \(step.number)"
            case .stepRestarted(let step): "step \(step.number) again"
            case .toolCall(let call): "call \(call.callID)"
            case .toolOutput(let output): "output \(output.text)"
            case .toolResult(let result): "result \(result.callID)"
            case .usage: "usage"
            case nil: "nothing"
            }
        }
    }

    func log(_ thread: String) async throws -> [Event] {
        let page = try await withCheckedThrowingContinuation { continuation in
            loop.execute {
                store.page(of: thread, after: .zero, count: 10_000, on: loop) { continuation.resume(with: $0) }
            }
        }
        return try page.events.map { try Event(serialized: Array($0.serialized().readableBytesView)) }
    }
}

extension [String] {
    /// Stored messages as messages.
    func conversation() throws -> [ChatMessage] {
        try map { text in
            guard let message = ChatMessage(json: try JSON(parsing: text)) else {
                throw ToolError("no message: \(text)")
            }
            return message
        }
    }
}

extension [ChatMessage] {
    /// Whether each tool call is answered, in the message that follows, and nothing else is.
    var isValid: Bool {
        for (index, message) in enumerated() {
            let calls = message.toolCalls.map(\.id)
            let next = index + 1 < count ? self[index + 1] : nil
            if message.role == .assistant, !calls.isEmpty, next?.toolResults.map(\.callID) != calls { return false }
            if message.role == .user, !message.toolResults.isEmpty {
                guard index > 0, self[index - 1].toolCalls.map(\.id) == message.toolResults.map(\.callID) else {
                    return false
                }
            }
        }
        return first?.role == .user
    }
}
