/// `suggest_next_steps`: ends the turn with things the user may want next.
struct SuggestNextStepsTool: Tool {
    let name = "suggest_next_steps"
    let summary = "Ends the turn and offers the user what could be done next, each in one short sentence."
    let effect = ToolEffect.pure
    let parameters = ToolSchema([
        .required("suggestions", .array(of: .string, count: 1...5), "What the user could ask for next.")
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let suggestions = try arguments.strings("suggestions")
        return ToolOutput("Suggested", detail: .nextSteps(suggestions), endsRun: true)
    }
}
