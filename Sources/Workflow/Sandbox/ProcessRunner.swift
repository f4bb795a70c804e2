internal import Subprocess
internal import SystemPackage

/// Runs a process to its end as ``Sandbox/execute(_:onOutput:)`` promises; the sandboxes only say which process.
struct ProcessRunner: Sendable {
    /// The program by its absolute path, and what follows it.
    let arguments: [String]
    let environment: [(name: String, value: String)]
    /// Absolute; nil for the worker's.
    let directory: String?
    let timeout: Duration

    /// TERM to the group, two seconds, KILL to the group; the library adds the KILL, and runs this by itself when the
    /// task is cancelled.
    private static let teardown: [TeardownStep] = [
        .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
    ]

    /// - Throws: ``ToolError`` where the process cannot be started, `CancellationError`.
    func run(onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) async throws -> CommandExit {
        try Task.checkCancellation()
        guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
            throw ToolError("A command must not contain a NUL character")
        }
        let start = ContinuousClock.now
        // A pipe of its own: the library's streams drop what is left in them when the process exits.
        let pipe = try OutputPipe()
        let result: ExecutionResult<Bool, FileDescriptorOutput, CombinedErrorOutput>
        do {
            result = try await Subprocess.run(
                configuration,
                input: .none,
                output: .fileDescriptor(pipe.writer, closeAfterSpawningProcess: true),
                error: .combinedWithOutput
            ) { execution in
                try await watch(execution, pipe, onOutput)
            }
        } catch {
            try Task.checkCancellation()
            throw ToolError("The command could not be run: \(error)")
        }
        try Task.checkCancellation()
        let status: CommandExit.Status =
            switch result.terminationStatus {
            case .exited(let code): .exited(Int(code))
            case .signaled(let signal): .signalled(Int(signal))
            }
        return CommandExit(status: status, timedOut: result.closureResult, duration: start.duration(to: .now))
    }

    /// - Returns: whether the time ran out.
    private func watch(
        _ execution: Execution<NoInput, FileDescriptorOutput, CombinedErrorOutput>,
        _ pipe: OutputPipe,
        _ onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await Task.sleep(for: timeout)
                } catch {
                    return false
                }
                await execution.teardown(using: Self.teardown)
                return true
            }
            let process = execution.processIdentifier
            try await pipe.drain(of: process.value, watching: process.processDescriptor, onOutput: onOutput)
            group.cancelAll()
            return try await group.next() ?? false
        }
    }

    private var configuration: Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = Self.teardown
        var variables: [Environment.Key: String] = [:]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        return Configuration(
            executable: .path(FilePath(arguments.first ?? "")),
            arguments: Arguments(Array(arguments.dropFirst())),
            environment: .custom(variables),
            workingDirectory: directory.map { FilePath($0) },
            platformOptions: options
        )
    }
}
