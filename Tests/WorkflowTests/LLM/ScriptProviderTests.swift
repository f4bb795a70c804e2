import Foundation
import Synchronization
import TestSupport
import Testing

import enum Messages.JSON

@testable import Workflow

@Suite(.timeLimit(.minutes(1)))
struct ScriptProviderTests {
    private func ask(
        _ model: String,
        _ messages: [ChatMessage],
        folder: String? = nil,
        limits: StreamLimits = StreamLimits()
    ) async throws -> (deltas: [ModelDelta], response: ModelResponse) {
        let deltas = Mutex<[ModelDelta]>([])
        let provider = ScriptProvider(folder: folder, policy: RetryPolicy(sleep: { _ in }), limits: limits)
        let response = try await provider.stream(ModelRequest(model: model, messages: messages)) { delta in
            deltas.withLock { $0.append(delta) }
        }
        return (deltas.withLock { $0 }, response)
    }

    /// Runs a body with a folder that holds one script, `test.json`.
    private func withScript(_ text: String, _ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(text.utf8).write(to: folder.appending(path: "test.json"))
        try await body(folder.path)
    }

    private func results(of message: ChatMessage) -> ChatMessage {
        ChatMessage(
            role: .user,
            parts: message.toolCalls.map { .toolResult(ToolResult(callID: $0.id, text: "ok", isError: false)) }
        )
    }

    // MARK: Words

    @Test func words() async throws {
        let (deltas, response) = try await ask("words", [.user("words=3 pause_ms=1")])
        #expect(deltas == [.text("word 0 "), .text("word 1 "), .text("word 2 ")])
        #expect(response.message.text == "word 0 word 1 word 2 ")
        #expect(response.stop == .endTurn)
        #expect(response.usage == Usage(inputTokens: 4, outputTokens: 5))
    }

    @Test(arguments: [
        "", "hello", "words=0", "words=-1", "words=1000001", "words=x", "words=1 words=2", "words=1 pause_ms=-1",
        "pause_ms=1", "words=1 more",
    ])
    func wordsRefusesOtherTasks(task: String) async throws {
        let error = await #expect(throws: ModelError.self) { _ = try await ask("words", [.user(task)]) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("words=N [pause_ms=M]") == true)
    }

    // MARK: Files

