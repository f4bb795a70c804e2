internal import FoundationEssentials

extension BaudConfig {
    /// Reads the settings: flags before environment before file before defaults.
    ///
    /// A variable's name is the setting's with the prefix `BAUD_` (`redis.url`: `BAUD_REDIS_URL`); lists are separated by
    /// commas. `ENV` stands for `BAUD_ENVIRONMENT`, and the variables that `api_key_env` names (`ANTHROPIC_API_KEY`,
    /// `OPENAI_API_KEY`) for keys. Tables whose names the user chooses are found by the file only.
    ///
    /// - Parameters:
    ///   - file: a TOML file; `nil`: none.
    ///   - flags: by the setting's name in the file.
    /// - Throws: all problems at once, see ``ConfigError``.
    public static func load(
        file: String?,
        environment: [String: String],
        flags: [String: String] = [:]
    ) throws(ConfigError) -> BaudConfig {
        guard let file else { return try parse("", fileName: "config.toml", environment: environment, flags: flags) }
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw ConfigError(.unreadable, ["\(file): the file cannot be read"], cause: error)
        }
        return try parse(text, fileName: file, environment: environment, flags: flags)
    }

    /// As ``load(file:environment:flags:)``, from a text.
    public static func parse(
        _ text: String,
        fileName: String = "config.toml",
        environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) throws(ConfigError) -> BaudConfig {
        var variables = environment
        if variables["BAUD_ENVIRONMENT"] == nil { variables["BAUD_ENVIRONMENT"] = environment["ENV"] }
        let file = try TOMLProvider(text: text, fileName: fileName)
        let settings = SettingsReader(flags: flags, environment: variables, file: file)
        var config = BaudConfig()
        config.readService(settings)
        config.server.limits.read(settings)
        config.readRuns(settings)
        config.readModels(settings, environment)
        config.readEdges(settings)
        settings.reportUnknown()
        guard settings.problems.isEmpty else { throw ConfigError(.invalid, settings.problems) }
        return config
    }

    private mutating func readService(_ settings: SettingsReader) {
        settings.read(&environment, "environment")
        settings.read(&server.listen, "server.listen", "must be host:port") { ListenAddress($0) }
        settings.read(&server.maxBodyBytes, "server.max_body_bytes", 1024...1_073_741_824)
        settings.read(&server.maxConnections, "server.max_connections", 1...1_000_000)
        settings.read(&server.maxConcurrentStreams, "server.max_concurrent_streams", 1...100_000)
        settings.readSeconds(&server.keepAlive, "server.keepalive_seconds", 1...86_400)
        settings.readSeconds(&server.keepAliveTimeout, "server.keepalive_timeout_seconds", 1...3600)
        settings.read(&server.tlsCertificate, "server.tls_certificate")
        settings.read(&server.tlsKey, "server.tls_key")
        settings.read(&server.tlsClientAuthorities, "server.tls_client_ca")
        settings.require(
            server.tlsCertificate.isEmpty == server.tlsKey.isEmpty,
            "server.tls_key",
            "and server.tls_certificate go together: give both, or neither"
        )
        settings.require(
            server.tlsClientAuthorities.isEmpty || !server.tlsCertificate.isEmpty,
            "server.tls_client_ca",
            "needs server.tls_certificate and server.tls_key"
        )
        settings.readSeconds(&server.wait, "server.wait_seconds", 1...3600)
        settings.readSeconds(&server.drain, "server.drain_seconds", 0...86_400)
        settings.read(&data.directory, "data.dir", "must be a path") { $0.isEmpty ? nil : $0 }
        settings.read(&redis.url, "redis.url")
        settings.read(&redis.sentinelPassword, "redis.sentinel_password")
        settings.read(&redis.tlsAuthorities, "redis.tls_ca")
        settings.read(&redis.tlsCertificate, "redis.tls_certificate")
        settings.read(&redis.tlsKey, "redis.tls_key")
        settings.read(&redis.tlsServerName, "redis.tls_server_name")
        settings.require(
            redis.tlsCertificate.isEmpty == redis.tlsKey.isEmpty,
            "redis.tls_key",
            "and redis.tls_certificate go together: give both, or neither"
        )
        settings.read(&redis.appendFsync, "redis.appendonly")
        settings.read(&redis.prefix, "redis.prefix", "must have no braces and no blanks") { text in
            text.contains { "{} \t\r\n".contains($0) } ? nil : text
        }
        settings.readMilliseconds(&redis.commandTimeout, "redis.command_timeout_ms", 10...600_000)
    }

    private mutating func readRuns(_ settings: SettingsReader) {
        settings.read(&worker.concurrency, "worker.concurrency", 1...10_000)
        settings.readMilliseconds(&worker.lease, "worker.lease_ms", 1000...3_600_000)
        settings.readMilliseconds(&worker.heartbeat, "worker.heartbeat_ms", 100...600_000)
        settings.readMilliseconds(&worker.reaper, "worker.reaper_ms", 100...600_000)
        settings.read(&worker.maxAttempts, "worker.max_attempts", 1...100)
        settings.readMilliseconds(&worker.retry, "worker.retry_ms", 0...3_600_000)
        settings.readMilliseconds(&worker.retryLimit, "worker.retry_limit_ms", 0...86_400_000)
        settings.readSeconds(&worker.queueLimit, "worker.queue_limit_seconds", 0...2_592_000)
        // Two heartbeats may fail before the lease does.
        settings.require(
            worker.heartbeat * 2 < worker.lease,
            "worker.heartbeat_ms",
            "must be less than half of worker.lease_ms"
        )
        settings.readMilliseconds(&events.delta, "events.delta_ms", 0...1000)
        settings.read(&events.deltaBytes, "events.delta_bytes", 1...1_048_576)
        settings.readMilliseconds(&events.keepAlive, "events.keep_alive_ms", 1000...300_000)
        settings.readMilliseconds(&events.waiting, "events.waiting_ms", 500...300_000)
        settings.readSeconds(&events.keepDeltas, "events.keep_deltas_seconds", 0...315_360_000)
        settings.readSeconds(&events.keep, "events.keep_seconds", 0...315_360_000)
        settings.readSeconds(&events.sweep, "events.sweep_seconds", 1...86_400)
        settings.readSeconds(&threads.keep, "threads.keep_seconds", 0...315_360_000)
        settings.read(&threads.maxLogBytes, "threads.max_log_bytes", 0...1_099_511_627_776)
    }

    private mutating func readModels(_ settings: SettingsReader, _ environment: [String: String]) {
        settings.read(&agent.model, "agent.model")
        settings.read(&agent.maxTurns, "agent.max_turns", 1...10_000)
        settings.read(&agent.maxTokens, "agent.max_tokens", 1...1_000_000)
        settings.read(&agent.systemPrompt, "agent.system_prompt")
        settings.readSeconds(&agent.runLimit, "agent.run_limit_seconds", 1...604_800)
        settings.readSeconds(&agent.stepLimit, "agent.step_limit_seconds", 1...604_800)
        settings.readSeconds(&agent.answerLimit, "agent.answer_limit_seconds", 1...31_536_000)
        settings.read(&llm.maxRetries, "llm.max_retries", 0...100)
        settings.readMilliseconds(&llm.firstToken, "llm.first_token_ms", 100...3_600_000)
        settings.readMilliseconds(&llm.idle, "llm.idle_ms", 100...3_600_000)
        let aliases: SettingKey = "llm.aliases"
        for name in settings.names(in: aliases) {
            var model = ""
            settings.read(&model, aliases.appending(name), "must be provider/model") { $0.contains("/") ? $0 : nil }
            llm.aliases[name] = model
        }
        let names = settings.names(in: "llm.providers")
        for name in Set(names).union(llm.providers.keys).sorted() { readProvider(name, settings, environment) }
    }

    private mutating func readProvider(_ name: String, _ settings: SettingsReader, _ environment: [String: String]) {
        let table = SettingKey(["llm", "providers", name])
        var provider = llm.providers[name] ?? Provider(kind: .openai, baseURL: "")
        settings.read(&provider.kind, table.appending("kind"))
        let urlKey = table.appending("base_url")
        settings.read(&provider.baseURL, urlKey, "must begin with http:// or https://") { text in
            text.hasPrefix("http://") || text.hasPrefix("https://") ? text : nil
        }
        settings.require(!provider.baseURL.isEmpty, urlKey, "is needed for a provider of one's own")
        settings.read(&provider.apiKey, table.appending("api_key"))
        settings.read(&provider.apiKeyVariable, table.appending("api_key_env"))
        if provider.apiKey.isEmpty { provider.apiKey = Secret(environment[provider.apiKeyVariable] ?? "") }
        llm.providers[name] = provider
    }

    private mutating func readEdges(_ settings: SettingsReader) {
        settings.read(&script.directory, "script.dir")
        settings.read(&tools.enabled, "tools.enabled")
        settings.read(&tools.disabled, "tools.disabled")
        settings.readSeconds(&tools.limit, "tools.limit_seconds", 1...604_800)
        settings.read(&sandbox.provider, "sandbox.provider")
        settings.read(&sandbox.network, "sandbox.network")
        settings.read(&sandbox.memoryMiB, "sandbox.memory_mb", 16...1_048_576)
        settings.read(&sandbox.maxProcesses, "sandbox.max_processes", 1...100_000)
        settings.read(&sandbox.fileMiB, "sandbox.file_mb", 1...1_048_576)
        readWebhooks(settings)
        settings.read(&cors.origins, "cors.origins")
        settings.read(&cors.credentials, "cors.credentials")
        settings.readSeconds(&cors.maxAge, "cors.max_age_seconds", 0...86_400)
        settings.require(
            !(cors.credentials && cors.origins.contains("*")),
            "cors.credentials",
            "must be false while cors.origins has \"*\""
        )
        settings.read(&log.level, "log.level")
        settings.read(&log.format, "log.format")
    }
}

