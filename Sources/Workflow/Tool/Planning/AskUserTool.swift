internal import Messages

/// `ask_user`: asks people, and lets the run wait for what they say.
struct AskUserTool: Tool {
    let name = "ask_user"
    let summary = """
        Asks the user a question and waits for the answer, which may take long. Use it only where you cannot go on \
        without a decision that is the user's to take.
        """
    let effect = ToolEffect.idempotent
    let parameters = ToolSchema([
        .required("question", .string, "One question, with all that is needed to answer it."),
        .optional("choices", .array(of: .string, count: 0...10), "Answers to choose from.", default: []),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        if let answer = context.answer { return ToolOutput(answer) }
        throw ToolQuestion(
            callID: context.callID,
            text: try arguments.string("question"),
            choices: try arguments.strings("choices")
        )
    }
}
