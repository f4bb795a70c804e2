internal import Messages

extension ToolDetail {
    /// The event of its own type that tells of a tool call.
    func event(of callID: String) -> (type: String, payload: Event.Payload) {
        switch self {
        case .bash(let command, let exitCode, let timedOut, let milliseconds):
            let ran = BashRan(
                callID: callID,
                command: command,
                exitCode: Int32(clamping: exitCode ?? -1),
                timedOut: timedOut,
                durationMs: UInt32(clamping: milliseconds)
            )
            return ("tool_bash", .toolBash(ran))
        case .fileEdit(let path, let diff, let replacements):
            let edited = FileEdited(
                callID: callID,
                path: path,
                diff: diff,
                replacements: UInt32(clamping: replacements)
            )
            return ("tool_file_edit", .toolFileEdit(edited))
        case .filesCreated(let paths):
            return ("files_created", .filesCreated(FilesCreated(callID: callID, paths: paths)))
        case .todoList(let todos):
            let list = todos.map { Messages.Todo(id: $0.id, content: $0.content, status: $0.status.rawValue) }
            return ("todo_list", .todoList(TodoList(todos: list)))
        case .jobPlan(let plan):
            let steps = plan.steps.map { JobStep(id: $0.id, title: $0.title, dependsOn: $0.dependsOn) }
            return ("job_plan", .jobPlan(Messages.JobPlan(goal: plan.goal, steps: steps)))
        case .nextSteps(let suggestions):
            return ("next_steps", .nextSteps(NextSteps(suggestions: suggestions)))
        }
    }
}

extension Messages.Usage {
    /// Input is the whole prompt here, of which the cached parts are named apart.
    init(_ usage: Usage) {
        self.init(
            inputTokens: UInt64(clamping: usage.promptTokens),
            outputTokens: UInt64(clamping: usage.outputTokens),
            cacheReadTokens: UInt64(clamping: usage.cacheReadTokens),
            cacheWriteTokens: UInt64(clamping: usage.cacheWriteTokens)
        )
    }
}