extension BaudConfig {
    private mutating func readWebhooks(_ settings: SettingsReader) {
        settings.read(&webhooks.secret, "webhooks.secret")
        settings.require(
            webhooks.secret.isEmpty || webhooks.secret.isWebhookSecret,
            "webhooks.secret",
            "must be whsec_ and the base64 of 24 to 64 random bytes",
            isSecret: true
        )
        settings.read(&webhooks.url, "webhooks.url")
        settings.require(
            webhooks.url.isEmpty || !webhooks.secret.isEmpty,
            "webhooks.url",
            "needs webhooks.secret"
        )
        settings.read(&webhooks.allowPrivate, "webhooks.allow_private")
        settings.readMilliseconds(&webhooks.timeout, "webhooks.timeout_ms", 100...60_000)
        settings.read(&webhooks.maxTries, "webhooks.max_tries", 1...100)
        settings.readMilliseconds(&webhooks.retry, "webhooks.retry_ms", 0...3_600_000)
        settings.readMilliseconds(&webhooks.retryLimit, "webhooks.retry_limit_ms", 0...86_400_000)
        settings.read(&webhooks.maxPending, "webhooks.max_pending", 1...10_000_000)
    }
}

extension Secret {
    fileprivate var isWebhookSecret: Bool {
        guard value.hasPrefix("whsec_"), let key = Data(base64Encoded: String(value.dropFirst(6))) else { return false }
        return (24...64).contains(key.count)
    }
}

