internal import Messages

/// `todo_write`: replaces the thread's list of things to do.
struct TodoWriteTool: Tool {
    let name = "todo_write"
    let summary = """
        Replaces the list of things to do. Keep it for work of several steps: exactly the item being worked on is \
        in_progress, and what is done is marked completed at once.
        """
    let effect = ToolEffect.idempotent
    let parameters = ToolSchema([
        .required(
            "todos",
            .array(
                of: .object(
                    ToolSchema([
                        .required("id", .string, "Unique in the list."),
                        .required("content", .string, "What is to be done."),
                        .required("status", .choice(Todo.Status.allCases.map(\.rawValue)), "How far it is."),
                    ])
                ),
                count: 0...100
            ),
            "The whole list; what is not in it is dropped."
        )
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        var todos: [Todo] = []
        var ids: Set<String> = []
        for item in try arguments.objects("todos") {
            let id = try item.string("id")
            guard ids.insert(id).inserted else {
                throw ToolError("\(item.field("id")): \(id) is taken by another item")
            }
            guard let status = Todo.Status(rawValue: try item.string("status")) else { continue }
            if status == .inProgress, let other = todos.first(where: { $0.status == .inProgress }) {
                throw ToolError("\(item.field("status")): only one item may be in_progress, and \(other.id) is")
            }
            todos.append(Todo(id: id, content: try item.string("content"), status: status))
        }
        context.memory.todos = todos
        return ToolOutput(TodoReadTool.text(todos), detail: .todoList(todos))
    }
}

/// `todo_read`: the thread's list of things to do.
struct TodoReadTool: Tool {
    let name = "todo_read"
    let summary = "Shows the list of things to do."
    let effect = ToolEffect.pure
    let parameters = ToolSchema()

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        ToolOutput(Self.text(context.memory.todos))
    }

    static func text(_ todos: [Todo]) -> String {
        guard !todos.isEmpty else { return "The list is empty" }
        return todos.map { "\($0.status.mark) \($0.id): \($0.content)" }.joined(separator: "\n")
    }
}

extension Todo.Status {
    fileprivate var mark: String {
        switch self {
        case .pending: "[ ]"
        case .inProgress: "[>]"
        case .completed: "[x]"
        }
    }
}
