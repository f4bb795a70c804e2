import Messages
import Testing

@testable import Workflow

struct TranscriptTests {
    private static func message(_ text: String, calls: [String] = []) -> ChatMessage {
        ChatMessage(
            role: .assistant,
            parts: [.text(text)] + calls.map { .toolCall(Workflow.ToolCall(id: $0, name: "t", arguments: ["a": 1])) }
        )
    }

    private static func result(_ id: String) -> Workflow.ToolResult {
        Workflow.ToolResult(callID: id, text: "of \(id)", isError: false)
    }

    /// A run with everything in it: each step changes the transcript and gives its journal entry.
    private static let steps: [@Sendable (inout Transcript) -> String] = [
        { $0.add(message("first", calls: ["a", "b"]), usage: Usage(inputTokens: 5), stop: .toolUse) },
        { $0.start(Workflow.ToolCall(id: "a", name: "t", arguments: [:])) },
        { $0.add(result("a"), endsRun: false) },
        { $0.start(Workflow.ToolCall(id: "b", name: "t", arguments: [:])) },
        { $0.add(result("b"), endsRun: false) },
        { $0.add(message("pause"), usage: Usage(outputTokens: 2), stop: .pauseTurn) },
        { $0.add(message("more", calls: ["c"]), usage: Usage(cacheReadTokens: 3), stop: .maxTokens) },
        { $0.add(result("c"), endsRun: false) },
        { $0.add(message("done"), usage: Usage(inputTokens: 1), stop: .endTurn) },
    ]

    private static let history = [ChatMessage.user("before").json.text, message("answer").json.text]

    @Test func `a replay equals the live transcript after every step, and can always be closed`() throws {
        var live = Transcript(history: Self.history, task: "go")
        var journal: [String] = []
        for step in Self.steps {
            journal.append(step(&live))
            let replayed = Transcript(history: Self.history, task: "go", journal: journal)
            #expect(replayed.messages == live.messages && replayed.next == live.next)
            #expect(replayed.usage == live.usage && replayed.turns == live.turns && replayed.lastText == live.lastText)
            #expect(replayed.closed("over") == live.closed("over"))
            #expect(try (Self.history + live.closed("over")).conversation().isValid)
        }
        #expect(live.next == .stopped(.endTurn) && live.turns == 4)
        #expect(live.usage == Usage(inputTokens: 6, outputTokens: 2, cacheReadTokens: 3))
    }

    @Test func `what comes next`() {
        var transcript = Transcript(history: [], task: "go")
        #expect(transcript.next == .model)
        _ = transcript.add(Self.message("x", calls: ["a", "b"]), usage: Usage(), stop: .toolUse)
        let (a, b) = (transcript.messages[1].toolCalls[0], transcript.messages[1].toolCalls[1])
        #expect(transcript.next == .tools([.init(call: a, isInDoubt: false), .init(call: b, isInDoubt: false)]))
        _ = transcript.start(a)
        #expect(transcript.next == .tools([.init(call: a, isInDoubt: true), .init(call: b, isInDoubt: false)]))
        _ = transcript.add(Self.result("a"), endsRun: false)
        #expect(transcript.next == .tools([.init(call: b, isInDoubt: false)]))
        _ = transcript.add(Self.result("b"), endsRun: false)
        #expect(transcript.next == .model)
    }

    @Test func `results stand in the order of the calls, whichever came first`() {
        var transcript = Transcript(history: [], task: "go")
        _ = transcript.add(Self.message("x", calls: ["a", "b", "c"]), usage: Usage(), stop: .toolUse)
        for id in ["c", "a", "b"] { _ = transcript.add(Self.result(id), endsRun: false) }
        #expect(transcript.messages.last?.toolResults.map(\.callID) == ["a", "b", "c"])
    }

    @Test(arguments: [
        StopReason.endTurn, .stopSequence, .toolUse, .maxTokens, .refusal, .contextWindow, .other("eos"),
    ])
    func `why the model stopped outlives the worker`(stop: StopReason) {
        var live = Transcript(history: [], task: "go")
        let entry = live.add(Self.message("x"), usage: Usage(), stop: stop)
        #expect(live.next == .stopped(stop))
        #expect(Transcript(history: [], task: "go", journal: [entry]).next == .stopped(stop))
    }

    @Test func `a refusal stops the agent whatever was called`() {
        var transcript = Transcript(history: [], task: "go")
        _ = transcript.add(Self.message("x", calls: ["a"]), usage: Usage(), stop: .refusal)
        #expect(transcript.next == .stopped(.refusal))
    }

    @Test func `a tool can end the agent's turn`() {
        var transcript = Transcript(history: [], task: "go")
        _ = transcript.add(Self.message("x", calls: ["a"]), usage: Usage(), stop: .toolUse)
        let entry = transcript.add(Self.result("a"), endsRun: true)
        #expect(transcript.next == .end && entry.contains("ends"))
    }

    @Test func `an id that a provider uses again is a new call`() {
        var transcript = Transcript(history: [], task: "go")
        for _ in 0..<3 {
            _ = transcript.add(Self.message("x", calls: ["a", "a"]), usage: Usage(), stop: .toolUse)
            guard case .tools(let open) = transcript.next else { return #expect(Bool(false), "nothing is open") }
            for call in open { _ = transcript.add(Self.result(call.call.id), endsRun: false) }
            #expect(transcript.next == .model && transcript.messages.last?.toolResults.count == 2)
        }
    }

    @Test func `a result that belongs to no call is passed over`() {
        var transcript = Transcript(history: [], task: "go")
        _ = transcript.add(Self.result("z"), endsRun: true)
        #expect(transcript.next == .model && transcript.messages.count == 1)
    }

    @Test func `open calls are closed with what became of them`() throws {
        var transcript = Transcript(history: [], task: "go")
        _ = transcript.add(Self.message("x", calls: ["a", "b"]), usage: Usage(), stop: .toolUse)
        _ = transcript.add(Self.result("a"), endsRun: false)
        let closed = try transcript.closed("it was cancelled").conversation()
        #expect(closed.isValid)
        #expect(closed.last?.toolResults.map(\.text) == ["of a", "it was cancelled"])
        #expect(closed.last?.toolResults.map(\.isError) == [false, true])
    }

    @Test func `entries that cannot be read are passed over`() {
        let transcript = Transcript(
            history: ["{", "[]", "{}"],
            task: "go",
            journal: ["", "null", "{\"message\":1}", "{\"x\":2}"]
        )
        #expect(transcript.messages == [.user("go")] && transcript.next == .model)
    }
}
