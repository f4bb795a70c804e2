internal import Messages

/// `bash`: runs a command line.
struct BashTool: Tool {
    let name = "bash"
    let summary = """
        Runs a command with bash. Each call is a new shell: the directory it ends in is kept for the next call, \
        variables are not. There is no input, and background processes end with the call.
        """
    let effect = ToolEffect.unsafe
    /// ``CommandOutput`` has cut already; its note, the exit code and what else is said come on top.
    let outputLimit = OutputLimit.standard + 2000

    private static let reportInterval = Duration.milliseconds(100)

    let parameters = ToolSchema([
        .required("command", .string, "The command line; several lines are allowed."),
        .optional("timeout_ms", .integer(1...600_000), "After this many milliseconds it is ended.", default: 120_000),
        .optional("description", .string, "What the command is for, in a few words."),
        .optional(
            "cwd",
            .string,
            "Where to run it, absolute or relative to the workspace; where the last one ended if left out."
        ),
    ])

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let line = try arguments.string("command")
        let timeout = try arguments.int("timeout_ms")
        var notes: [String] = []
        let directory = try await Self.startDirectory(arguments["cwd"]?.string, context, &notes)
        let track = try await DirectoryTrack(context)
        let command = Command(
            ["bash", "-c", DirectoryTrack.script, "bash", track.absolutePath, line],
            in: directory,
            timeout: .milliseconds(timeout)
        )
        let output = CommandOutput(limit: OutputLimit.standard, spillingTo: context.spillPath, in: context.workspace)
        let exit: CommandExit
        do {
            exit = try await Self.execute(command, output, context)
        } catch {
            await track.takeAway()
            throw error
        }
        await track.carryOver(&notes)
        return Self.result(exit, output.text, notes, command: line, timeout: timeout)
    }

    private static func startDirectory(
        _ given: String?,
        _ context: ToolContext,
        _ notes: inout [String]
    ) async throws(ToolError) -> String {
        if let given { return try await context.workspace.locateDirectory(given) }
        do throws(ToolError) {
            return try await context.workspace.locateDirectory(context.memory.directory)
        } catch {
            notes.append("The directory of the last command is gone; this one ran in the workspace itself.")
            return "."
        }
    }

    /// Runs the command and reports its output ten times a second.
    private static func execute(
        _ command: Command,
        _ output: CommandOutput,
        _ context: ToolContext
    ) async throws -> CommandExit {
        let exit = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // The command's end cancels this task in its sleep; a report that has begun must not be cancelled with
                // it.
                while (try? await Task.sleep(for: reportInterval)) != nil {
                    if let news = output.takeNews() { await Task { await context.report(news) }.value }
                }
            }
            let exit = try await context.sandbox.execute(command) { output.append($0) }
            group.cancelAll()
            try await group.waitForAll()
            return exit
        }
        if let news = output.takeNews() { await context.report(news) }
        return exit
    }

    private static func result(
        _ exit: CommandExit,
        _ output: String,
        _ notes: [String],
        command: String,
        timeout: Int
    ) -> ToolOutput {
        var lines = output.isEmpty ? [] : [output.last?.isNewline == true ? String(output.dropLast()) : output]
        lines += notes.map { "(\($0))" }
        if exit.timedOut {
            lines.append("Timed out after \(timeout) ms: the command was ended; its output so far is above.")
        }
        switch exit.status {
        case .exited(let code): lines.append("Exit code: \(code)")
        case .signalled(let signal): lines.append("Exit code: \(128 + signal) (ended by signal \(signal))")
        }
        let detail = ToolDetail.bash(
            command: command,
            exitCode: exit.exitCode,
            timedOut: exit.timedOut,
            durationMilliseconds: Int(exit.duration / .milliseconds(1))
        )
        let isError = exit.timedOut || exit.status != .exited(0)
        return ToolOutput(lines.joined(separator: "\n"), isError: isError, detail: detail)
    }
}

extension CommandExit {
    /// Nil where the command was ended by a signal or by the time-out.
    fileprivate var exitCode: Int? {
        guard case .exited(let code) = status, !timedOut else { return nil }
        return code
    }
}

/// Carries the directory that a shell ends in over to the next call, through a file in the workspace: a shell has no
/// other way out of its sandbox. What it says is held against the workspace like any path.
private struct DirectoryTrack {
    /// `$1` is the file, `$2` the command line. A command that sets an EXIT trap of its own leaves the directory as it
    /// was.
    static let script = #"""
        printf -v BAUD_CWD %q "$1"; trap "pwd -P >| $BAUD_CWD 2> /dev/null" EXIT; eval "$2"
        """#

    private let context: ToolContext
    private let path: String

    init(_ context: ToolContext) async throws(ToolError) {
        self.context = context
        path = ".agent/cwd-\(UInt64.random(in: .min ... .max))"
        try await context.workspace.write([], to: path)
    }

    var absolutePath: String { "\(context.sandbox.workspacePath)/\(path)" }

    /// The command may have done it; a file that stays does no harm.
    func takeAway() async { try? await context.workspace.remove(path) }

    /// - Parameter notes: gets what the model must know about where the next command starts.
    func carryOver(_ notes: inout [String]) async {
        // The command may have taken the file away, or put something else there: then the directory stays as it was.
        guard let file = try? await context.workspace.read(path) else { return }
        await takeAway()
        guard let line = TextLines.split(file.content).first else { return }
        do throws(ToolError) {
            let directory = try await context.workspace.locateDirectory(String(decoding: line, as: UTF8.self))
            context.memory.directory = directory == "." ? "" : directory
        } catch {
            context.memory.directory = ""
            notes.append("The command ended outside the workspace; the next one starts in the workspace itself.")
        }
    }
}
