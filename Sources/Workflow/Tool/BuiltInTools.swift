extension ToolRegistry {
    /// The tools that need nothing but a workspace and a sandbox.
    public static let builtIn: [any Tool] = [
        BashTool(),
        FileReadTool(), FileEditTool(), MultiEditTool(), FilesCreationTool(), LsTool(),
        GrepTool(), GlobTool(),
        TodoWriteTool(), TodoReadTool(), JobPlanTool(), SuggestNextStepsTool(), AskUserTool(),
    ]
}
