import Messages

/// Tool calls, their results and what they have to say, each in a few lines.
enum ToolText {
    private static let resultLines = 6
    private static let diffLines = 24

    /// Tools of which the event says all that is worth showing.
    private static let listing: Set = ["todo_write", "job_plan", "suggest_next_steps"]
    /// Tools whose call and event say what came of it, so that a good result needs no words.
    private static let quiet: Set = ["file_edit", "multi_edit", "files_creation"]

    static func showsItself(_ tool: String) -> Bool { listing.contains(tool) }

    /// `▸ bash sh primes.sh`
    static func call(_ call: ToolCall, palette: Palette, width: Int) -> String {
        let name = TerminalText.cleanLine(call.name)
        let line = TerminalText.cut("▸ \(name) \(subject(of: call))", to: width)
        let head = "▸ \(name)"
        guard line.hasPrefix(head) else { return palette.cyan(line) }
        return palette.cyan(head) + line.dropFirst(head.count)
    }

    /// The first lines of what came back. If something went wrong: a line that says so and the last ones, where the
    /// reason mostly stands.
    static func result(_ result: ToolResult, of command: BashRan?, palette: Palette, width: Int) -> [String] {
        if !result.isError, listing.contains(result.name) || quiet.contains(result.name) { return [] }
        var lines = TerminalText.clean(result.text).split(separator: "\n")
        let status = lines.last { $0.hasPrefix(statusPrefix) }
        lines.removeAll { $0.hasPrefix(statusPrefix) }
        let code = command.map { Int($0.exitCode) } ?? status.flatMap { Int($0.dropFirst(statusPrefix.count)) } ?? 0
        let isFault = result.isError || code != 0
        let shown = excerpt(of: lines, atMost: resultLines, fromEnd: isFault).map { line in
            palette.dim(TerminalText.cut("  \(line)", to: width))
        }
        guard isFault else { return shown.isEmpty ? [palette.dim("  ✓")] : shown }
        let fault =
            command?.timedOut == true
            ? "timed out" : code > 0 ? "exit \(code)" : code < 0 ? "ended by a signal" : "failed"
        return [palette.red("  ✗ \(fault) · \(Amounts.count(lines.count, "line"))")] + shown
    }

    /// How the bash tool closes its result.
    private static let statusPrefix = "Exit code: "

    /// A unified diff (POSIX `diff -u`) under the path, without its two header lines.
    static func edit(_ edit: FileEdited, palette: Palette, width: Int) -> [String] {
        let lines = TerminalText.clean(edit.diff).split(separator: "\n", omittingEmptySubsequences: false)
            .drop { !$0.hasPrefix("@@") }
        let body = lines.last == "" ? lines.dropLast() : lines
        let (added, removed) = (body.count { $0.hasPrefix("+") }, body.count { $0.hasPrefix("-") })
        let title = TerminalText.cut("  \(TerminalText.cleanLine(edit.path)) +\(added) -\(removed)", to: width)
        return [palette.bold(title)]
            + excerpt(of: Array(body), atMost: diffLines).map { line in
                let text = TerminalText.cut("  \(line)", to: width)
                switch line.first {
                case "+": return palette.green(text)
                case "-": return palette.red(text)
                case "@": return palette.cyan(text)
                case _: return palette.dim(text)
                }
            }
    }

    static func todo(_ todo: Todo, palette: Palette, width: Int) -> String {
        let content = TerminalText.cleanLine(todo.content)
        switch todo.status {
        case "completed": return palette.dim(TerminalText.cut("  ☑ \(content)", to: width))
        case "in_progress": return palette.yellow(TerminalText.cut("  ◐ \(content)", to: width))
        case _: return TerminalText.cut("  ☐ \(content)", to: width)
        }
    }

    static func plan(_ plan: JobPlan, palette: Palette, width: Int) -> [String] {
        let goal = TerminalText.cut("plan: \(TerminalText.cleanLine(plan.goal))", to: width)
        // Numbers stand for the steps' ids, which the model chose for itself.
        let steps = plan.steps.enumerated()
        return [palette.bold(goal)]
            + steps.map { index, step in
                let before = steps.filter { step.dependsOn.contains($0.element.id) }.map { String($0.offset + 1) }
                let order = before.isEmpty ? "" : " (after \(before.joined(separator: ", ")))"
                return TerminalText.cut("  ☐ \(index + 1) \(TerminalText.cleanLine(step.title))\(order)", to: width)
            }
    }
}

extension ToolText {
    /// Arguments that tell best what a call is about, the most telling first.
    private static let subjects = [
        "command", "file_path", "pattern", "query", "url", "path", "task", "template", "bash_id", "port",
    ]

    /// One argument in one line; all of them where none is known.
    private static func subject(of call: ToolCall) -> String {
        guard let arguments = try? JSON(parsing: call.arguments) else { return TerminalText.cleanLine(call.arguments) }
        if let files = arguments["files"]?.array {
            return TerminalText.cleanLine(files.compactMap { $0["path"]?.string }.joined(separator: " "))
        }
        for name in subjects {
            if let text = arguments[name]?.string { return TerminalText.cleanLine(text) }
            if let number = arguments[name]?.int { return String(number) }
        }
        return arguments == [:] ? "" : TerminalText.cleanLine(call.arguments)
    }

    /// All lines if they are few, or else the first or last ones and how many are left out.
    private static func excerpt(of lines: [Substring], atMost limit: Int, fromEnd: Bool = false) -> [String] {
        guard lines.count > limit else { return lines.map(String.init) }
        let rest = "… \(Amounts.count(lines.count - limit + 1, "more line"))"
        return fromEnd
            ? [rest] + lines.suffix(limit - 1).map(String.init) : lines.prefix(limit - 1).map(String.init) + [rest]
    }
}
