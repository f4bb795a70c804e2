/// Where the commands of a thread run.
///
/// Made per thread, around its workspace; called from the tools' tasks, also side by side.
public protocol Sandbox: Sendable {
    /// The absolute path of the workspace as commands see it.
    var workspacePath: String { get }

    /// Runs a command to its end, in a session of its own: standard input is empty, standard output and standard error
    /// are one stream, in the order of their writing.
    ///
    /// It ends when the command's first process has ended, whoever still holds the stream: then what is left behind in
    /// its process group is killed. At the time-out, and when the task is cancelled, the group gets TERM and two
    /// seconds later KILL.
    ///
    /// - Parameter onOutput: gets all output, piece by piece, on a thread of the call. The command waits while it runs,
    ///   so it must not wait for anything itself.
    /// - Throws: ``ToolError`` where the command cannot be started; `CancellationError` when the task was cancelled,
    ///   after the processes are gone.
    func execute(
        _ command: Command,
        onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws -> CommandExit

    /// Gives back what the sandbox holds; nothing is executed after it.
    func close() async
}

/// What is to be run in a ``Sandbox``.
public struct Command: Sendable {
    /// The program, looked up in the sandbox's `PATH`, and what follows it; no shell is between.
    public var arguments: [String]
    /// Where it starts, relative to the workspace.
    public var directory: String
    public var timeout: Duration

    public init(_ arguments: [String], in directory: String = "", timeout: Duration) {
        self.arguments = arguments
        self.directory = directory
        self.timeout = timeout
    }
}

/// How a command ended.
public struct CommandExit: Sendable, Equatable {
    public enum Status: Sendable, Equatable {
        case exited(Int)
        case signalled(Int)
    }

    public var status: Status
    public var timedOut: Bool
    public var duration: Duration

    public init(status: Status, timedOut: Bool, duration: Duration) {
        self.status = status
        self.timedOut = timedOut
        self.duration = duration
    }
}

/// What the commands of a sandbox may use.
public struct SandboxLimits: Sendable {
    /// Bytes of private writable memory: of each process, and of all together where a control group can be had.
    public var memory: Int
    /// Processes and threads at once.
    public var processes: Int
    /// Bytes of one file.
    public var fileSize: Int
    /// Whether commands reach the network; without it there is only a loopback interface of their own.
    public var network: Bool

    public init(memory: Int = 4 << 30, processes: Int = 1024, fileSize: Int = 1 << 30, network: Bool = false) {
        self.memory = memory
        self.processes = processes
        self.fileSize = fileSize
        self.network = network
    }

    /// What commands see: nothing of the worker's own environment, where its secrets are.
    func environment(home: String) -> [(name: String, value: String)] {
        [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", home), ("LANG", "C.UTF-8"), ("TERM", "dumb"), ("USER", "sandbox"), ("TZ", "UTC"),
        ]
    }
}
