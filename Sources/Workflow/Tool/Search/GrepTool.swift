internal import Messages

/// `grep`: searches the contents of files.
struct GrepTool: Tool {
    let name = "grep"
    let summary = """
        Searches the contents of files with a regular expression (ripgrep's syntax). Files changed last come first; \
        what .gitignore names and hidden files are left out.
        """
    let effect = ToolEffect.pure

    private static let contextLines = ToolSchema.Value.integer(0...100)

    let parameters = ToolSchema([
        .required("pattern", .string, "A regular expression."),
        .optional("path", .string, "A file or directory to search; the workspace if left out."),
        .optional("glob", .string, "Only files that match, such as *.swift or src/**/*.ts"),
        .optional("type", .string, "Only files of a type that ripgrep knows, such as swift, py, js."),
        .optional(
            "output_mode",
            .choice(["files_with_matches", "content", "count"]),
            "Paths, matching lines, or the number of matching lines of each file.",
            default: "files_with_matches"
        ),
        .optional("before", contextLines, "Lines to show before each match (content)."),
        .optional("after", contextLines, "Lines to show after each match (content)."),
        .optional("context", contextLines, "Lines to show before and after each match (content)."),
        .optional("ignore_case", .boolean, "Whether a and A are the same.", default: false),
        .optional("line_numbers", .boolean, "Whether lines come with their numbers (content).", default: true),
        .optional("multiline", .boolean, "Whether a match may span lines, and . matches a line end.", default: false),
        .optional("head_limit", .integer(1...10_000), "How many lines to return.", default: 100),
        .optional("offset", .integer(0...1_000_000), "How many lines to leave out first.", default: 0),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let path = try await context.workspace.locate(arguments["path"]?.string ?? ".").path
        let mode = try arguments.string("output_mode")
        let search = Ripgrep(
            arguments: try Self.options(arguments) + ["--", try arguments.string("pattern"), "./\(path)"],
            pathsOnly: mode == "files_with_matches"
        )
        let result = try await search.run(in: context.sandbox)
        let lines = result.records.map { Self.line($0, isContent: mode == "content") }
        let page = Page(
            lines,
            offset: try arguments.int("offset"),
            limit: try arguments.int("head_limit"),
            gap: result.gap
        )
        return ToolOutput(page?.text ?? "No matches found")
    }

    private static func options(_ arguments: ToolArguments) throws(ToolError) -> [String] {
        var options = ["--with-filename"]
        switch try arguments.string("output_mode") {
        case "content":
            options += ["--max-columns=500", "--max-columns-preview"]
            options.append(try arguments.bool("line_numbers") ? "--line-number" : "--no-line-number")
            if let lines = arguments["context"]?.int { options.append("--context=\(lines)") }
            if let lines = arguments["before"]?.int { options.append("--before-context=\(lines)") }
            if let lines = arguments["after"]?.int { options.append("--after-context=\(lines)") }
        case "count": options.append("--count")
        default: options.append("--files-with-matches")
        }
        if try arguments.bool("ignore_case") { options.append("--ignore-case") }
        if try arguments.bool("multiline") { options += ["--multiline", "--multiline-dotall"] }
        if let glob = arguments["glob"]?.string { options.append("--glob=\(glob)") }
        if let type = arguments["type"]?.string { options.append("--type=\(type)") }
        return options
    }

    /// `path NUL rest` as people write it: `path:12:text`, `path-11-text` for a line of context, `path:3` for a count,
    /// or the path.
    private static func line(_ line: ArraySlice<UInt8>, isContent: Bool) -> String {
        guard let end = line.firstIndex(of: 0) else { return SearchPath.text(line) }
        let path = SearchPath.text(line[..<end])
        let rest = line[(end + 1)...]
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let isContext = !digits.isEmpty && rest.dropFirst(digits.count).first == UInt8(ascii: "-")
        return "\(path)\(isContent && isContext ? "-" : ":")\(TextLines.text(rest))"
    }
}

/// Paths as the searching tools show them.
enum SearchPath {
    /// Without the `./` that keeps ripgrep from taking a path for an option.
    static func text(_ path: ArraySlice<UInt8>) -> String {
        var path = path
        while path.starts(with: "./".utf8) { path = path.dropFirst(2) }
        return String(decoding: path, as: UTF8.self)
    }
}

/// A part of a long list of lines, with a note of how to get the rest.
struct Page {
    let text: String

    /// - Returns: nil where there is nothing to show.
    init?(_ lines: [String], offset: Int, limit: Int, gap: String?) {
        guard !lines.isEmpty || gap != nil else { return nil }
        let shown = lines.dropFirst(offset).prefix(limit)
        var notes: [String] = []
        if shown.count < lines.count {
            let end = offset + shown.count
            let range = shown.isEmpty ? "nothing at offset \(offset)" : "lines \(offset + 1)-\(end)"
            let more = end < lines.count ? "; continue with offset=\(end)" : ""
            notes.append("\(range) of \(lines.count)\(more)")
        }
        if let gap { notes.append("incomplete: \(gap)") }
        text = (shown + notes.map { "(\($0))" }).joined(separator: "\n")
    }
}
