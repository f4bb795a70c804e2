public import HTTP
public import Logging
internal import Messages
internal import NIOCore
public import NIOPosix
internal import RPC
public import ServiceLifecycle
public import Store

/// How a gateway listens and what it allows; the defaults are those of `config.toml`.
public struct GatewayConfiguration: Sendable {
    public var server = HTTPServer.Configuration()
    public var cors = CORSPolicy()
    public var intervals = StreamIntervals()
    /// Largest JSON body and largest gRPC message, in bytes.
    public var maxBodyBytes = 4 * 1024 * 1024
    /// How long a call waits for the end of a run.
    public var waitLimit = Duration.seconds(30)
    /// How long accepted calls may go on after the process was asked to stop.
    public var grace = Duration.seconds(30)
    public var version = ""
    /// What is wrong with the name of a model; nil if nothing is. The gateway carries no runs out and knows no models.
    public var checkModel: @Sendable (String) -> String? = { _ in nil }
    /// What is wrong with the URL of a webhook; nil if nothing is.
    public var checkWebhook: @Sendable (String) -> String? = { _ in nil }

    public init() {}
}

/// One port for gRPC, REST and server-sent events, over the same use cases. Stateless: any number of gateways share a store.
///
/// A service of the executable. Its work happens on the event loops of the group; see ``Fanout`` for the streams.
public final class Gateway: Service {
    private let store: Store
    private let configuration: GatewayConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (_ host: String, _ port: Int) -> Void

    /// - Parameter onListening: called once the port is open, with the port that was chosen if it was given as 0.
    public init(
        store: Store,
        configuration: GatewayConfiguration,
        group: MultiThreadedEventLoopGroup,
        logger: Logger,
        onListening: @escaping @Sendable (_ host: String, _ port: Int) -> Void = { _, _ in }
    ) {
        self.store = store
        self.configuration = configuration
        self.group = group
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the process is asked to stop, then drains: streams end, accepted calls finish within the grace.
    public func run() async throws {
        let fanouts = try await Fanouts(
            store: store,
            group: group,
            intervals: configuration.intervals,
            logger: logger
        )
        let endpoints = endpoints(fanouts)
        let services = Method.all.reduce(into: [String]()) { if $0.last != $1.service { $0.append($1.service) } }
        let health = HealthService(services: services) { [store] in try await store.ping() }
        await health.probe()
        var router = MethodRouter(
            endpoints,
            fanouts: fanouts,
            maxMessageBytes: configuration.maxBodyBytes,
            logger: logger
        )
        health.register(in: &router)
        ReflectionService(services: services).register(in: &router)
        let shim = Shim(
            routes: RouteTable(endpoints),
            index: Index(version: configuration.version),
            fanouts: fanouts,
            cors: configuration.cors,
            maxBodyBytes: configuration.maxBodyBytes,
            logger: logger
        )
        let server = HTTPServer(
            configuration: configuration.server,
            group: group,
            logger: logger,
            router: router,
            otherwise: shim.handle
        )
        let address = try await server.start()
        onListening(configuration.server.host, address.port ?? configuration.server.port)
        async let _: Void = health.run()
        // Ends when the process is asked to stop; being cancelled means the same, more urgently.
        try? await gracefulShutdown()
        await server.shutdown(grace: configuration.grace)
        await fanouts.close()
    }

    private func endpoints(_ fanouts: Fanouts) -> [Endpoint] {
        let waiting = RunWaiting(
            store: store,
            fanouts: fanouts,
            loops: group,
            limit: TimeAmount(configuration.waitLimit)
        )
        let webhooks = WebhookCheck(problem: configuration.checkWebhook)
        let runs = RunUseCases(
            store: store,
            waiting: waiting,
            checkModel: configuration.checkModel,
            webhooks: webhooks
        )
        return ThreadUseCases(store: store, webhooks: webhooks).endpoints + runs.endpoints
            + StreamUseCases(store: store, runs: runs).endpoints
            + ScheduleUseCases(store: store, runs: runs).endpoints + QueueUseCases(store: store).endpoints
            + HealthUseCases(store: store, version: configuration.version).endpoints
    }
}
