internal import Messages

/// `file_edit`: replaces a text in a file.
struct FileEditTool: Tool {
    let name = "file_edit"
    let summary = """
        Replaces old_string by new_string in a file that was read before. old_string must be in the file exactly \
        once, unless replace_all is set; give enough surrounding lines.
        """
    let effect = ToolEffect.unsafe
    let parameters = ToolSchema(
        [
            .required("file_path", .string, "Absolute, or relative to the workspace.")
        ] + FileEdit.parameters
    )

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let edit = try FileEdit(arguments)
        return try await FileEdit.apply([edit], to: try arguments.string("file_path"), in: context)
    }
}

/// `multi_edit`: several replacements in one file, all or none.
struct MultiEditTool: Tool {
    let name = "multi_edit"
    let summary = """
        Makes several replacements in one file that was read before: in order, each on the result of the one before; \
        if one fails, none is made.
        """
    let effect = ToolEffect.unsafe
    let parameters = ToolSchema([
        .required("file_path", .string, "Absolute, or relative to the workspace."),
        .required(
            "edits",
            .array(of: .object(ToolSchema(FileEdit.parameters)), count: 1...100),
            "The replacements."
        ),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        var edits: [FileEdit] = []
        for edit in try arguments.objects("edits") { edits.append(try FileEdit(edit)) }
        return try await FileEdit.apply(edits, to: try arguments.string("file_path"), in: context)
    }
}

/// One replacement, as both editing tools take it.
struct FileEdit: Sendable {
    let old: String
    let new: String
    let all: Bool
    /// `edits[2]`, for error messages; empty where there is only one.
    let field: String

    static let parameters: [ToolSchema.Property] = [
        .required("old_string", .string, "The text to be replaced, without line numbers."),
        .required("new_string", .string, "What takes its place."),
        .optional("replace_all", .boolean, "Replace every occurrence.", default: false),
    ]

    init(_ arguments: ToolArguments) throws(ToolError) {
        old = try arguments.string("old_string")
        new = try arguments.string("new_string")
        all = try arguments.bool("replace_all")
        field = arguments.path
    }

    /// Makes the edits in memory and then writes the file once.
    static func apply(_ edits: [FileEdit], to path: String, in context: ToolContext) async throws -> ToolOutput {
        let file = try await context.workspace.readSuggesting(path)
        guard let mark = context.memory.mark(of: file.path) else {
            throw ToolError("Not read yet: \(path). Read it with file_read first")
        }
        guard mark == file.mark else {
            throw ToolError("Changed since it was read: \(path). Read it again with file_read")
        }
        // Large files take longer than a cooperative thread should be kept.
        let result = try await onOwnThread { () throws(ToolError) in try Result(of: edits, in: file) }
        let written = try await context.workspace.write(result.content, to: file.path)
        context.memory.remember(written.mark, of: written.path)
        return result.output
    }

    /// A file with all edits made, not yet written.
    private struct Result: Sendable {
        let content: [UInt8]
        let output: ToolOutput

        init(of edits: [FileEdit], in file: Workspace.File) throws(ToolError) {
            var text = try EditableText(file.content, path: file.path)
            var outcomes: [EditableText.Outcome] = []
            for edit in edits { outcomes.append(try edit.apply(to: &text)) }
            content = text.bytes
            let diff = UnifiedDiff(from: file.content, to: text.bytes, path: file.path).text
            output = FileEdit.output(outcomes, file.path, diff)
        }
    }

    private func apply(to text: inout EditableText) throws(ToolError) -> EditableText.Outcome {
        do throws(ToolError) {
            return try text.replace(old, with: new, all: all)
        } catch {
            throw field.isEmpty ? error : ToolError("\(field): \(error.message). No edit was made")
        }
    }

    private static func output(_ outcomes: [EditableText.Outcome], _ path: String, _ diff: String) -> ToolOutput {
        let count = outcomes.reduce(0) { $0 + $1.replacements }
        let lines = outcomes.map { "\($0.line)" }.joined(separator: ", ")
        let loose = outcomes.contains(where: \.wasLoose) ? "\nold_string matched only with other white space." : ""
        let replacements = count == 1 ? "1 replacement" : "\(count) replacements"
        return ToolOutput(
            "Edited \(path): \(replacements), at line \(lines).\(loose)\n\(diff)",
            detail: .fileEdit(path: path, diff: diff, replacements: count)
        )
    }
}
