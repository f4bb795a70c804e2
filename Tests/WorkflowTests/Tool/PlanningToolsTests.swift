import Testing

import enum Messages.JSON

@testable import Workflow

struct PlanningToolsTests {
    private func todo(_ id: String, _ status: String) -> JSON {
        ["id": .string(id), "content": "c", "status": .string(status)]
    }

    @Test func keepsTheListOnTheThread() async throws {
        let bench = try await ToolBench()
        #expect(try await bench.call("todo_read", [:]).text == "The list is empty")
        let list: JSON = ["todos": [todo("1", "completed"), todo("2", "in_progress"), todo("3", "pending")]]
        let output = try await bench.call("todo_write", list)
        #expect(output.text == "[x] 1: c\n[>] 2: c\n[ ] 3: c")
        guard case .todoList(let todos) = output.detail else { return #expect(Bool(false), "no list in the detail") }
        #expect(todos.map(\.status) == [.completed, .inProgress, .pending])
        #expect(try await bench.call("todo_read", [:]).text == output.text)
        let two: JSON = ["todos": [todo("1", "in_progress"), todo("2", "in_progress")]]
        #expect(
            try await bench.call("todo_write", two, fails: true).text
                == "todos[1].status: only one item may be in_progress, and 1 is"
        )
        let double: JSON = ["todos": [todo("1", "pending"), todo("1", "pending")]]
        #expect(
            try await bench.call("todo_write", double, fails: true).text == "todos[1].id: 1 is taken by another item"
        )
        let odd: JSON = ["todos": [todo("1", "pending"), todo("2", "done")]]
        #expect(
            try await bench.call("todo_write", odd, fails: true).text
                == "todos[1].status: allowed are pending, in_progress, completed"
        )
        #expect(bench.memory.todos.count == 3)
    }

    private func plan(_ steps: [(String, [String])]) -> JSON {
        let list = steps.map { step -> JSON in
            ["id": .string(step.0), "title": "t", "depends_on": .array(step.1.map { .string($0) })]
        }
        return ["goal": "g", "steps": .array(list)]
    }

    @Test func takesPlansThatHaveAnOrder() async throws {
        let bench = try await ToolBench()
        let output = try await bench.call("job_plan", plan([("b", ["a"]), ("a", []), ("c", ["a", "b"])]))
        guard case .jobPlan(let plan) = output.detail else { return #expect(Bool(false), "no plan in the detail") }
        #expect(plan.steps.map(\.id) == ["b", "a", "c"])
        #expect(bench.memory.plan == plan)
        let cycle = try await bench.call("job_plan", self.plan([("a", []), ("b", ["c"]), ("c", ["b"])]), fails: true)
        #expect(cycle.text == "steps: these wait for each other: b, c")
        let unknown = try await bench.call("job_plan", self.plan([("a", ["x"])]), fails: true)
        #expect(unknown.text == "steps[0].depends_on: there is no step x")
        #expect(
            try await bench.call("job_plan", self.plan([("a", ["a"])]), fails: true).text.hasSuffix("each other: a")
        )
        #expect(bench.memory.plan == plan)
    }

    @Test func suggestionsEndTheTurn() async throws {
        let bench = try await ToolBench()
        let output = try await bench.call("suggest_next_steps", ["suggestions": ["Run the tests"]])
        #expect(output.endsRun && output.detail == .nextSteps(["Run the tests"]))
        let six = JSON.array((1...6).map { .string("\($0)") })
        #expect(
            try await bench.call("suggest_next_steps", ["suggestions": six], fails: true).text
                == "suggestions: 1 to 5 items are allowed, got 6"
        )
    }
}

struct ThreadMemoryTests {
    @Test func survivesToTheNextWorker() async throws {
        let bench = try await ToolBench()
        try bench.put("f", "one\n")
        try await bench.call("file_read", ["file_path": "f"])
        bench.memory.todos = [Todo(id: "1", content: "c", status: .inProgress)]
        bench.memory.plan = JobPlan(goal: "g", steps: [JobPlan.Step(id: "a", title: "t", dependsOn: [])])
        bench.memory.directory = "sub"
        let text = bench.memory.json.text
        let restored = ThreadMemory(json: try JSON(parsing: text))
        #expect(restored.json.text == text)
        #expect(restored.todos == bench.memory.todos && restored.plan == bench.memory.plan)
        let edit = ToolCall(
            id: "c",
            name: "file_edit",
            arguments: ["file_path": "f", "old_string": "one", "new_string": "two"]
        )
        let output = try await ToolRegistry(ToolRegistry.builtIn).run(edit, in: bench.context(memory: restored))
        #expect(!output.isError, "\(output.text)")
    }

    @Test func whatIsNotItsOwnIsTakenAsEmpty() {
        #expect(
            ThreadMemory(json: ["todos": [1, ["id": "x"]], "plan": 7, "read": ["f": "x"]]).json == ThreadMemory().json
        )
        #expect(ThreadMemory(json: .null).json == ThreadMemory().json)
    }

    @Test func forgetsWhatWasReadLongestAgo() {
        let memory = ThreadMemory()
        for number in 0...ThreadMemory.markLimit {
            memory.remember(FileMark([]), of: "\(number)")
        }
        #expect(memory.mark(of: "0") == nil && memory.mark(of: "1") != nil)
    }
}
