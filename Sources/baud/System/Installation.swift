import Config
import Curl
import Foundation
import Gateway
import HTTP
import Logging
import Messages
import Modem
import NIOCore
import NIOPosix
import Redis
import ServiceLifecycle
import Store
import UnixSignals
import Workflow

/// The parts of the system, made from the settings and fitted to each other; which of them run is the command's choice.
///
/// Owns what they share: event loops, the Redis client, the private redis-server, the connection to the models.
final class Installation: Sendable {
    static let version = "0.1.0"

    let config: BaudConfig
    let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let privateRedis: PrivateRedis?
    private let redis: RedisClient
    private let curl: CurlClient
    /// Of its own: its connections are looked at when they are opened.
    private let webhookClient: CurlClient
    private let store: Store
    private let models: ModelCatalog

    /// Starts what is shared: connects to Redis, or starts a private server.
    ///
    /// - Throws: with the cause and the cure, when Redis cannot be had or may throw data away.
    init(_ config: BaudConfig) async throws {
        self.config = config
        if !config.webhooks.url.isEmpty, let problem = config.webhooks.problem(with: config.webhooks.url) {
            throw ConfigError(.invalid, ["webhooks.url: \(problem)"])
        }
        LoggingSystem.bootstrap { _ in ConsoleLogHandler(config.log) }
        logger = Logger(label: "baud")
        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        if config.redis.url.isEmpty {
            let server = try await PrivateRedis.start(
                directory: config.data.directory + "/redis",
                appendFsync: PrivateRedis.AppendFsync(rawValue: config.redis.appendFsync.rawValue) ?? .always,
                loop: group.next(),
                logger: logger
            )
            privateRedis = server
            var configuration = server.configuration
            configuration.commandTimeout = config.redis.commandTimeout
            redis = RedisClient(configuration: configuration, group: group, logger: logger)
        } else {
            privateRedis = nil
            redis = RedisClient(configuration: try RedisConfiguration(config.redis), group: group, logger: logger)
        }
        store = Store(
            redis: redis,
            keys: Keys(prefix: config.redis.prefix, cluster: redis.configuration.isCluster),
            queueLimit: config.worker.queueLimit,
            webhooks: WebhookRules(
                fallback: config.webhooks.url.isEmpty ? nil : Webhook(url: config.webhooks.url),
                limit: config.webhooks.maxPending
            ),
            logger: logger
        )
        curl = try CurlClient()
        webhookClient = try CurlClient(CurlClient.Configuration(connectTimeout: config.webhooks.timeout))
        models = ModelCatalog(config, curl: curl)
        do {
            try await store.prepare()
        } catch {
            await close()
            throw error
        }
    }

    // MARK: The roles

    func gateway(onListening: @escaping @Sendable (_ host: String, _ port: Int) -> Void) -> Gateway {
        var gateway = GatewayConfiguration()
        gateway.server = HTTPServer.Configuration(host: config.server.listen.host, port: config.server.listen.port)
        gateway.server.limits = HTTPLimits(config.server)
        if !config.server.tlsCertificate.isEmpty {
            let authorities = config.server.tlsClientAuthorities
            gateway.server.tls = TLSFiles(
                certificateChain: config.server.tlsCertificate,
                privateKey: config.server.tlsKey,
                clientAuthorities: authorities.isEmpty ? nil : authorities
            )
        }
        gateway.cors.origins = Set(config.cors.origins)
        gateway.cors.credentials = config.cors.credentials
        gateway.cors.maxAgeSeconds = Int(config.cors.maxAge.components.seconds)
        gateway.intervals.keepAlive = TimeAmount(config.events.keepAlive)
        gateway.intervals.waiting = TimeAmount(config.events.waiting)
        gateway.maxBodyBytes = config.server.maxBodyBytes
        gateway.waitLimit = config.server.wait
        gateway.grace = config.server.drain
        gateway.version = Self.version
        gateway.checkModel = { [models, config] in models.problem(with: $0) ?? config.missingKey(for: $0) }
        gateway.checkWebhook = { [config] in config.webhooks.problem(with: $0) }
        return Gateway(store: store, configuration: gateway, group: group, logger: logger, onListening: onListening)
    }

