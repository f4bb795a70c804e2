public import Logging
internal import Messages
public import Store

/// Carries out claimed runs: finds the model, opens the thread's workspace, lets the agent work, and says how it ended.
///
/// The executable fits this to the modem. A value; runs are independent of each other.
public struct AgentRunner: Sendable {
    private let models: ModelCatalog
    private let tools: ToolRegistry
    private let sandboxes: SandboxFactory
    private let settings: AgentSettings
    /// The directory that holds a workspace for each thread.
    private let workspaces: String
    private let logger: Logger

    public init(
        models: ModelCatalog,
        tools: ToolRegistry,
        sandboxes: SandboxFactory,
        settings: AgentSettings,
        workspaces: String,
        logger: Logger
    ) {
        self.models = models
        self.tools = tools
        self.sandboxes = sandboxes
        self.settings = settings
        self.workspaces = workspaces
        self.logger = logger
    }

    /// Carries a run out, or goes on with it where an earlier attempt was lost.
    ///
    /// When the task is cancelled it returns as soon as tools and transfers are gone, with what the conversation has come to.
    /// - Throws: errors of the log, after which the run is not this worker's business any more.
    public func carryOut(_ run: ClaimedRun, log: RunLog) async throws -> RunEnd {
        let name = run.model.isEmpty ? settings.model : run.model
        let transcript = Transcript(history: run.messages, task: run.task, journal: run.journal)
        let agent: Agent
        do {
            agent = try await makeAgent(run, log: log, model: name, transcript: transcript)
        } catch {
            return end(of: transcript, because: error, model: name, memory: nil)
        }
        return try await withTimeLimit { try await work(agent, model: name) }
    }

    private func makeAgent(_ run: ClaimedRun, log: RunLog, model: String, transcript: Transcript) async throws -> Agent
    {
        let (provider, modelName) = try models.resolve(model)
        let workspace = try Workspace(root: "\(workspaces)/\(run.threadID)")
        let sandbox = sandboxes.makeSandbox(for: workspace)
        // What an earlier run left is JSON; anything else is taken as a fresh start, see ThreadMemory.
        let memory = ThreadMemory(json: (try? JSON(parsing: run.memory)) ?? .null)
        let system = SystemPrompt(
            instructions: settings.instructions,
            workspacePath: sandbox.workspacePath,
            rules: await workspace.rules()
        )
        return Agent(
            provider: provider,
            model: modelName,
            tools: tools,
            settings: settings,
            system: system.text,
            log: log,
            workspace: workspace,
            sandbox: sandbox,
            memory: memory,
            transcript: transcript
        )
    }

    private func work(_ agent: Agent, model: String) async throws -> RunEnd {
        var agent = agent
        let memory = agent.memory
        var failure: (any Error)?
        do { try await agent.run() } catch { failure = error }
        await agent.sandbox.close()
        if let failure {
            if failure is StoreError { throw failure }
            return end(of: agent.transcript, because: failure, model: model, memory: memory.json.text)
        }
        return RunEnd(
            .completed,
            usage: Messages.Usage(agent.transcript.usage),
            text: agent.transcript.lastText,
            model: model,
            messages: agent.transcript.closed("The run was over."),
            memory: memory.json.text
        )
    }

    private func end(of transcript: Transcript, because error: any Error, model: String, memory: String?) -> RunEnd {
        var end = RunEnd(
            .failed,
            usage: Messages.Usage(transcript.usage),
            text: transcript.lastText,
            model: model,
            messages: transcript.closed("The run ended before this call was carried out."),
            memory: memory
        )
        switch error {
        case is CancellationError: end.status = .cancelled
        case let stop as Agent.Stop: end.error = Failure(code: stop.code, message: stop.message)
        case let error as ModelError: end.error = Failure(code: "model_\(error.code.word)", message: error.message)
        case let error as ToolError: end.error = Failure(code: "workspace", message: error.message)
        default:
            logger.error("a run failed", metadata: ["error": "\(error)"])
            end.error = Failure(code: "internal", message: "internal error; the worker's log says more")
        }
        return end
    }

    /// The agent against the clock. A run that is over time is cancelled and ends as `timed_out`.
    private func withTimeLimit(_ work: @escaping @Sendable () async throws -> RunEnd) async throws -> RunEnd {
        try await withThrowingTaskGroup(of: RunEnd?.self) { group in
            group.addTask { try await work() }
            group.addTask { [limit = settings.timeLimit] in
                // Cancelled when the agent is done first.
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            if let first { return first }
            var end = try await group.next().flatMap { $0 } ?? RunEnd(.timedOut)
            // The run may have been cancelled, or done, just when its time was over; then that is how it ended.
            guard !Task.isCancelled, end.status != .completed else { return end }
            end.status = .timedOut
            end.error = Failure(
                code: "time_limit",
                message: "the run took longer than \(settings.timeLimit) (agent.run_limit_seconds)"
            )
            return end
        }
    }
}

extension Workspace {
    /// Its AGENTS.md; nil where there is none that can be read as text.
    fileprivate func rules() async -> String? {
        do {
            return String(validating: try await read("AGENTS.md").content.prefix(32 * 1024), as: UTF8.self)
        } catch {
            return nil
        }
    }
}

extension ModelError.Code {
    /// In the contract's spelling: `rate_limited`.
    fileprivate var word: String {
        rawValue.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
    }
}
