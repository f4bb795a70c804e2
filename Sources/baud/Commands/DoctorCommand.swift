import ArgumentParser
import Config
import Foundation
import Logging
import NIOPosix
import Redis

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
            checkConfiguration: Self.check,
            checkDeployment: { [configurationPath] in await Self.checkDeployment(configurationPath) }
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

    /// Looks at the Redis that the settings name.
    @Sendable private static func checkDeployment(_ path: String?) async -> Finding {
        let name = "redis"
        let config: BaudConfig
        do {
            let environment = ProcessInfo.processInfo.environment
            config = try BaudConfig.load(file: SettingOptions.file(path), environment: environment)
        } catch {
            return .warning(name, "not looked at", cure: "correct the configuration first")
        }
        guard !config.redis.url.isEmpty else { return .good(name, "a private server, started by baud serve") }
        do throws(RedisError) {
            let found = try await examine(try RedisConfiguration(config.redis))
            return .good(name, found)
        } catch {
            return .missing(name, error.description, cure: "docs/OPERATIONS.md says what Redis must be and promise")
        }
    }

    private static func examine(_ configuration: RedisConfiguration) async throws(RedisError) -> String {
        let group = MultiThreadedEventLoopGroup.singleton
        let silent = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        let client = RedisClient(configuration: configuration, group: group, logger: silent)
        do throws(RedisError) {
            let found = try await client.examine()
            await client.close()
            return found
        } catch {
            await client.close()
            throw error
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
