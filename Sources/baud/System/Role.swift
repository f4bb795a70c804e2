import ArgumentParser
import Config
import Foundation
import Logging
import ServiceLifecycle

/// What a process of the system does.
enum Role {
    case gateway
    case modem

    /// Starts the roles with the settings and serves until the process is asked to stop.
    ///
    /// - Throws: `ExitCode`, after the cause and the cure were printed.
    static func serve(_ options: SettingOptions, _ roles: [Role]) async throws {
        do {
            let config = try options.load()
            if config.redis.url.isEmpty, roles.count == 1 {
                throw ConfigError(
                    .invalid,
                    ["redis.url is not set: a role on its own needs the Redis that it shares with the others"]
                )
            }
            let installation = try await Installation(config)
            var services: [any Service] = []
            // Ended in the reverse order: first no more requests, then no more runs.
            if roles.contains(.modem) { services.append(try await installation.modem()) }
            if roles.contains(.gateway) {
                services.append(
                    installation.gateway { host, port in installation.logger.info("listening on http://\(host):\(port)")
                    }
                )
            }
            try await installation.run(services)
        } catch {
            FileHandle.standardError.write(Data("baud: \(error)\n".utf8))
            throw ExitCode.failure
        }
    }
}