    /// - Throws: when no sandbox can be had and the settings do not say that none is wanted.
    func modem() async throws -> Modem {
        let provider = SandboxProvider(rawValue: config.sandbox.provider.rawValue) ?? .auto
        let limits = SandboxLimits(
            memory: config.sandbox.memoryMiB << 20,
            processes: config.sandbox.maxProcesses,
            fileSize: config.sandbox.fileMiB << 20,
            network: config.sandbox.network
        )
        let sandboxes = try await SandboxProbe.run(provider, limits: limits)
        logger.info("\(sandboxes.summary)")
        let workspaces = config.data.directory + "/workspaces"
        try FileManager.default.createDirectory(atPath: workspaces, withIntermediateDirectories: true)
        let runner = AgentRunner(
            models: models,
            tools: ToolRegistry(
                ToolRegistry.builtIn,
                enabled: config.tools.enabled.isEmpty ? nil : Set(config.tools.enabled),
                disabled: Set(config.tools.disabled)
            ),
            sandboxes: sandboxes,
            settings: try agentSettings(),
            workspaces: workspaces,
            logger: logger
        )
        return Modem(
            name: Self.workerName,
            store: store,
            handler: Runner(runner: runner),
            configuration: modemConfiguration,
            loop: group.next(),
            logger: logger
        )
    }

    func sweeper() -> Sweeper {
        let retention = Retention(
            deltas: config.events.keepDeltas,
            events: config.events.keep,
            thread: config.threads.keep,
            bytes: config.threads.maxLogBytes
        )
        return Sweeper(store: store, retention: retention, interval: config.events.sweep, logger: logger)
    }

    func webhookSender() -> WebhookSender {
        var webhooks = WebhookConfiguration()
        webhooks.signer = WebhookSigner(secret: config.webhooks.secret.value)
        webhooks.allowsPrivate = config.webhooks.allowPrivate
        webhooks.timeout = config.webhooks.timeout
        webhooks.maxTries = config.webhooks.maxTries
        webhooks.retries = RetryBackoff(base: config.webhooks.retry, limit: config.webhooks.retryLimit)
        webhooks.grace = config.server.drain
        webhooks.userAgent = "baud/\(Self.version)"
        return WebhookSender(store: store, client: webhookClient, configuration: webhooks, logger: logger)
    }

    private var modemConfiguration: ModemConfiguration {
        var modem = ModemConfiguration()
        modem.concurrency = config.worker.concurrency
        modem.lease = config.worker.lease
        modem.heartbeat = config.worker.heartbeat
        modem.reaper = config.worker.reaper
        modem.maxAttempts = config.worker.maxAttempts
        modem.retries.base = config.worker.retry
        modem.retries.limit = config.worker.retryLimit
        modem.actionLimit = config.agent.answerLimit
        modem.grace = config.server.drain
        modem.batching = RunLog.Batching(interval: config.events.delta, bytes: config.events.deltaBytes)
        return modem
    }

    private func agentSettings() throws -> AgentSettings {
        var settings = AgentSettings()
        settings.maxTurns = config.agent.maxTurns
        settings.maxTokens = config.agent.maxTokens
        settings.timeLimit = config.agent.runLimit
        settings.stepLimit = config.agent.stepLimit
        settings.toolLimit = config.tools.limit
        settings.model = config.defaultModel
        if let problem = models.problem(with: settings.model) ?? config.missingKey(for: settings.model) {
            throw ConfigError(.invalid, ["agent.model: \(problem)"])
        }
        if !config.agent.systemPrompt.isEmpty {
            settings.instructions = try String(contentsOfFile: config.agent.systemPrompt, encoding: .utf8)
        }
        return settings
    }

