extension AgentSettings {
    /// The role, where no file of the operator's own is configured (`agent.system_prompt`).
    public static let defaultInstructions = """
        You are a careful software engineer who works in a workspace of files with the tools that you are given.
        Look before you change: read a file before you edit it, and run what you wrote to see that it works.
        For work of more than a few steps, make a plan with job_plan and keep the list of todos up to date.
        When you are done, say briefly what you did and what came of it.
        """
}

/// The system prompt: the role, the environment, the rules of the workspace. The same bytes for the same workspace, so that providers'
/// prompt caches hit; what changes from turn to turn has no place here.
struct SystemPrompt {
    let instructions: String
    /// Where commands see the workspace.
    let workspacePath: String
    /// The workspace's AGENTS.md, if it has one.
    let rules: String?

    var text: String {
        var parts = [
            instructions,
            "Your workspace is \(workspacePath); paths are relative to it. Commands run there, without a terminal.",
        ]
        if let rules { parts.append("The workspace's AGENTS.md says:\n\n\(rules)") }
        return parts.joined(separator: "\n\n")
    }
}
