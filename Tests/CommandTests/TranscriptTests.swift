import Messages
import Testing

@testable import baud

/// Makes events of one run, a tenth of a second apart.
private struct Script {
    private(set) var events: [Event] = []

    mutating func add(_ payload: Event.Payload, _ type: String = "", final: Bool = false, attempt: UInt32 = 1) {
        events.append(
            Event(
                runID: "r_1",
                attempt: attempt,
                type: type,
                time: Int64(events.count) * 100,
                final: final,
                payload: payload
            )
        )
    }

    mutating func add(_ progress: AgentProgress.Progress) {
        add(.taskAgentExecute(AgentProgress(progress: progress)), "task_agent_execute")
    }

    mutating func text(_ deltas: String...) {
        for delta in deltas { add(.textDelta(TextDelta(text: delta))) }
        add(.messageCompleted(MessageCompleted(text: deltas.joined())), "message_completed")
    }

    mutating func call(_ name: String, _ arguments: String, result: String, isError: Bool = false, exit: Int32? = nil) {
        add(.toolCall(ToolCall(callID: "c", name: name, arguments: arguments)))
        if let exit { add(.toolBash(BashRan(callID: "c", exitCode: exit)), "tool_bash") }
        add(.toolResult(ToolResult(callID: "c", name: name, text: result, isError: isError)))
    }

    mutating func end(_ type: String, _ update: RunUpdate = RunUpdate()) {
        add(.run(update), type, final: true)
    }

    func rendered(coloured: Bool = false, width: Int = 40, showsTasks: Bool = false) -> String {
        var transcript = Transcript(palette: Palette(isColoured: coloured), width: width, showsTasks: showsTasks)
        return events.map { transcript.append($0) }.joined()
    }
}

@Suite struct TranscriptTests {
    private static let usage = Usage(inputTokens: 1_234, outputTokens: 210)

    @Test func whatIsNoLongerKeptIsNamedAndItsRunsStandForIt() {
        var script = Script()
        let run = Run(runID: "r_0", task: "do it", text: "It is done.")
        script.add(.streamGap(StreamGap(from: 3, to: 9, folded: true)))
        script.add(.streamGap(StreamGap(from: 10, to: 20)))
        script.add(.streamSnapshot(ThreadSnapshot(runs: [run])))
        let shown = script.rendered()
        #expect(!shown.contains("3 to 9") && shown.contains("events 10 to 20 are no longer kept"))
        #expect(shown.contains("> do it") && shown.contains("It is done."))
    }

