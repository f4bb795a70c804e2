import ArgumentParser

/// The command line. Each command is a file under `Commands/`.
@main
struct Baud: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baud",
        abstract: "A durable agent backend: threads, runs and their events.",
        version: Installation.version,
        subcommands: [
            ServeCommand.self, GatewayCommand.self, ModemCommand.self, RunCommand.self, TailCommand.self,
            CancelCommand.self, QueueCommand.self, LoadCommand.self, DoctorCommand.self,
        ]
    )
}
