/// Commands as the worker's own user, with its files and its network: only time, output and, where control groups can
/// be had, memory and processes are bounded. For workers that are themselves in a sandbox, and only on explicit request
/// (`provider = "none"`).
///
/// Without control groups a process that leaves its group (setsid) outlives its command.
public struct UnconfinedSandbox: Sandbox {
    public var workspacePath: String { root }
    private let root: String
    private let limits: SandboxLimits
    private let groups: ControlGroups

    init(_ workspace: Workspace, _ limits: SandboxLimits, _ groups: ControlGroups) {
        root = workspace.root
        self.limits = limits
        self.groups = groups
    }

    public func execute(
        _ command: Command,
        onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws -> CommandExit {
        try await groups.withGroup(limits) { try await run(command, in: $0, onOutput) }
    }

    public func close() async {}

    private func run(
        _ command: Command,
        in groups: [String],
        _ onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws -> CommandExit {
        let inner = Launch.limited(command.arguments, limits, namespaced: false)
        return try await ProcessRunner(
            arguments: Launch.joining(groups, inner, ignoringTermination: false),
            environment: limits.environment(home: root),
            directory: "\(root)/\(command.directory)",
            timeout: command.timeout
        ).run(onOutput: onOutput)
    }
}
