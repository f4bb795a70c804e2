/// An agent's tools by name, and the one way to run them.
///
/// A value, made once per agent; ``run(_:in:)`` is called from the agent's tasks, side by side where calls are pure.
public struct ToolRegistry: Sendable {
    private let tools: [String: any Tool]
    /// In the order of the names, so that the same tools are the same bytes and providers' prompt caches hit.
    public let definitions: [ToolDefinition]

    /// - Parameters:
    ///   - enabled: the names of those to keep; nil keeps all.
    ///   - disabled: the names of those to leave out, whatever `enabled` says.
    public init(_ tools: [any Tool], enabled: Set<String>? = nil, disabled: Set<String> = []) {
        let kept = tools.filter { enabled?.contains($0.name) ?? true && !disabled.contains($0.name) }
        let byName = Dictionary(kept.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        self.tools = byName
        definitions = byName.values.sorted { $0.name < $1.name }.map {
            ToolDefinition(name: $0.name, description: $0.summary, parameters: $0.parameters.json)
        }
    }

    public subscript(name: String) -> (any Tool)? { tools[name] }

    /// Checks a call's arguments, runs its tool and cuts the output to the tool's limit.
    ///
    /// An unknown tool, bad arguments, a call that takes too long and the tool's own failure are outputs with
    /// ``ToolOutput/isError``.
    /// - Throws: `CancellationError` and ``ToolQuestion``, nothing else.
    public func run(
        _ call: ToolCall,
        in context: ToolContext,
        limit: Duration = .seconds(900)
    ) async throws -> ToolOutput {
        let output: ToolOutput
        do {
            output = try await withTimeLimit(limit) {
                try await answer(call, in: context)
            } orElse: {
                throw ToolError("\(call.name) took longer than \(limit) and was stopped")
            }
        } catch let error as ToolError {
            output = ToolOutput(error.message, isError: true)
        } catch let error as CancellationError {
            throw error
        } catch let question as ToolQuestion {
            throw question
        } catch {
            output = ToolOutput("\(call.name) failed: \(error)", isError: true)
        }
        return await limited(output, to: tools[call.name]?.outputLimit ?? OutputLimit.standard, in: context)
    }

    private func answer(_ call: ToolCall, in context: ToolContext) async throws -> ToolOutput {
        guard let tool = tools[call.name] else {
            throw ToolError("Unknown tool: \(call.name). Known are: \(tools.keys.sorted().joined(separator: ", "))")
        }
        return try await tool.run(try tool.parameters.check(call.arguments), in: context)
    }

    private func limited(_ output: ToolOutput, to limit: Int, in context: ToolContext) async -> ToolOutput {
        guard output.text.utf8.count > limit else { return output }
        let bytes = Array(output.text.utf8)
        var output = output
        do throws(ToolError) {
            try await context.workspace.write(bytes, to: context.spillPath)
            output.text = OutputLimit.cut(bytes, to: limit, whole: .file(context.spillPath))
        } catch {
            output.text = OutputLimit.cut(bytes, to: limit, whole: .lost(reason: error.message))
        }
        return output
    }
}
