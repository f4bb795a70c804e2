import ArgumentParser
import Config
import Foundation

/// The options of all commands that run a part of the system: which file holds the settings, and settings given here.
struct SettingOptions: ParsableArguments {
    @Option(help: "The file with the settings. Default: $BAUD_CONFIG, or config.toml here if there is one.")
    var config: String?

    @Option(help: "HOST:PORT to listen on (server.listen).")
    var listen: String?

    @Option(name: .customLong("data"), help: "The folder for the private Redis and the workspaces (data.dir).")
    var dataDirectory: String?

    @Option(
        name: .customLong("redis-url"),
        help:
            "redis[s][+sentinel|+cluster]://[user:password@]host:port... or unix:///path (redis.url). Without it a private redis-server is started."
    )
    var redisURL: String?

    @Option(
        name: .customLong("redis-appendonly"),
        help: "When the private redis-server syncs its file: always, everysec, no (redis.appendonly)."
    )
    var redisAppendOnly: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error, critical (log.level).")
    var logLevel: String?

    /// - Throws: ``ConfigError`` with all that is wrong.
    func load() throws -> BaudConfig {
        var flags: [String: String] = [:]
        flags["server.listen"] = listen
        flags["data.dir"] = dataDirectory
        flags["redis.url"] = redisURL
        flags["redis.appendonly"] = redisAppendOnly
        flags["log.level"] = logLevel
        return try BaudConfig.load(
            file: Self.file(config),
            environment: ProcessInfo.processInfo.environment,
            flags: flags
        )
    }

    /// The settings' file: what was asked for, or the usual one if it exists.
    static func file(_ given: String?) -> String? {
        if let named = given ?? ProcessInfo.processInfo.environment["BAUD_CONFIG"] { return named }
        return FileManager.default.fileExists(atPath: "config.toml") ? "config.toml" : nil
    }
}
