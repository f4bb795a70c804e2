internal import Messages

/// `glob`: finds files by their names.
struct GlobTool: Tool {
    let name = "glob"
    let summary = """
        Finds files by a pattern of their paths, such as *.swift or src/**/*.ts. Files changed last come first; what \
        .gitignore names and hidden files are left out.
        """
    let effect = ToolEffect.pure

    private static let limit = 100

    let parameters = ToolSchema([
        .required("pattern", .string, "A glob; without a / it matches names in all directories."),
        .optional("path", .string, "The directory to search; the workspace if left out."),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let pattern = try arguments.string("pattern")
        // To ripgrep it would mean all files but these.
        guard !pattern.hasPrefix("!"), !pattern.isEmpty else { throw ToolError("pattern: must name what to find") }
        let directory = try await context.workspace.locateDirectory(arguments["path"]?.string ?? ".")
        let search = Ripgrep(arguments: ["--files", "--glob=\(pattern)"], directory: directory, pathsOnly: true)
        let result = try await search.run(in: context.sandbox)
        let paths = result.records.map { path in
            directory == "." ? SearchPath.text(path) : "\(directory)/\(SearchPath.text(path))"
        }
        guard !paths.isEmpty else { return ToolOutput("No files found") }
        var lines = Array(paths.prefix(Self.limit))
        if paths.count > Self.limit {
            lines.append("(the first \(Self.limit) of \(paths.count) files; narrow the pattern)")
        }
        if let gap = result.gap { lines.append("(incomplete: \(gap))") }
        return ToolOutput(lines.joined(separator: "\n"))
    }
}
