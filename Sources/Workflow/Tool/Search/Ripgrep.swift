internal import Synchronization

/// One search by ripgrep (`rg`), whose rules for patterns, ignore files and file types the searching tools have.
///
/// It runs in the thread's sandbox, like any command: patterns and paths come from a model, and there neither a link
/// nor a costly expression reaches further than `bash` does. Links are not followed.
struct Ripgrep {
    /// What follows `rg`; user text only as `--name=value` or after `--`.
    var arguments: [String]
    /// Where it searches, relative to the workspace.
    var directory = ""
    /// Whether only paths are asked for, which come with a NUL byte instead of a line end.
    var pathsOnly = false

    private static let timeout = Duration.seconds(30)
    /// Bytes of output that are kept.
    private static let outputLimit = 8 << 20

    struct Result {
        /// Lines, with a NUL byte after the path, without their ends; where only paths were asked for, paths.
        var records: [ArraySlice<UInt8>]
        /// Why there may be more than these; nil where these are all.
        var gap: String?
    }

    /// - Throws: ``ToolError`` with ripgrep's message for a bad pattern, `CancellationError`.
    func run(in sandbox: any Sandbox) async throws -> Result {
        let output = Mutex<[UInt8]>([])
        let common = [
            "rg", "--no-config", "--color=never", "--no-messages", "--no-require-git", "--sortr=modified", "--null",
        ]
        let command = Command(common + arguments, in: directory, timeout: Self.timeout)
        let exit = try await sandbox.execute(command) { piece in
            output.withLock { $0.append(contentsOf: piece.prefix(Self.outputLimit - $0.count)) }
        }
        let bytes = output.withLock { $0 }
        switch exit.status {
        case .exited(0), .exited(1): break
        case .exited(127): throw ToolError("ripgrep (rg) is not installed where commands run")
        // 2 also means that a file could not be read. Then there are results, each with the NUL byte of --null; no
        // message has one.
        case .exited(2) where bytes.contains(0): break
        case .exited, .signalled:
            guard exit.timedOut else { throw ToolError(String(decoding: bytes.prefix(2000), as: UTF8.self)) }
        }
        let isCut = bytes.count == Self.outputLimit
        var records = pathsOnly ? bytes.split(separator: 0) : TextLines.split(bytes)
        if isCut || exit.timedOut { records = records.dropLast() }
        let gap = exit.timedOut ? "stopped after 30 s" : isCut ? "the output was cut" : nil
        return Result(records: records, gap: gap)
    }
}