extension BaudConfig.PeerLimits {
    fileprivate mutating func read(_ settings: SettingsReader) {
        settings.read(&headerBytes, "server.max_header_bytes", 1024...1_048_576)
        settings.read(&headerFields, "server.max_header_fields", 8...10_000)
        settings.read(&requestLineBytes, "server.max_request_line_bytes", 256...1_048_576)
        settings.read(&unfinishedBytes, "server.max_unfinished_bytes", 1_048_576...1_099_511_627_776)
        settings.readSeconds(&preface, "server.preface_seconds", 1...3600)
        settings.readSeconds(&header, "server.header_seconds", 1...3600)
        settings.read(&bodyRate, "server.min_body_bytes_per_second", 0...1_048_576)
        settings.readSeconds(&stall, "server.stall_seconds", 1...86_400)
        settings.readSeconds(&idle, "server.idle_seconds", 1...86_400)
        settings.read(&flood, "server.max_flood_frames", 100...1_000_000)
        settings.read(&resets, "server.max_resets", 10...1_000_000)
        settings.read(&resetsPerSecond, "server.max_resets_per_second", 1...1_000_000)
        settings.read(&continuations, "server.max_continuations", 1...1000)
        settings.read(&acknowledgements, "server.max_unread_acknowledgements", 10...1_000_000)
    }
}
