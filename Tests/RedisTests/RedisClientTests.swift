import Logging
import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

/// A client with its own event loops, ended with the test.
func withClient<T: Sendable>(
    _ redis: TestRedis,
    loops: Int = 1,
    configure: (inout RedisConfiguration) -> Void = { _ in },
    _ body: @Sendable (RedisClient, MultiThreadedEventLoopGroup) async throws -> T
) async throws -> T {
    var configuration = try RedisConfiguration(url: redis.url)
    // A loaded machine may take its time; tests of the time limits set their own.
    (configuration.connectTimeout, configuration.commandTimeout) = (.seconds(30), .seconds(30))
    configure(&configuration)
    return try await withClient(configuration, loops: loops, body)
}

func withClient<T: Sendable>(
    _ configuration: RedisConfiguration,
    loops: Int = 1,
    _ body: @Sendable (RedisClient, MultiThreadedEventLoopGroup) async throws -> T
) async throws -> T {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
    let client = RedisClient(configuration: configuration, group: group, logger: .quiet)
    do {
        let result = try await body(client, group)
        await client.close()
        try await group.shutdownGracefully()
        return result
    } catch {
        await client.close()
        try await group.shutdownGracefully()
        throw error
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// The error of an operation that has to fail.
func failure<T>(_ body: () async throws(RedisError) -> T) async -> RedisError? {
    do throws(RedisError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}

struct RedisClientTests {
    @Test func `commands, batches, errors and binary values`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis, loops: 2) { client, _ in
                try await client.ping()
                let binary: [UInt8] = [0, 13, 10, 255]
                #expect(try await client.send(RedisCommand("SET", "k", RedisArgument(binary))) == .simple("OK"))
                #expect(try await client.send(RedisCommand("GET", "k")).bytes == ByteBuffer(bytes: binary))
                #expect(try await client.send(RedisCommand("GET", "none")) == .null)

                let error = await failure { () async throws(RedisError) in
                    try await client.send(RedisCommand("INCR", "k"))
                }
                #expect(error?.code == .server && error?.isInDoubt == false)

                let replies = await client.send(batch: (0..<100).map { _ in RedisCommand("INCR", "n") })
                #expect(replies.map { try? $0.get().int } == (1...100).map { $0 })
                #expect(await client.send(batch: []).isEmpty)
            }
        }
    }

    @Test func `scripts are taught to the server, again after it forgot them, and keep their order`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, _ in
                let script = RedisScript(name: "push", source: "return redis.call('RPUSH', KEYS[1], ARGV[1])")
                #expect(try await client.run(script, keys: ["l"], arguments: ["a"]).int == 1)
                #expect(try await client.run(script, keys: ["l"], arguments: ["b"]).int == 2)
                _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
                #expect(try await client.run(script, keys: ["l"], arguments: ["c"]).int == 3)

                let broken = RedisScript(name: "broken", source: "return redis.call('NOPE')")
                let error = await failure { () async throws(RedisError) in try await client.run(broken, keys: []) }
                #expect(error?.code == .server)
            }
        }
    }

    @Test func `a callback never runs inside send, and one turn of the loop is one write`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, group in
                let loop = group.next()
                let order = try await loop.flatSubmit {
                    let connection = client.connection(on: loop)
                    let promise = loop.makePromise(of: [Int64?].self)
                    let log = NIOLoopBoundBox<[Int64?]>([], eventLoop: loop)
                    for _ in 0..<50 {
                        connection.send(RedisCommand("INCR", "n")) { result in
                            log.value.append(try? result.get().int)
                            if log.value.count == 50 { promise.succeed(log.value) }
                        }
                    }
                    #expect(log.value.isEmpty)
                    return promise.futureResult
                }.get()
                #expect(order == (1...50).map { $0 })
            }
        }
    }

    @Test func `password and database are used, a wrong password is told`() async throws {
        try await TestRedis.with(extra: ["--requirepass", "secret"]) { redis in
            try await withClient(redis, configure: { ($0.password, $0.database) = ("secret", 3) }) { client, _ in
                let info = try await client.send(RedisCommand("CLIENT", "INFO")).string ?? ""
                #expect(info.contains(" db=3 ") && info.contains(" name=baud "))
            }
            try await withClient(redis, configure: { $0.password = "wrong" }) { client, _ in
                let error = await failure { () async throws(RedisError) in try await client.ping() }
                #expect(error?.prefix == "WRONGPASS")
            }
        }
    }

    @Test func `too many pending commands fail at once`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis, configure: { $0.maxPendingCommands = 10 }) { client, _ in
                let replies = await client.send(batch: Array(repeating: RedisCommand("PING"), count: 15))
                let refused = replies.compactMap { reply -> RedisError? in
                    if case .failure(let error) = reply { error } else { nil }
                }
                #expect(refused.count == 5)
                #expect(refused.allSatisfy { $0.code == .unavailable && !$0.isInDoubt })
                try await client.ping()
            }
        }
    }

    @Test func `after close everything fails with closed`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, _ in
                try await client.ping()
                await client.close()
                let error = await failure { () async throws(RedisError) in try await client.ping() }
                #expect(error?.code == .closed)
            }
        }
    }

    @Test func `a server that evicts is refused`() async throws {
        try await TestRedis.with(extra: ["--maxmemory-policy", "allkeys-lru"]) { redis in
            try await withClient(redis) { client, _ in
                let error = await failure { () async throws(RedisError) in try await client.requireNoEviction() }
                #expect(error?.code == .configuration && error?.message.contains("allkeys-lru") == true)
                _ = try await client.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "noeviction"))
                try await client.requireNoEviction()
            }
        }
    }

    @Test func `large values pass in both directions`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, _ in
                let value = ByteBuffer(repeating: 7, count: 20_000_000)
                _ = try await client.send(RedisCommand("SET", "k", RedisArgument(value)))
                #expect(try await client.send(RedisCommand("GET", "k")).bytes == value)
            }
        }
    }

    @Test func `a reply beyond the limit fails and the connection is replaced`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis, configure: { $0.maxReplyElements = 100 }) { client, _ in
                _ = try await client.send(RedisCommand("RPUSH", ["l"] + (0..<200).map { RedisArgument($0) }))
                let error = await failure { () async throws(RedisError) in
                    try await client.send(RedisCommand("LRANGE", "l", 0, -1))
                }
                #expect(error?.code == .protocol)
                #expect(try await eventually { try await client.send(RedisCommand("LLEN", "l")).int } == 200)
            }
        }
    }
}
