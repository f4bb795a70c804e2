import ArgumentParser
import Config
import Foundation

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this machine lacks, and how to mend it.",
        discussion: "Exits with 1 if something is missing that a server requires."
    )

    @Option(name: .customLong("config"), help: ArgumentHelp("The configuration file to check.", valueName: "path"))
    var configurationPath: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let doctor = Doctor(
            server: server,
            configuration: SettingOptions.file(configurationPath),
            checkConfiguration: Self.check
        )
        let isComplete: Bool
        do {
            isComplete = try await report(of: doctor, on: .output)
        } catch {
            throw ExitCode.outputClosed
        }
        if !isComplete { throw ExitCode.failure }
    }

    @Sendable private static func check(_ path: String) async -> Finding {
        do {
            _ = try BaudConfig.load(file: path, environment: ProcessInfo.processInfo.environment)
            return .good("configuration", "\(path) is valid")
        } catch {
            return .missing(
                "configuration",
                "\(error)",
                cure: "correct what is named; config.toml of the project has every setting"
            )
        }
    }

    /// Tells each finding as soon as it is there; false if something required is missing.
    private func report(of doctor: Doctor, on terminal: Terminal) async throws(Terminal.Closed) -> Bool {
        var isComplete = true
        for check in doctor.checks {
            let finding = await check()
            try terminal.write(finding.lines(terminal.palette))
            if finding.grade == .missing { isComplete = false }
        }
        return isComplete
    }
}