    @Test func aRunFromItsQueueToItsEnd() {
        var script = Script()
        script.add(.run(RunUpdate(task: "primes")), "run_queued")
        script.add(.run(RunUpdate()), "run_attempt_started")
        script.add(.stepStarted(Step(number: 1)))
        script.text("I write ", "a script.")
        script.call("files_creation", #"{"files":[{"path":"primes.sh","content":"x"}]}"#, result: "Created 1 file")
        script.add(.filesCreated(FilesCreated(callID: "c", paths: ["primes.sh"])), "files_created")
        script.call("bash", #"{"command":"sh primes.sh"}"#, result: "2\n3\nExit code: 0", exit: 0)
        script.add(.stepStarted(Step(number: 2)))
        script.text("Done:\n2 and 3.\n")
        script.add(.nextSteps(NextSteps(suggestions: ["test it"])), "next_steps")
        script.end("run_completed", RunUpdate(usage: Self.usage))
        let plain = """
            I write a script.

            ▸ files_creation primes.sh
              + primes.sh
            ▸ bash sh primes.sh
              2
              3

            Done:
            2 and 3.

            next
              → test it

            completed in 1.6 s · 2 turns · 1,234 tokens in, 210 out

            """
        #expect(script.rendered() == plain)
        #expect(script.rendered(showsTasks: true) == "run r_1\n› primes\n\n" + plain)
    }

    @Test func theSameInColour() {
        var script = Script()
        script.text("Hello")
        script.call("bash", #"{"command":"ls"}"#, result: "a\nExit code: 0", exit: 0)
        script.call("bash", #"{"command":"false"}"#, result: "b\nExit code: 1", isError: true, exit: 1)
        script.end("run_failed", RunUpdate(error: Failure(code: "max_turns", message: "too many turns")))
        let expected = """
            Hello

            \u{1B}[36m▸ bash\u{1B}[0m ls
            \u{1B}[2m  a\u{1B}[0m
            \u{1B}[36m▸ bash\u{1B}[0m false
            \u{1B}[31m  ✗ exit 1 · 1 line\u{1B}[0m
            \u{1B}[2m  b\u{1B}[0m

            \u{1B}[31merror: too many turns (max_turns)\u{1B}[0m
            \u{1B}[31mfailed in 0.8 s\u{1B}[0m

            """
        #expect(script.rendered(coloured: true) == expected)
    }

    @Test func plainOutputHasNoEscapes() {
        var script = Script()
        script.text("a\u{1B}[31mred\u{1B}[0m \u{1B}]0;title\u{07}b\rc\u{202E}")
        script.call("bash\u{1B}[2J", #"{"command":"x\u001b[1A"}"#, result: "\u{1B}]8;;http://x\u{1B}\\link\u{9B}")
        script.add(.error(Failure(code: "c", message: "\u{1B}[1mbold")), "error")
        #expect(!script.rendered().unicodeScalars.contains { $0 != "\n" && $0.value < 0x20 || $0.value == 0x9B })
        #expect(script.rendered().hasPrefix("ared bc\n\n▸ bash x\n  link\n"))
    }

    @Test func longResultsAreCutAndFailedOnesSaySo() {
        var script = Script()
        let long = (1...24).map { "line \($0) \(String(repeating: "x", count: 60))" }.joined(separator: "\n")
        script.call("bash", #"{"command":"seq"}"#, result: long + "\nExit code: 0")
        script.call("bash", #"{"command":"sleep 9"}"#, result: "Exit code: -1", isError: true)
        script.call("file_read", #"{"file_path":"a"}"#, result: "no such file", isError: true)
        let trace = (1...8).map { "trace \($0)" }.joined(separator: "\n")
        script.call("bash", #"{"command":"make"}"#, result: trace + "\nExit code: 2", isError: true)
        script.call("glob", #"{"pattern":"*.swift"}"#, result: "")
        let lines = script.rendered(width: 20).split(separator: "\n")
        #expect(
            lines == [
                "▸ bash seq", "  line 1 xxxxxxxxxx…", "  line 2 xxxxxxxxxx…", "  line 3 xxxxxxxxxx…",
                "  line 4 xxxxxxxxxx…", "  line 5 xxxxxxxxxx…", "  … 19 more lines",
                "▸ bash sleep 9", "  ✗ ended by a signal · 0 lines",
                "▸ file_read a", "  ✗ failed · 1 line", "  no such file",
                "▸ bash make", "  ✗ exit 2 · 8 lines", "  … 3 more lines",
                "  trace 4", "  trace 5", "  trace 6", "  trace 7", "  trace 8",
                "▸ glob *.swift", "  ✓",
            ]
        )
    }

    @Test func editsAreColouredDiffs() {
        var script = Script()
        let diff = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n"
        script.add(.toolCall(ToolCall(callID: "c", name: "file_edit", arguments: #"{"file_path":"x"}"#)))
        script.add(.toolFileEdit(FileEdited(callID: "c", path: "x", diff: diff)), "tool_file_edit")
        script.add(.toolResult(ToolResult(callID: "c", name: "file_edit", text: "Edited x")))
        #expect(script.rendered() == "▸ file_edit x\n  x +1 -1\n  @@ -1,2 +1,2 @@\n   same\n  -old\n  +new\n")
        let coloured = """
            \u{1B}[36m▸ file_edit\u{1B}[0m x
            \u{1B}[1m  x +1 -1\u{1B}[0m
            \u{1B}[36m  @@ -1,2 +1,2 @@\u{1B}[0m
            \u{1B}[2m   same\u{1B}[0m
            \u{1B}[31m  -old\u{1B}[0m
            \u{1B}[32m  +new\u{1B}[0m

            """
        #expect(script.rendered(coloured: true) == coloured)
    }

    @Test func listsOfThingsToDo() {
        var script = Script()
        script.call("job_plan", "{}", result: "ok")
        let steps = [JobStep(id: "a", title: "look"), JobStep(id: "b", title: "mend", dependsOn: ["a", "?"])]
        script.add(.jobPlan(JobPlan(goal: "all well", steps: steps)), "job_plan")
        let todos = [("look", "completed"), ("mend", "in_progress"), ("tell", "pending")]
        script.add(.todoList(TodoList(todos: todos.map { Todo(content: $0.0, status: $0.1) })), "todo_list")
        #expect(
            script.rendered() == """
                plan: all well
                  ☐ 1 look
                  ☐ 2 mend (after 1)
                  ☑ look
                  ◐ mend
                  ☐ tell

                """
        )
    }
}

@Suite struct TranscriptLifecycleTests {
    @Test func anotherWorkerMakesUnfinishedTextVoid() {
        var script = Script()
        script.add(.textDelta(TextDelta(text: "half a sen")))
        script.add(.run(RunUpdate(discardFromSeq: 7)), "run_attempt_started", attempt: 2)
        script.text("A sentence.")
        script.add(.run(RunUpdate()), "run_attempt_started", attempt: 3)
        #expect(
            script.rendered() == """
                half a sen

                another worker took over (attempt 2); the unfinished text above is void

                A sentence.

                another worker took over (attempt 3)

                """
        )
    }

    @Test func aMessageWithoutItsPiecesIsShownWhole() {
        var script = Script()
        script.add(.messageCompleted(MessageCompleted(text: "One.")), "message_completed")
        script.text("T", "wo.")
        #expect(script.rendered() == "One.\nTwo.\n")
    }

    @Test(arguments: [
        ("run_cancelled", "cancelled in 0.0 s · user"), ("run_timed_out", "timed out in 0.0 s · user"),
        ("run_expired", "expired in 0.0 s · user"),
    ])
    func otherEnds(type: String, line: String) {
        var script = Script()
        script.end(type, RunUpdate(reason: "user"))
        #expect(script.rendered() == line + "\n")
    }

    @Test func activityIsWhatIsWaitedFor() {
        var transcript = Transcript(palette: Palette(isColoured: false), width: 80)
        func activity(after payload: Event.Payload, _ type: String = "", final: Bool = false) -> String? {
            _ = transcript.append(Event(runID: "r", type: type, final: final, payload: payload))
            return transcript.isAtLineStart ? transcript.activity : nil
        }
        func progress(_ progress: AgentProgress.Progress) -> Event.Payload {
            .taskAgentExecute(AgentProgress(progress: progress))
        }
        #expect(activity(after: .run(RunUpdate()), "run_queued") == "waiting for a worker")
        #expect(activity(after: .waiting(Waiting(position: 2))) == "waiting behind 2 runs")
        #expect(activity(after: progress(.stepStarted(Step(number: 1)))) == "thinking")
        // No spinner within a line.
        #expect(activity(after: progress(.textDelta(TextDelta(text: "a")))) == nil)
        #expect(activity(after: .messageCompleted(MessageCompleted(text: "a"))) == "thinking")
        #expect(activity(after: progress(.toolCall(ToolCall(name: "bash")))) == "running bash")
        #expect(activity(after: .run(RunUpdate()), "run_completed", final: true) == nil)
    }
}
