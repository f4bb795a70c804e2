internal import Messages

/// `job_plan`: says how a task will be gone about, for those who watch.
struct JobPlanTool: Tool {
    let name = "job_plan"
    let summary = """
        Shows the user the plan for a larger task: its goal and its steps, each with the steps it depends on. Calling \
        it again replaces the plan.
        """
    let effect = ToolEffect.idempotent
    let parameters = ToolSchema([
        .required("goal", .string, "What is to be reached."),
        .required(
            "steps",
            .array(
                of: .object(
                    ToolSchema([
                        .required("id", .string, "Unique in the plan."),
                        .required("title", .string, "What is done in this step."),
                        .optional(
                            "depends_on",
                            .array(of: .string, count: 0...50),
                            "Ids of steps that come before.",
                            default: []
                        ),
                    ])
                ),
                count: 1...50
            ),
            "The steps."
        ),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        var steps: [JobPlan.Step] = []
        var ids: Set<String> = []
        for item in try arguments.objects("steps") {
            let id = try item.string("id")
            guard ids.insert(id).inserted else {
                throw ToolError("\(item.field("id")): \(id) is taken by another step")
            }
            steps.append(
                JobPlan.Step(id: id, title: try item.string("title"), dependsOn: try item.strings("depends_on"))
            )
        }
        for (index, step) in steps.enumerated() {
            guard let unknown = step.dependsOn.first(where: { !ids.contains($0) }) else { continue }
            throw ToolError("steps[\(index)].depends_on: there is no step \(unknown)")
        }
        let plan = JobPlan(goal: try arguments.string("goal"), steps: steps)
        guard plan.cycle.isEmpty else {
            throw ToolError("steps: these wait for each other: \(plan.cycle.joined(separator: ", "))")
        }
        context.memory.plan = plan
        return ToolOutput("The plan has \(steps.count) steps", detail: .jobPlan(plan))
    }
}

extension JobPlan {
    /// The steps that never get their turn, because each waits for one that waits for it; empty where there is an
    /// order.
    var cycle: [String] {
        var waiting = steps
        var done: Set<String> = []
        while let index = waiting.firstIndex(where: { done.isSuperset(of: $0.dependsOn) }) {
            done.insert(waiting.remove(at: index).id)
        }
        return waiting.map(\.id)
    }
}
