import Testing

import enum Messages.JSON

@testable import Workflow

struct ToolRegistryTests {
    @Test func offersItsToolsSortedAndLeavesOutTheDisabled() {
        let registry = ToolRegistry(ToolRegistry.builtIn, enabled: ["ls", "bash", "grep"], disabled: ["bash"])
        #expect(registry.definitions.map(\.name) == ["grep", "ls"])
        #expect(registry["bash"] == nil)
    }

    @Test func everyToolHasASchemaAndASummary() {
        let definitions = ToolRegistry(ToolRegistry.builtIn).definitions
        #expect(definitions.count == 13)
        for definition in definitions {
            #expect(definition.parameters["type"] == "object", "\(definition.name)")
            #expect(!definition.description.isEmpty, "\(definition.name)")
        }
    }

    @Test func unknownToolsAndBadArgumentsAreAnswers() async throws {
        let bench = try await ToolBench()
        let unknown = try await bench.call("fly", [:], fails: true)
        #expect(unknown.text.hasPrefix("Unknown tool: fly. Known are: ask_user, bash, "))
        let bad = try await bench.call("bash", ["command": 1], fails: true)
        #expect(bad.text == "command: expected a string, got an integer")
    }

    private struct Flood: Tool {
        let name = "flood"
        let summary = "Says much."
        let parameters = ToolSchema()
        let effect = ToolEffect.pure
        let text: String
        func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput { ToolOutput(text) }
    }

    @Test func cutsLongOutputAtLinesAndKeepsTheWholeInAFile() async throws {
        let bench = try await ToolBench()
        let whole = (1...10_000).map { "line \($0)" }.joined(separator: "\n")
        let call = ToolCall(id: "../../etc/x", name: "flood", arguments: [:])
        let output = try await ToolRegistry([Flood(text: whole)]).run(call, in: bench.context(call.id))
        #expect(output.text.utf8.count < 30_200)
        #expect(output.text.hasPrefix("line 1\nline 2\n"))
        #expect(output.text.hasSuffix("\nline 9999\nline 10000"))
        let lines = output.text.split(separator: "\n")
        let note = try #require(lines.firstIndex { $0.hasPrefix("[...") })
        #expect(lines[note].hasSuffix("bytes left out; the whole output is in .agent/tool-output/______etc_x.txt ...]"))
        #expect(lines[note - 1].wholeMatch(of: /line \d+/) != nil && lines[note + 1].wholeMatch(of: /line \d+/) != nil)
        #expect(try bench.content(".agent/tool-output/______etc_x.txt") == whole)
    }

    @Test func cutsOneLongLineBetweenCharacters() async throws {
        let bench = try await ToolBench()
        let output = try await ToolRegistry([Flood(text: String(repeating: "é", count: 40_001))])
            .run(ToolCall(id: "c", name: "flood", arguments: [:]), in: bench.context("c"))
        #expect(!output.text.contains("\u{fffd}"))
    }
}
