import Subprocess

/// What came of running a program to see whether it is there and works.
enum Probe: Sendable, Equatable {
    case absent
    /// It ran and ended with success; what it printed.
    case passed(String)
    /// It ended otherwise, or not within 10 seconds; what it said.
    case failed(String)

    private static let patience = Duration.seconds(10)
    private static let outputLimit = 16 * 1024

    /// Runs a program of the search path to its end.
    static func run(_ program: String, _ arguments: String...) async -> Probe {
        await withTaskGroup { group in
            group.addTask { await outcome(of: program, arguments) }
            group.addTask {
                // Cancelled when the program was quicker; its answer is then the first.
                try? await Task.sleep(for: patience)
                return .failed("it does not end")
            }
            defer { group.cancelAll() }
            return await group.next() ?? .absent
        }
    }

    private static func outcome(of program: String, _ arguments: [String]) async -> Probe {
        do {
            let result = try await Subprocess.run(
                .name(program),
                arguments: Arguments(arguments),
                output: .string(limit: outputLimit),
                error: .string(limit: outputLimit)
            )
            if result.terminationStatus.isSuccess { return .passed(result.standardOutput) }
            return .failed(result.standardError.isEmpty ? "\(result.terminationStatus)" : result.standardError)
        } catch let error as SubprocessError where error.code == .executableNotFound {
            return .absent
        } catch {
            return .failed("\(error)")
        }
    }
}
