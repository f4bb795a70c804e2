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
            if roles.contains(.gateway) { try config.requireProtection() }
            let installation = try await Installation(config)
            var services: [any Service] = []
            // Ended in the reverse order: first no more requests, then no more runs.
            if roles.contains(.modem) {
                do {
                    services.append(try await installation.modem())
                    services.append(installation.sweeper())
                    services.append(installation.webhookSender())
                } catch {
                    await installation.close()
                    throw error
                }
            }
            if roles.contains(.gateway) {
                services.append(
                    installation.gateway { host, port in
                        let scheme = config.server.tlsCertificate.isEmpty ? "http" : "https"
                        installation.logger.info("listening on \(scheme)://\(host):\(port)")
                    }
                )
            }
            try await installation.run(services)
        } catch {
            FileHandle.standardError.put("baud: \(error)\n")
            throw ExitCode.failure
        }
    }
}

extension BaudConfig {
    /// There is no authentication yet, so outside a local installation only this machine may call.
    fileprivate func requireProtection() throws {
        let host = server.listen.host
        let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        guard environment != "local", !isLoopback else { return }
        let cure = "listen on 127.0.0.1 behind a proxy that authenticates, or set environment = \"local\""
        throw ConfigError(
            .invalid,
            [
                "server.listen = \"\(server.listen)\": without authentication only loopback is served outside \"local\"; \(cure)"
            ]
        )
    }
}
