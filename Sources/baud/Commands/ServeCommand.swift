import ArgumentParser

/// `baud serve`, `baud gateway`, `baud modem`: the system in one process, or one of its two roles.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the whole system: gRPC, REST and SSE on one port, and a worker pool.",
        discussion: """
            Without a redis.url it starts a private redis-server, whose data is kept in the data folder and survives restarts.
            SIGTERM or Ctrl-C drains: running calls finish, runs are handed back.
            """
    )

    @OptionGroup var settings: SettingOptions

    func run() async throws {
        try await Role.serve(settings, [.gateway, .modem])
    }
}

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Run a gateway alone: one port for gRPC, REST and SSE. Needs a redis.url that workers share."
    )

    @OptionGroup var settings: SettingOptions

    func run() async throws {
        try await Role.serve(settings, [.gateway])
    }
}

struct ModemCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modem",
        abstract: "Run a worker alone: claims runs and carries them out. Needs a redis.url that gateways share."
    )

    @OptionGroup var settings: SettingOptions

    func run() async throws {
        try await Role.serve(settings, [.modem])
    }
}
