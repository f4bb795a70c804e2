internal import Messages

/// `ls`: the entries of a directory.
struct LsTool: Tool {
    let name = "ls"
    let summary = "Lists a directory of the workspace: directories first, with a / at the end, then files."
    let effect = ToolEffect.pure

    private static let limit = 1000

    let parameters = ToolSchema([
        .required("path", .string, "Absolute, or relative to the workspace; . is the workspace itself."),
        .optional(
            "ignore",
            .array(of: .string, count: 0...100),
            "Patterns of names to leave out, such as *.o",
            default: []
        ),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let entries = try await context.workspace.entries(of: try arguments.string("path"))
        let patterns = try arguments.strings("ignore").map(NamePattern.init)
        let kept = entries.filter { entry in !patterns.contains { $0.matches(entry.name) } }
            .sorted { ($0.isDirectory ? 0 : 1, $0.name) < ($1.isDirectory ? 0 : 1, $1.name) }
        guard !kept.isEmpty else { return ToolOutput("(no entries)") }
        var lines = kept.prefix(Self.limit).map { $0.isDirectory ? "\($0.name)/" : $0.name }
        if kept.count > Self.limit { lines.append("(the first \(Self.limit) of \(kept.count) entries)") }
        return ToolOutput(lines.joined(separator: "\n"))
    }
}

/// A pattern of names with `*` and `?`. Unlike fnmatch(3) it takes no more than the product of both lengths, whatever
/// the pattern.
struct NamePattern {
    private let pattern: [Character]

    init(_ pattern: String) { self.pattern = Array(pattern) }

    func matches(_ name: String) -> Bool {
        let name = Array(name)
        var (p, n) = (0, 0)
        /// Where to go on when what follows the last `*` does not match: it takes one character more.
        var retry: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == "*" {
                retry = (p + 1, n)
                p += 1
            } else if p < pattern.count, pattern[p] == "?" || pattern[p] == name[n] {
                p += 1
                n += 1
            } else if let last = retry {
                retry = (last.pattern, last.name + 1)
                (p, n) = (last.pattern, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }
}
