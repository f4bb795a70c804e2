internal import Messages

/// `file_read`: lines of a text file, numbered.
struct FileReadTool: Tool {
    let name = "file_read"
    let summary = """
        Reads a text file of the workspace. Each line comes with its number and a tab. Long files come in parts: go \
        on with offset. A file must be read before it is edited.
        """
    let effect = ToolEffect.pure
    /// Its own bound is ``byteLimit``; the numbers and the last line come on top.
    let outputLimit = 64 * 1024

    /// Bytes of lines that one call returns.
    private static let byteLimit = 50_000
    /// Characters that are shown of a line.
    private static let lineLimit = 2000

    let parameters = ToolSchema([
        .required("file_path", .string, "Absolute, or relative to the workspace."),
        .optional("offset", .integer(1...Int(Int32.max)), "The first line, counted from 1.", default: 1),
        .optional("limit", .integer(1...100_000), "How many lines.", default: 2000),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let path = try arguments.string("file_path")
        let file = try await context.workspace.readSuggesting(path)
        guard !TextLines.isBinary(file.content) else {
            throw ToolError("Binary file: \(path) (\(file.content.count) bytes)")
        }
        let text = try Self.excerpt(
            of: TextLines.split(file.content),
            from: try arguments.int("offset"),
            count: try arguments.int("limit")
        )
        context.memory.remember(file.mark, of: file.path)
        return ToolOutput(text)
    }

    private static func excerpt(
        of lines: [ArraySlice<UInt8>],
        from offset: Int,
        count: Int
    ) throws(ToolError) -> String {
        guard !lines.isEmpty else { return "(the file is empty)" }
        guard offset <= lines.count else {
            throw ToolError("offset: \(offset) is past the end; the file has \(lines.count) lines")
        }
        var text = ""
        var next = offset
        while next <= lines.count, next - offset < count {
            let line = "\(next)\t\(shown(lines[next - 1]))\n"
            guard next == offset || text.utf8.count + line.utf8.count <= byteLimit else { break }
            text += line
            next += 1
        }
        let more = next <= lines.count ? "; continue with offset=\(next)" : ""
        return text + "(lines \(offset)-\(next - 1) of \(lines.count)\(more))"
    }

    private static func shown(_ line: ArraySlice<UInt8>) -> String {
        // No character has less than one byte: what is short in bytes need not be counted.
        let text = TextLines.text(line)
        guard text.utf8.count > lineLimit, text.unicodeScalars.count > lineLimit else { return text }
        return String(text.unicodeScalars.prefix(lineLimit)) + " [... line cut, \(line.count) bytes]"
    }
}

extension Workspace {
    /// Reads; where there is no such file, the error names up to three of the same directory with a similar name.
    func readSuggesting(_ path: String) async throws(ToolError) -> File {
        do throws(ToolError) {
            return try await read(path)
        } catch {
            guard error == ToolError("No such file or directory: \(path)") else { throw error }
            let names = await similarNames(to: path)
            throw names.isEmpty ? error : ToolError("\(error.message). Similar: \(names.joined(separator: ", "))")
        }
    }

    private func similarNames(to path: String) async -> [String] {
        let (directory, name) = split(path)
        // That the directory is missing as well has been said already.
        guard let entries = try? await entries(of: directory) else { return [] }
        let ranked = entries.filter { !$0.isDirectory }
            .map { (name: $0.name, likeness: Likeness.of($0.name, name)) }
            .filter { $0.likeness >= 0.5 }
            .sorted { ($1.likeness, $0.name) < ($0.likeness, $1.name) }
        return ranked.prefix(3).map { directory == "." ? $0.name : "\(directory)/\($0.name)" }
    }
}

/// How alike two short texts are.
enum Likeness {
    /// The share of both that is common beginning and common end, whatever the case: 0 to 1.
    static func of(_ first: some StringProtocol, _ second: some StringProtocol) -> Double {
        let first = Array(first.lowercased().utf8)
        let second = Array(second.lowercased().utf8)
        guard !first.isEmpty, !second.isEmpty else { return 0 }
        let start = zip(first, second).prefix { $0 == $1 }.count
        let end = zip(first.dropFirst(start).reversed(), second.dropFirst(start).reversed()).prefix { $0 == $1 }.count
        return Double(2 * (start + end)) / Double(first.count + second.count)
    }
}
