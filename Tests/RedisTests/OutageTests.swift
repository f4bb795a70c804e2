import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

/// What callers see while the server is gone, stopped or back.
struct OutageTests {
    @Test func `a dead server fails commands in less than two seconds, and heals by itself`() async throws {
        try await TestRedis.with(appendOnly: true) { redis in
            try await withClient(redis) { client, _ in
                _ = try await client.send(RedisCommand("SET", "k", "v"))
                await redis.kill()
                let clock = ContinuousClock()
                let start = clock.now
                for _ in 0..<20 {
                    let error = await failure { () async throws(RedisError) in try await client.ping() }
                    #expect(error?.code == .unavailable)
                }
                // Far less on a quiet machine: what must not happen is that each waits for a time limit.
                #expect(clock.now - start < .seconds(15))
                try await redis.start()
                #expect(try await eventually { try await client.send(RedisCommand("GET", "k")).string } == "v")
            }
        }
    }

    @Test func `a stopped server times the command out and closes that connection`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis, configure: { $0.commandTimeout = .milliseconds(200) }) { client, _ in
                try await client.ping()
                let before = try await client.send(RedisCommand("CLIENT", "ID")).int
                await redis.pause()
                let error = await failure { () async throws(RedisError) in
                    try await client.send(RedisCommand("INCR", "n"))
                }
                #expect(error?.code == .timeout && error?.isInDoubt == true)
                await redis.resume()
                let after = try await eventually { try await client.send(RedisCommand("CLIENT", "ID")).int }
                #expect(after != before)
            }
        }
    }

    @Test func `a server that accepts but does not greet is unavailable after the connect timeout`() async throws {
        try await TestRedis.with { redis in
            await redis.pause()
            try await withClient(redis, configure: { $0.connectTimeout = .milliseconds(200) }) { client, _ in
                let error = await failure { () async throws(RedisError) in try await client.ping() }
                #expect(error?.code == .unavailable && error?.isInDoubt == false)
            }
            await redis.resume()
        }
    }

    @Test func `pending commands of a lost connection fail and are not sent again`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis, loops: 2) { client, group in
                // One connection blocks, the other ends it: the command behind the blocking one was sent and is lost.
                let loops = Array(group.makeIterator())
                let id = try await send(RedisCommand("CLIENT", "ID"), client, loops[0])
                async let lost = sendTogether(
                    [RedisCommand("BLPOP", "list", "0"), RedisCommand("INCR", "n")],
                    client,
                    loops[0]
                )
                _ = try await eventually {
                    let list = try await send(RedisCommand("CLIENT", "LIST"), client, loops[1]).string ?? ""
                    guard list.contains("cmd=blpop") else { throw RedisError(.unavailable, "not yet") }
                }
                _ = try await send(RedisCommand("CLIENT", "KILL", "ID", RedisArgument(id.int ?? 0)), client, loops[1])
                for result in await lost {
                    guard case .failure(let error) = result else {
                        Issue.record("answered: \(result)")
                        continue
                    }
                    #expect(error.code == .unavailable && error.isInDoubt)
                }
                #expect(try await eventually { try await send(RedisCommand("GET", "n"), client, loops[0]) } == .null)
            }
        }
    }

    /// Sends commands in one turn of the loop, and returns what came of them.
    private func sendTogether(
        _ commands: [RedisCommand],
        _ client: RedisClient,
        _ loop: any EventLoop
    ) async -> [Result<RESPValue, RedisError>] {
        await withCheckedContinuation { continuation in
            loop.execute {
                let results = NIOLoopBoundBox<[Result<RESPValue, RedisError>]>([], eventLoop: loop)
                for command in commands {
                    client.connection(on: loop).send(command) { result in
                        results.value.append(result)
                        if results.value.count == commands.count { continuation.resume(returning: results.value) }
                    }
                }
            }
        }
    }

    private func send(_ command: RedisCommand, _ client: RedisClient, _ loop: any EventLoop) async throws(RedisError)
        -> RESPValue
    {
        let result = await withCheckedContinuation { continuation in
            loop.execute { client.connection(on: loop).send(command) { continuation.resume(returning: $0) } }
        }
        return try result.get()
    }
}

/// Repeats until it succeeds, for what happens in another process.
func eventually<T>(within limit: Duration = .seconds(10), _ body: () async throws -> T) async throws -> T {
    let deadline = ContinuousClock.now + limit
    var attempts = 0
    while true {
        do {
            return try await body()
        } catch {
            attempts += 1
            // On a loaded machine a single attempt may outlast the limit.
            guard ContinuousClock.now < deadline || attempts < 20 else { throw error }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
