import Config
import Redis

extension RedisConfiguration {
    /// The server that the settings name. - Throws: `.configuration` for a URL or for files that cannot be used.
    init(_ settings: BaudConfig.Redis) throws(RedisError) {
        let tls = RedisTLS.Settings(
            authorities: settings.tlsAuthorities,
            certificate: settings.tlsCertificate,
            privateKey: settings.tlsKey,
            serverName: settings.tlsServerName
        )
        try self.init(url: settings.url.value, tls: tls)
        sentinelPassword = settings.sentinelPassword.isEmpty ? nil : settings.sentinelPassword.value
        commandTimeout = settings.commandTimeout
    }
}