    // MARK: Running

    /// Runs the services until SIGTERM or SIGINT, then ends them in the reverse order and closes what they share.
    func run(_ services: [any Service]) async throws {
        let services = ServiceGroup(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }
        )
        do {
            try await services.run()
        } catch {
            await close()
            throw error
        }
        await close()
        logger.info("stopped")
    }

    /// Closes what the roles share; called once, when none of them runs.
    func close() async {
        await curl.shutdown()
        await webhookClient.shutdown()
        await redis.close()
        await privateRedis?.stop()
        do {
            try await group.shutdownGracefully()
        } catch {
            logger.debug("the event loops did not end in good order", metadata: ["error": "\(error)"])
        }
    }

    /// Unique among the processes of all machines that share a Redis.
    private static var workerName: String {
        let process = ProcessInfo.processInfo
        return "\(process.hostName)-\(process.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
    }
}

/// Fits the workflow's runner to the modem.
private struct Runner: RunHandler {
    let runner: AgentRunner

    func carryOut(_ run: ClaimedRun, log: RunLog) async throws -> RunEnd { try await runner.carryOut(run, log: log) }
}

extension BaudConfig {
    /// The model of runs that name none: the configured one, or else the alias `execution` where its provider has a key, or else
    /// the scripted demo.
    var defaultModel: String {
        guard agent.model.isEmpty else { return agent.model }
        let provider = llm.aliases["execution"]?.split(separator: "/").first.flatMap { llm.providers[String($0)] }
        return provider.map { $0.apiKey.isEmpty ? "script/demo" : "execution" } ?? "script/demo"
    }
}

extension BaudConfig {
    /// What to do about a provider that wants a key and has none; nil if nothing is missing.
    fileprivate func missingKey(for model: String) -> String? {
        let name = (llm.aliases[model] ?? model).prefix { $0 != "/" }
        guard let provider = llm.providers[String(name)], provider.apiKey.isEmpty, !provider.apiKeyVariable.isEmpty
        else {
            return nil
        }
        return "the provider \(name) has no key: set \(provider.apiKeyVariable), or api_key in [llm.providers.\(name)]"
    }
}

extension BaudConfig.Webhooks {
    /// What is wrong with the URL of a webhook here; nil if nothing is.
    func problem(with url: String) -> String? {
        guard !secret.isEmpty else {
            return "there are no webhooks here: the server has no webhooks.secret to sign with"
        }
        return WebhookURL.problem(with: url, allowsPrivate: allowPrivate)
    }
}

extension ModelCatalog {
    /// The scripted model, and every provider of the settings.
    init(_ config: BaudConfig, curl: CurlClient) {
        let limits = StreamLimits(firstToken: config.llm.firstToken, betweenTokens: config.llm.idle)
        let policy = RetryPolicy(attempts: config.llm.maxRetries + 1)
        var providers: [String: any ModelProvider] = [
            "script": ScriptProvider(folder: config.script.directory, policy: policy, limits: limits)
        ]
        for (name, provider) in config.llm.providers {
            let key = provider.apiKey.value
            switch provider.kind {
            case .anthropic:
                providers[name] = AnthropicProvider(
                    baseURL: provider.baseURL,
                    key: key,
                    client: curl,
                    policy: policy,
                    limits: limits
                )
            case .openai:
                providers[name] = OpenAIProvider(
                    baseURL: provider.baseURL,
                    key: key.isEmpty ? nil : key,
                    client: curl,
                    policy: policy,
                    limits: limits
                )
            }
        }
        self.init(providers: providers, aliases: config.llm.aliases)
    }

    /// What is wrong with the name of a model, and what would be right; nil if nothing is.
    func problem(with name: String) -> String? {
        do throws(ModelError) {
            _ = try resolve(name)
            return nil
        } catch {
            return error.message
        }
    }
}
