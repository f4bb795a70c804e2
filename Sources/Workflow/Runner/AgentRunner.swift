internal import Glibc
public import Logging
internal import Messages
public import Store

/// Carries out claimed runs: finds the model, lets the agent work, and says how it ended.
///
/// The executable fits this to the modem. A value; runs are independent of each other.
public struct AgentRunner: Sendable {
    private let models: ModelCatalog
    private let tools: ToolRegistry
    private let sandboxes: SandboxFactory
    private let settings: AgentSettings
    /// The directory that holds a workspace for each thread that has one, without links.
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
        self.workspaces = realPath(workspaces) ?? workspaces
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
        return try await carryOut(agent, run, model: name)
    }

    private func makeAgent(_ run: ClaimedRun, log: RunLog, model: String, transcript: Transcript) async throws -> Agent
    {
        let (provider, modelName) = try models.resolve(model)
        let files = ThreadFiles(root: "\(workspaces)/\(run.threadID)", sandboxes: sandboxes)
        // What an earlier run left is JSON; anything else is taken as a fresh start, see ThreadMemory.
        let memory = ThreadMemory(json: (try? JSON(parsing: run.memory)) ?? .null)
        let system = SystemPrompt(
            instructions: settings.instructions,
            workspacePath: files.workspacePath,
            rules: try await files.rules()
        )
        return Agent(
            provider: provider,
            model: modelName,
            tools: tools,
            settings: settings,
            system: system.text,
            log: log,
            files: files,
            memory: memory,
            transcript: transcript,
            clock: RunClock(stepLimit: settings.stepLimit)
        )
    }

    private func work(_ agent: Agent, model: String) async throws -> RunEnd {
        var agent = agent
        let memory = agent.memory
        var failure: (any Error)?
        do { try await agent.run() } catch { failure = error }
        await agent.files.close()
        let changed = memory.hasChanged ? memory.json.text : nil
        if let failure {
            if failure is StoreError { throw failure }
            var end = end(of: agent.transcript, because: failure, model: model, memory: changed)
            if failure is CancellationError { end.stopped = agent.activity }
            return end
        }
        return RunEnd(
            .completed,
            usage: Messages.Usage(agent.transcript.usage),
            text: agent.transcript.lastText,
            model: model,
            messages: agent.transcript.closed("The run was over."),
            memory: changed,
            inputs: agent.transcript.inputs,
            journal: agent.unrecorded
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
        case let error as ModelError:
            end.error = Failure(code: "model_\(error.code.word)", message: error.message)
            if error.isRetryable { end.retryAfter = error.retryAfter ?? .zero }
        case let question as ToolQuestion:
            end.status = .requiresAction
            end.question = Question(callID: question.callID, text: question.text, choices: question.choices)
        case let error as ToolError: end.error = Failure(code: "workspace", message: error.message)
        default:
            logger.error("a run failed", metadata: ["error": "\(error)"])
            end.error = Failure(code: "internal", message: "internal error; the worker's log says more")
        }
        return end
    }

    /// The agent against the clocks. A run that is over time is cancelled and ends as `timed_out`.
    private func carryOut(_ agent: Agent, _ run: ClaimedRun, model: String) async throws -> RunEnd {
        let deadline = ContinuousClock.now + settings.timeLimit - run.elapsed
        var (end, over) = try await agent.clock.limit({ try await work(agent, model: model) }, to: deadline)
        // The run may have been cancelled, or done, just when its time was over; then that is how it ended.
        guard let over, !Task.isCancelled, end.status != .completed else { return end }
        end.status = .timedOut
        (end.retryAfter, end.question) = (nil, nil)
        end.error = failure(over)
        return end
    }

    private func failure(_ over: RunClock.Limit) -> Failure {
        let (code, what, limit, setting) =
            switch over {
            case .run: ("time_limit", "the run", settings.timeLimit, "run_limit_seconds")
            case .step: ("step_limit", "a step", settings.stepLimit, "step_limit_seconds")
            }
        return Failure(code: code, message: "\(what) took longer than \(limit) (agent.\(setting))")
    }
}

/// The absolute path without links; nil where there is nothing.
private func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

extension ModelError.Code {
    /// In the contract's spelling: `rate_limited`.
    fileprivate var word: String {
        rawValue.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
    }
}
