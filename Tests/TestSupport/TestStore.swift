public import Logging
internal import NIOCore
public import NIOPosix
internal import Redis
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
    _ body: @Sendable (Store, TestRedis, MultiThreadedEventLoopGroup) async throws -> Result
) async throws -> Result {
    try await TestRedis.with(appendOnly: appendOnly) { redis in
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let client = RedisClient(configuration: try RedisConfiguration(url: redis.url), group: group, logger: .quiet)
        let store = Store(redis: client, keys: keys, logger: .quiet)
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
