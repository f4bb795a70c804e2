public import Logging
internal import NIOCore
public import NIOPosix
public import Redis
public import Store

extension Logger {
    /// Says nothing.
    public static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// A store over a real redis-server of its own, with its event loops; all are ended with the test.
public func withStore<Result: Sendable>(
    loops: Int = 2,
    appendOnly: Bool = false,
    keys: Keys = Keys(),
    queueLimit: Duration = .zero,
    webhooks: WebhookRules = WebhookRules(),
    forkLimits: ForkLimits = ForkLimits(),
    _ body: @Sendable (Store, TestRedis, MultiThreadedEventLoopGroup) async throws -> Result
) async throws -> Result {
    try await TestRedis.with(appendOnly: appendOnly) { redis in
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let client = RedisClient(configuration: try RedisConfiguration(url: redis.url), group: group, logger: .quiet)
        let store = Store(
            redis: client,
            keys: keys,
            queueLimit: queueLimit,
            webhooks: webhooks,
            forkLimits: forkLimits,
            logger: .quiet
        )
        do {
            try await store.prepare()
            let result = try await body(store, redis, group)
            await client.close()
            try await group.shutdownGracefully()
            return result
        } catch {
            await client.close()
            try await group.shutdownGracefully()
            throw error
        }
    }
}

/// As ``withStore(loops:appendOnly:keys:queueLimit:_:)``, over a real cluster.
public func withClusterStore(
    loops: Int = 2,
    _ body: @Sendable (Store, TestCluster, MultiThreadedEventLoopGroup) async throws -> Void
) async throws {
    try await TestCluster.with { cluster in
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let configuration = try RedisConfiguration(url: cluster.url)
        let client = RedisClient(configuration: configuration, group: group, logger: .quiet)
        let store = Store(redis: client, keys: Keys(cluster: configuration.isCluster), logger: .quiet)
        do {
            try await store.prepare()
            try await body(store, cluster, group)
        } catch {
            await client.close()
            try await group.shutdownGracefully()
            throw error
        }
        await client.close()
        try await group.shutdownGracefully()
    }
}

/// Workers as tests play them.
extension Store {
    /// A key of the queue, as it is spelled.
    public func queueKey(_ part: String) -> RedisArgument {
        .key("\(keys.prefix)queue:\(keys.cluster ? "{default}" : "default"):\(part)")
    }

    /// The next runs of the queue, waiting for the first of them for as long as a loaded machine may take.
    public func takeNext(for worker: String, count: Int = 1, lease: Duration = .seconds(10)) async throws
        -> [QueueEntry]
    {
        for _ in 0..<1000 {
            let entries = try await take(for: worker, count: count, lease: lease)
            guard entries.isEmpty else { return entries }
            try await Task.sleep(for: .milliseconds(5))
        }
        return []
    }

    /// Takes up the next run of the queue, passing over entries of which nothing is to be carried out.
    public func claimNext(for worker: String) async throws -> ClaimedRun? {
        while let entry = try await takeNext(for: worker).first {
            if let run = try await claim(entry, maxAttempts: 3) { return run }
        }
        return nil
    }

    /// All workers are silent for as long as a lease. - Returns: whether any of them holds a run.
    @discardableResult
    public func loseWorkers() async throws -> Bool {
        let leases = queueKey("leases")
        let members = try await redis.send(RedisCommand("ZRANGE", leases, "0", "-1")).array ?? []
        for member in members {
            guard let member = member.bytes else { continue }
            _ = try await redis.send(RedisCommand("ZADD", leases, "XX", "1", RedisArgument(member)))
        }
        return !members.isEmpty
    }

    /// Takes what other workers have lost. A worker that goes on may renew its lease at that very moment: then it is lost again.
    public func takeOver(for worker: String, count: Int = 1) async throws -> [QueueEntry] {
        while try await loseWorkers() {
            let entries = try await take(for: worker, count: count, lease: .seconds(10))
            guard entries.isEmpty else { return entries }
        }
        return []
    }
}