    @Test func theNextTurnFollowsFromTheConversation() async throws {
        let text = """
            {"turns": [{"text": "a b", "tool_calls": [{"name": "ls", "arguments": {"path": "."}}, {"name": "ls"}]}, {"text": "c"}]}
            """
        try await withScript(text) { folder async throws in
            var messages = [ChatMessage.user("go")]
            let (deltas, first) = try await ask("test", messages, folder: folder)
            #expect(
                deltas == [
                    .text("a "), .text("b"), .toolCallStarted(id: "call_1_0", name: "ls"),
                    .toolCallStarted(id: "call_1_1", name: "ls"),
                ]
            )
            #expect(first.message.toolCalls.map(\.arguments) == [["path": "."], [:]])
            #expect(first.stop == .toolUse)
            #expect(try await ask("test", messages, folder: folder).response == first)

            messages += [first.message, results(of: first.message)]
            let second = try await ask("test", messages, folder: folder).response
            #expect(second.message.text == "c")
            #expect(second.stop == .endTurn)

            messages.append(second.message)
            #expect(
                try await ask("test", messages, folder: folder).response.message.text == "The script has no more turns."
            )
            messages.append(.user("again"))
            #expect(try await ask("test", messages, folder: folder).response.message.text == "a b")
        }
    }

    @Test func theTaskChoosesTheScript() async throws {
        let text =
            #"{"scripts": [{"match": "red", "turns": [{"text": "R"}]}, {"match": "blue", "turns": [{"text": "B"}]}]}"#
        try await withScript(text) { folder async throws in
            #expect(try await ask("test", [.user("a blue one")], folder: folder).response.message.text == "B")
            let error = await #expect(throws: ModelError.self) {
                _ = try await ask("test", [.user("green")], folder: folder)
            }
            #expect(error?.message.contains("\(folder)/test.json") == true)
        }
    }

    @Test func faultsPassAfterTheirTimes() async throws {
        for kind in ["429", "500", "529", "connect", "hang"] {
            try await withScript(#"{"turns": [{"text": "x", "fault": {"kind": "\#(kind)", "times": 4}}]}"#) {
                folder async throws in
                let limits = StreamLimits(firstToken: .milliseconds(1))
                #expect(try await ask("test", [.user("go")], folder: folder, limits: limits).deltas == [.text("x")])
            }
        }
        try await withScript(#"{"turns": [{"text": "x y", "fault": {"kind": "cut"}}]}"#) { folder async throws in
            #expect(
                try await ask("test", [.user("go")], folder: folder).deltas == [
                    .text("x "), .attemptDiscarded, .text("x "), .text("y"),
                ]
            )
        }
    }

    @Test(arguments: [
        ("400", 1, ModelError.Code.invalidRequest), ("401", 1, .authentication), ("429", 5, .rateLimited),
    ])
    func faultsThatStand(kind: String, times: Int, code: ModelError.Code) async throws {
        try await withScript(#"{"turns": [{"fault": {"kind": "\#(kind)", "times": \#(times)}}]}"#) {
            folder async throws in
            let error = await #expect(throws: ModelError.self) {
                _ = try await ask("test", [.user("go")], folder: folder)
            }
            #expect(error?.code == code)
        }
    }

    @Test(arguments: [
        ("{", "line 1"), ("[]", "turns"), (#"{"turns": []}"#, "turns must"),
        (#"{"turns": [{"txt": ""}]}"#, "turns[0].txt"),
        (#"{"turns": [{"text": 1}]}"#, "turns[0].text must be a string"),
        (#"{"turns": [{"tool_calls": [{}]}]}"#, "turns[0].tool_calls[0].name"),
        (#"{"turns": [{"stop": "x"}]}"#, "turns[0].stop"),
        (#"{"turns": [{"fault": {"kind": "x"}}]}"#, "turns[0].fault.kind"),
        (#"{"turns": [{"pause_ms": -1}]}"#, "turns[0].pause_ms"), (#"{"scripts": [{"turns": 1}]}"#, "scripts[0].turns"),
    ])
    func anInvalidFileIsNamedWithThePlace(text: String, place: String) async throws {
        try await withScript(text) { folder async throws in
            let error = await #expect(throws: ModelError.self) {
                _ = try await ask("test", [.user("go")], folder: folder)
            }
            #expect(error?.message.contains("\(folder)/test.json") == true)
            #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
        }
    }

    @Test func aMissingFileIsNamed() async throws {
        try await withScript("{}") { folder async throws in
            let error = await #expect(throws: ModelError.self) {
                _ = try await ask("other", [.user("go")], folder: folder)
            }
            #expect(error?.code == .unknownModel)
            #expect(error?.message.contains("\(folder)/other.json") == true)
            for name in ["../test", ".hidden", ""] {
                await #expect(throws: ModelError.self) { _ = try await ask(name, [.user("go")], folder: folder) }
            }
        }
        await #expect(throws: ModelError.self) { _ = try await ask("other", [.user("go")]) }
    }

    // MARK: The demo

    @Test func theDemoGoesFromPlanToSuggestions() async throws {
        var messages = [ChatMessage.user("show me")]
        var names: [String] = []
        while names.last != "suggest_next_steps", messages.count < 40 {
            let response = try await ask("demo", messages).response
            names += response.message.toolCalls.map(\.name)
            messages += [response.message, results(of: response.message)]
        }
        #expect(
            names == [
                "job_plan", "todo_write", "files_creation", "bash", "grep", "file_read", "todo_write", "file_edit",
                "bash", "todo_write",
                "suggest_next_steps",
            ]
        )
        let second = DemoScript.script(run: 2)
        #expect(second.turns[2].calls[0].arguments["command"] == "sh demo-2/primes.sh")
    }

    @Test func theDemosProgramFailsFirstAndPassesAfterTheEdit() throws {
        #expect(
            DemoScript.program.split(separator: "while " + DemoScript.mistake, omittingEmptySubsequences: false).count
                == 2
        )
        let mended = DemoScript.program.replacing(DemoScript.mistake, with: DemoScript.correction)
        #expect(try run(DemoScript.program).status == 1)
        #expect(try run(DemoScript.program).output.contains("expected 11 primes up to 31, found 10"))
        #expect(try run(mended).status == 0)
        #expect(try run(mended).output.hasSuffix("29\n31\n11 primes up to 31: as expected\n"))
    }

    private func run(_ program: String) throws -> (status: Int32, output: String) {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let status = try ChildProcess("/bin/sh", ["-c", program], output: file).wait()
        return (status, try String(contentsOfFile: file, encoding: .utf8))
    }
}
