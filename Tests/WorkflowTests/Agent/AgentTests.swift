import Foundation
import Messages
import Redis
import Store
import Synchronization
import TestSupport
import Testing

@testable import Workflow

/// The agent's loop against a real store, with a model and tools that the test has written.
@Suite(.timeLimit(.minutes(1)))
struct AgentTests {
    @Test func `a turn with a tool, as the log tells it`() async throws {
        let turns = [ScriptedModel.calls(("a", "look")), ScriptedModel.says("found it")]
        try await AgentBench.with(turns, tools: [ScriptedTool("look", .pure)]) { bench in
            let thread = try await bench.thread()
            let end = try await bench.carryOut(thread)
            #expect(end.status == .completed && end.text == "found it" && end.model == "scripted/m")
            #expect(end.usage.inputTokens == 20 && end.usage.outputTokens == 6)
            #expect(
                try await bench.story(thread) == [
                    "thread_created", "run_queued", "run_attempt_started",
                    "step 1", "usage", "call a", "result a", "end of step 1",
                    "step 2", "text found it", "message_completed", "usage", "end of step 2", "run_completed",
                ]
            )
            let asked = bench.model.asked
            #expect(asked.count == 2 && asked[0].messages == [.user("do it")] && asked[0].tools.map(\.name) == ["look"])
            #expect(asked[1].messages.count == 3 && asked[1].messages.isValid)
        }
    }

    @Test func `the next run goes on with the conversation and the memory`() async throws {
        let note = ScriptedTool("note", .idempotent) { context in
            context.memory.todos = [Todo(id: "1", content: "remember", status: .pending)]
            return Workflow.ToolOutput("noted")
        }
        let recall = ScriptedTool("recall", .pure) { Workflow.ToolOutput($0.memory.todos.map(\.content).joined()) }
        let turns = [
            ScriptedModel.calls(("a", "note")), ScriptedModel.says("noted"),
            ScriptedModel.calls(("b", "recall")), ScriptedModel.says("recalled"),
        ]
        try await AgentBench.with(turns, tools: [note, recall]) { bench in
            let thread = try await bench.thread()
            try await bench.carryOut(thread, task: "first")
            try await bench.carryOut(thread, task: "second")
            let messages = try #require(bench.model.asked.last).messages
            #expect(messages.isValid && messages.count == 7)
            #expect(messages[0] == .user("first") && messages[3].text == "noted" && messages[4] == .user("second"))
            #expect(messages[6].toolResults.map(\.text) == ["remember"])
        }
    }

    // MARK: Files

    @Test func `a thread has no directory until a tool is called, and its rules are read where it has`() async throws {
        let write = ScriptedTool("write", .idempotent) { context in
            try await context.workspace.write(Array("Be brief.".utf8), to: "AGENTS.md")
            return Workflow.ToolOutput("written")
        }
        let turns = [
            ScriptedModel.says("no file"), ScriptedModel.calls(("a", "write")), ScriptedModel.says("a file"),
            ScriptedModel.says("brief"),
        ]
        try await AgentBench.with(turns, tools: [write]) { bench in
            let thread = try await bench.thread()
            let workspace = "\(bench.directory)/\(thread)"
            #expect(try await bench.carryOut(thread).status == .completed)
            #expect(!FileManager.default.fileExists(atPath: workspace))
            #expect(try await bench.carryOut(thread).text == "a file")
            #expect(FileManager.default.fileExists(atPath: workspace))
            #expect(try await bench.carryOut(thread).text == "brief")
            let systems = bench.model.asked.map(\.system)
            #expect(systems.count == 4 && systems.allSatisfy { $0.contains(workspace) })
            #expect(systems.map { $0.contains("Be brief.") } == [false, false, false, true])
        }
    }

    @Test func `a workspace that cannot be made ends the run and says why`() async throws {
        let look = ScriptedTool("look", .pure)
        try await AgentBench.with([ScriptedModel.calls(("a", "look"))], tools: [look]) { bench in
            // A file in the way of the directory.
            FileManager.default.createFile(atPath: bench.directory, contents: nil)
            let end = try await bench.carryOut(try await bench.thread())
            #expect(end.status == .failed && end.error?.code == "workspace")
            #expect(end.error?.message.contains("Not a directory") == true)
        }
    }

    // MARK: Tools

    @Test func `pure calls run side by side, and answer in their order`() async throws {
        let arrivals = Mutex(0)
        let (both, continuation) = AsyncStream.makeStream(of: Void.self)
        let meet = ScriptedTool("meet", .pure) { context in
            // Neither call comes back before both have begun.
            if arrivals.withLock({
                $0 += 1
                return $0
            }) == 2 {
                continuation.finish()
            }
            for await _ in both {}
            return Workflow.ToolOutput(context.callID)
        }
        let turns = [ScriptedModel.calls(("a", "meet"), ("b", "meet")), ScriptedModel.says("done")]
        try await AgentBench.with(turns, tools: [meet]) { bench in
            let thread = try await bench.thread()
            try await bench.carryOut(thread)
            #expect(bench.model.asked[1].messages[2].toolResults.map(\.text) == ["a", "b"])
            let story = try await bench.story(thread)
            #expect(
                story.filter { $0.hasSuffix(" a") || $0.hasSuffix(" b") } == [
                    "call a", "call b", "result a", "result b",
                ]
            )
        }
    }

    @Test func `calls that change something run one after the other`() async throws {
        let order = Mutex<[String]>([])
        let write = ScriptedTool("write", .unsafe) { context in
            order.withLock { $0.append("+\(context.callID)") }
            await Task.yield()
            order.withLock { $0.append("-\(context.callID)") }
            return Workflow.ToolOutput("ok")
        }
        let turns = [ScriptedModel.calls(("a", "write"), ("b", "write")), ScriptedModel.says("done")]
        try await AgentBench.with(turns, tools: [write]) { bench in
            try await bench.carryOut(try await bench.thread())
            #expect(order.withLock { $0 } == ["+a", "-a", "+b", "-b"])
        }
    }

    @Test func `a tool that fails and one that is not there are answers, not ends`() async throws {
        let broken = ScriptedTool("broken", .pure) { _ in throw ToolError("not today") }
        let turns = [ScriptedModel.calls(("a", "broken"), ("b", "nowhere")), ScriptedModel.says("well then")]
        try await AgentBench.with(turns, tools: [broken]) { bench in
            let end = try await bench.carryOut(try await bench.thread())
            #expect(end.status == .completed)
            let results = bench.model.asked[1].messages[2].toolResults
            #expect(results.map(\.isError) == [true, true] && results[0].text == "not today")
        }
    }

    @Test func `a tool can end the run`() async throws {
        let last = ScriptedTool("last", .pure) { _ in
            Workflow.ToolOutput("ok", detail: .nextSteps(["rest"]), endsRun: true)
        }
        try await AgentBench.with([ScriptedModel.calls(("a", "last"))], tools: [last]) { bench in
            let thread = try await bench.thread()
            let end = try await bench.carryOut(thread)
            #expect(end.status == .completed && bench.model.asked.count == 1)
            #expect(try await bench.log(thread).contains { $0.payload == .nextSteps(NextSteps(suggestions: ["rest"])) })
        }
    }

    // MARK: A lost worker

    /// The first attempt is lost within the first of two calls of a tool; how often each was run until the end.
    private func callsUntilTheEnd(_ effect: ToolEffect) async throws -> (runs: [String: Int], results: [String]) {
        let runs = Mutex<[String: Int]>([:])
        let isLost = Mutex(true)
        let tool = ScriptedTool("tool", effect) { context in
            runs.withLock { $0[context.callID, default: 0] += 1 }
            // As if the process had been killed here: nothing after this is recorded.
            if isLost.withLock({ lost in
                defer { lost = false }
                return lost
            }) {
                throw CancellationError()
            }
            return Workflow.ToolOutput("ok")
        }
        let turns = [ScriptedModel.calls(("a", "tool"), ("b", "tool")), ScriptedModel.says("done")]
        let results = Mutex<[String]>([])
        try await AgentBench.with(turns, tools: [tool]) { bench in
            let run = try await bench.claim(try await bench.thread())
            _ = try await bench.runner.carryOut(run, log: RunLog(run: run, store: bench.store))
            let again = try await bench.claimAgain()
            #expect(again.attempt == 2)
            let end = try await bench.carryOut(again)
            #expect(end.status == .completed && bench.model.asked.count == 2, "the model is not asked again")
            #expect(try end.messages.conversation().isValid)
            results.withLock { $0 = bench.model.asked[1].messages[2].toolResults.map(\.text) }
        }
        return (runs.withLock { $0 }, results.withLock { $0 })
    }

    @Test func `an unsafe call in doubt is not run again, and the model is told`() async throws {
        let (runs, results) = try await callsUntilTheEnd(.unsafe)
        #expect(runs == ["a": 1, "b": 1])
        #expect(results[0].hasPrefix("The call was interrupted") && results[1] == "ok")
    }

    @Test(arguments: [ToolEffect.pure, .idempotent])
    func `a harmless call in doubt is run again`(effect: ToolEffect) async throws {
        let (runs, results) = try await callsUntilTheEnd(effect)
        #expect(runs["a"] == 2 && results == ["ok", "ok"])
    }

    @Test func `a call that has completed is never run again`() async throws {
        let runs = Mutex(0)
        let once = ScriptedTool("once", .unsafe) { _ in
            runs.withLock { $0 += 1 }
            return Workflow.ToolOutput("ok")
        }
        let turns = [
            ScriptedModel.calls(("a", "once")), ScriptedModel.fails(CancellationError()), ScriptedModel.says("done"),
        ]
        try await AgentBench.with(turns, tools: [once]) { bench in
            let run = try await bench.claim(try await bench.thread())
            _ = try await bench.runner.carryOut(run, log: RunLog(run: run, store: bench.store))
            let end = try await bench.carryOut(try await bench.claimAgain())
            #expect(end.status == .completed && runs.withLock { $0 } == 1)
            #expect(end.usage.inputTokens == 20, "the turn of the lost attempt is counted, once")
        }
    }

    @Test func `of a run that was lost right before its end only the last answer is asked for again`() async throws {
        let runs = Mutex(0)
        let once = ScriptedTool("once", .unsafe) { _ in
            runs.withLock { $0 += 1 }
            return Workflow.ToolOutput("ok")
        }
        let turns = [
            ScriptedModel.calls(("a", "once")), ScriptedModel.says("the answer"), ScriptedModel.says("the answer"),
        ]
        try await AgentBench.with(turns, tools: [once]) { bench in
            let run = try await bench.claim(try await bench.thread())
            _ = try await bench.runner.carryOut(run, log: RunLog(run: run, store: bench.store))
            let end = try await bench.carryOut(try await bench.claimAgain())
            #expect(end.status == .completed && end.text == "the answer" && runs.withLock { $0 } == 1)
            #expect(try end.messages.conversation().isValid)
        }
    }

    @Test func `nobody is told of a tool's result that is not recorded`() async throws {
        let store = Mutex<(Store, String)?>(nil)
        let tool = ScriptedTool("tool", .pure) { _ in
            guard let (store, journal) = store.withLock({ $0 }) else { return Workflow.ToolOutput("ok") }
            // What is to hold the record takes none.
            _ = try await store.redis.send(RedisCommand("SET", RedisArgument(journal), "x"))
            return Workflow.ToolOutput("ok")
        }
        try await AgentBench.with([ScriptedModel.calls(("a", "tool"))], tools: [tool]) { bench in
            let run = try await bench.claim(try await bench.thread())
            store.withLock { $0 = (bench.store, "thread:\(run.threadID):run:\(run.runID):journal") }
            // Each event is written as soon as it is there.
            let log = RunLog(run: run, store: bench.store, batching: RunLog.Batching(bytes: 1))
            await #expect(throws: StoreError.self) { try await bench.runner.carryOut(run, log: log) }
            let story = try await bench.story(run.threadID)
            #expect(story.contains("call a") && !story.contains("result a"))
        }
    }

    @Test func `an attempt that has lost its run throws and ends nothing`() async throws {
        try await AgentBench.with([ScriptedModel.says("too late")]) { bench in
            let run = try await bench.claim(try await bench.thread())
            _ = try await bench.claimAgain()
            let error = await #expect(throws: StoreError.self) { try await bench.carryOut(run) }
            #expect(error?.code == .stale)
        }
    }

    // MARK: People

    @Test func `what is said to a run that goes on joins it at the next step`() async throws {
        let thread = Mutex("")
        let store = Mutex<Store?>(nil)
        let steer: @Sendable (String) async throws -> Void = { task in
            guard let store = store.withLock({ $0 }) else { return }
            let request = ExecuteRunRequest(threadID: thread.withLock { $0 }, task: task, onBusy: "steer")
            _ = try await store.execute(request)
        }
        let tool = ScriptedTool("tool", .unsafe) { _ in
            do { try await steer("between") } catch { Issue.record(error) }
            return Workflow.ToolOutput("ok")
        }
        let last: ScriptedModel.Turn = { _, onDelta in
            try await onDelta(.text("done?"))
            try await steer("at the end")
            return ScriptedModel.response([.text("done?")], stop: .endTurn)
        }
        let turns = [ScriptedModel.calls(("a", "tool")), last, ScriptedModel.says("done")]
        try await AgentBench.with(turns, tools: [tool]) { bench in
            let id = try await bench.thread()
            thread.withLock { $0 = id }
            store.withLock { $0 = bench.store }
            _ = try await bench.carryOut(id)
            // What came with the last answer was not known to the agent: the run went back to the queue and goes on.
            let again = try #require(try await bench.store.claimNext(for: "w"))
            let end = try await bench.carryOut(again)
            #expect(end.status == .completed && end.text == "done" && bench.model.asked.count == 3)
            let said = bench.model.asked.map { $0.messages.filter { $0.role == .user }.map(\.text) }
            #expect(said[1] == ["do it", "", "between"])
            #expect(said[2] == ["do it", "", "between", "at the end"])
            #expect(try end.messages.conversation().isValid)
            #expect(try await bench.log(id).count(where: \.final) == 1)
        }
    }

    @Test func `a tool asks, the run waits without a worker, and the answer is the call's result`() async throws {
        let ask: ScriptedModel.Turn = { _, _ in
            let call = Workflow.ToolCall(id: "q", name: "ask_user", arguments: ["question": "Red or blue?"])
            return ScriptedModel.response([.toolCall(call)], stop: .toolUse)
        }
        try await AgentBench.with([ask, ScriptedModel.says("blue it is")], tools: [AskUserTool()]) { bench in
            let thread = try await bench.thread()
            let run = try await bench.claim(thread)
            let log = RunLog(run: run, store: bench.store)
            let end = try await bench.runner.carryOut(run, log: log)
            #expect(end.status == .requiresAction && end.question?.text == "Red or blue?")
            #expect(try end.messages.conversation().isValid)
            try await log.pause(end, for: try #require(end.question), limit: .seconds(60))
            _ = try await bench.store.answer(AnswerRunRequest(threadID: thread, runID: run.runID, text: "blue"))
            let again = try #require(try await bench.store.claimNext(for: "w"))
            let last = try await bench.carryOut(again)
            #expect(last.status == .completed && bench.model.asked[1].messages[2].toolResults.map(\.text) == ["blue"])
            // The call is announced once.
            #expect(try await bench.story(thread).filter { $0 == "call q" } == ["call q"])
        }
    }

    // MARK: How it ends

    @Test func `the turns are bounded`() async throws {
        let turns = (0..<5).map { ScriptedModel.calls(("c\($0)", "look")) }
        try await AgentBench.with(turns, tools: [ScriptedTool("look", .pure)]) {
            $0.maxTurns = 3
        } _: { bench in
            let end = try await bench.carryOut(try await bench.thread())
            #expect(end.status == .failed && end.error?.code == "max_turns" && bench.model.asked.count == 3)
            #expect(try end.messages.conversation().isValid)
        }
    }

    @Test(arguments: [
        (ModelError(.rateLimited, "slow down"), "model_rate_limited"),
        (ModelError(.authentication, "no key"), "model_authentication"),
        (ModelError(.quotaExceeded, "spent"), "model_quota_exceeded"),
    ])
    func `a model that fails, fails the run`(error: ModelError, code: String) async throws {
        try await AgentBench.with([ScriptedModel.fails(error)]) { bench in
            let thread = try await bench.thread()
            let end = try await bench.carryOut(thread)
            #expect(end.status == .failed && end.error == Failure(code: code, message: error.message))
            #expect(try await bench.log(thread).last?.type == "run_failed")
        }
    }

    @Test(arguments: [
        (StopReason.maxTokens, "max_tokens"), (.refusal, "model_refused"), (.contextWindow, "model_context_window"),
    ])
    func `an answer that is none fails the run, also after a lost worker`(stop: StopReason, code: String) async throws {
        try await AgentBench.with([ScriptedModel.says("I ca", stop: stop)]) { bench in
            let run = try await bench.claim(try await bench.thread())
            let first = try await bench.runner.carryOut(run, log: RunLog(run: run, store: bench.store))
            let second = try await bench.carryOut(try await bench.claimAgain())
            #expect([first, second].allSatisfy { $0.status == .failed && $0.error?.code == code && $0.text == "I ca" })
            #expect(bench.model.asked.count == 1)
        }
    }

    @Test func `a model that pauses is asked to go on`() async throws {
        let turns = [ScriptedModel.says("one moment", stop: .pauseTurn), ScriptedModel.says("here")]
        try await AgentBench.with(turns) { bench in
            let end = try await bench.carryOut(try await bench.thread())
            #expect(end.status == .completed && end.text == "here" && bench.model.asked[1].messages.count == 2)
        }
    }

    @Test func `an unknown model fails the run and says what would be right`() async throws {
        try await AgentBench.with([]) { bench in
            let end = try await bench.carryOut(try await bench.thread(), model: "nobody/x")
            #expect(end.status == .failed && end.error?.code == "model_unknown_model")
            #expect(end.error?.message.contains("configured: scripted") == true)
            #expect(try end.messages.conversation() == [.user("do it")])
        }
    }

    @Test func `internal errors are not told`() async throws {
        struct Secret: Error { let key = "sk-1234" }
        try await AgentBench.with([ScriptedModel.fails(Secret())]) { bench in
            let end = try await bench.carryOut(try await bench.thread())
            #expect(end.error?.code == "internal" && end.error?.message.contains("1234") == false)
        }
    }

    @Test func `the time of a run is limited`() async throws {
        let forever: ScriptedModel.Turn = { _, onDelta in
            try await onDelta(.text("thinking"))
            try await Task.sleep(for: .seconds(3600))
            throw CancellationError()
        }
        try await AgentBench.with([forever]) {
            $0.timeLimit = .milliseconds(50)
        } _: { bench in
            let thread = try await bench.thread()
            let end = try await bench.carryOut(thread)
            #expect(end.status == .timedOut && end.error?.code == "time_limit")
            #expect(try end.messages.conversation().isValid)
            #expect(try await bench.log(thread).last?.type == "run_timed_out")
        }
    }

    @Test func `the time of a step and of a tool are limited`() async throws {
        let hang = ScriptedTool("hang", .unsafe) { _ in
            try await Task.sleep(for: .seconds(3600))
            return Workflow.ToolOutput("never")
        }
        let turns = [ScriptedModel.calls(("a", "hang")), ScriptedModel.says("well then")]
        try await AgentBench.with(turns, tools: [hang]) {
            $0.toolLimit = .milliseconds(50)
        } _: { bench in
            let end = try await bench.carryOut(try await bench.thread())
            let result = try #require(bench.model.asked[1].messages[2].toolResults.first)
            #expect(end.status == .completed && result.isError && result.text.contains("took longer"))
        }
        try await AgentBench.with(turns, tools: [hang]) {
            $0.stepLimit = .milliseconds(50)
        } _: { bench in
            let end = try await bench.carryOut(try await bench.thread())
            #expect(end.status == .timedOut && end.error?.code == "step_limit")
        }
    }

    @Test(arguments: [ToolEffect.pure, .unsafe])
    func `a cancelled run leaves a conversation that the next one can go on with`(effect: ToolEffect) async throws {
        let (started, continuation) = AsyncStream.makeStream(of: Void.self)
        let isFirst = Mutex(true)
        let hang = ScriptedTool("hang", effect) { _ in
            guard
                isFirst.withLock({ first in
                    defer { first = false }
                    return first
                })
            else { return Workflow.ToolOutput("ok") }
            continuation.finish()
            try await Task.sleep(for: .seconds(3600))
            return Workflow.ToolOutput("never")
        }
        let turns = [ScriptedModel.calls(("a", "hang"), ("b", "hang")), ScriptedModel.says("fresh start")]
        try await AgentBench.with(turns, tools: [hang]) { bench in
            let thread = try await bench.thread()
            let run = try await bench.claim(thread)
            let task = Task { try await bench.carryOut(run) }
            for await _ in started {}
            task.cancel()
            let end = try await task.value
            #expect(end.status == .cancelled && end.error == nil)
            #expect(end.stopped == (effect == .pure ? ["tool hang a", "tool hang b"] : ["tool hang a"]))
            #expect(try end.messages.conversation().isValid)
            try await bench.carryOut(thread, task: "again")
            let messages = try #require(bench.model.asked.last).messages
            #expect(messages.isValid && messages.count == 4)
            #expect(messages[2].toolResults.contains { $0.isError })
        }
    }

    @Test func `what a broken connection had said is void`() async throws {
        let turn: ScriptedModel.Turn = { _, onDelta in
            try await onDelta(.text("half a"))
            try await onDelta(.attemptDiscarded)
            try await onDelta(.text("whole"))
            return ScriptedModel.response([.text("whole")], stop: .endTurn)
        }
        try await AgentBench.with([turn]) { bench in
            let thread = try await bench.thread()
            #expect(try await bench.carryOut(thread).text == "whole")
            let story = try await bench.story(thread)
            #expect(
                story.filter { $0.hasPrefix("text") || $0.hasSuffix("again") } == [
                    "text half a", "step 1 again", "text whole",
                ]
            )
        }
    }
}
