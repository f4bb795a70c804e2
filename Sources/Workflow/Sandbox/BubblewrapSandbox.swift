/// Commands in namespaces of their own, by bubblewrap: they see the workspace, a read-only `/usr`, an empty `/tmp`, and
/// of processes, users and network only their own.
///
/// Each command gets a new sandbox, so background processes and `/tmp` end with it; only the workspace stays. A value;
/// nothing is held between commands.
public struct BubblewrapSandbox: Sandbox {
    public let workspacePath = Workspace.mountPoint
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
        let inner = Launch.limited(command.arguments, limits, namespaced: true)
        let sandbox = ["bwrap"] + namespaces + files(startingIn: command.directory) + variables + ["--"] + inner
        return try await ProcessRunner(
            arguments: Launch.joining(groups, sandbox, ignoringTermination: true),
            environment: limits.environment(home: "/"),
            directory: nil,
            timeout: command.timeout
        ).run(onOutput: onOutput)
    }

    /// Without `--new-session`: the command must stay in the group that gets TERM, and there is no terminal to be kept
    /// from, since the group already is a session of its own without one. Signals do not leave the group, which is this
    /// sandbox alone.
    private var namespaces: [String] {
        let network = limits.network ? ["--share-net"] : []
        return ["--unshare-all"] + network + [
            "--unshare-user", "--uid", "1000", "--gid", "1000", "--die-with-parent", "--cap-drop", "ALL",
            "--hostname", "sandbox",
        ]
    }

    /// `/proc` is a new one: a bound one would show the worker's environment, because the command runs as the worker's
    /// user.
    private func files(startingIn directory: String) -> [String] {
        var arguments = ["--ro-bind", "/usr", "/usr"]
        for name in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
            if let target = symbolicLink(name) {
                arguments += ["--symlink", target, name]
            } else {
                arguments += ["--ro-bind-try", name, name]
            }
        }
        let names = ["alternatives", "ca-certificates", "group", "ld.so.cache", "localtime", "passwd", "ssl/certs"]
        let resolver = limits.network ? ["hosts", "nsswitch.conf", "resolv.conf"] : []
        for name in names + resolver { arguments += ["--ro-bind-try", "/etc/\(name)", "/etc/\(name)"] }
        return arguments + [
            "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", root, workspacePath,
            "--chdir", "\(workspacePath)/\(directory)",
        ]
    }

    private var variables: [String] {
        ["--clearenv"] + limits.environment(home: "/tmp").flatMap { ["--setenv", $0.name, $0.value] }
    }
}
