import NIOPosix
import Redis
import TestSupport
import Testing

struct BlockingConnectionTests {
    @Test func `cancelling ends the wait on the server, and the next call connects again`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, group in
                let blocking = client.makeBlockingConnection(on: group.next())
                let wait = Task {
                    await failure { () async throws(RedisError) in
                        try await blocking.send(RedisCommand("BLPOP", "list", "0"), timeout: .seconds(60))
                    }
                }
                func isBlocked() async throws -> Bool {
                    try await client.send(RedisCommand("CLIENT", "LIST")).string?.contains("cmd=blpop") == true
                }
                try await eventually { guard try await isBlocked() else { throw NotYet() } }
                wait.cancel()
                #expect(await wait.value?.code == .cancelled)
                try await eventually { guard try await !isBlocked() else { throw NotYet() } }

                _ = try await client.send(RedisCommand("RPUSH", "list", "a"))
                let reply = try await blocking.send(RedisCommand("BLPOP", "list", "0"), timeout: .seconds(5))
                #expect(reply.array?.last?.string == "a")
                await blocking.close()
            }
        }
    }

    @Test func `a task that is cancelled already sends nothing`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, group in
                let blocking = client.makeBlockingConnection(on: group.next())
                let error = await Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await failure { () async throws(RedisError) in
                        try await blocking.send(RedisCommand("INCR", "n"), timeout: .seconds(5))
                    }
                }.value
                #expect(error?.code == .cancelled)
                let value = try await client.send(RedisCommand("GET", "n"))
                #expect(value == .null)
                await blocking.close()
            }
        }
    }

    @Test func `no reply in time closes the connection, and the next call connects again`() async throws {
        try await TestRedis.with { redis in
            try await withClient(redis) { client, group in
                let blocking = client.makeBlockingConnection(on: group.next())
                let error = await failure { () async throws(RedisError) in
                    try await blocking.send(RedisCommand("BLPOP", "list", "0"), timeout: .milliseconds(50))
                }
                #expect(error?.code == .timeout)
                let pong = try await eventually { try await blocking.send(RedisCommand("PING"), timeout: .seconds(5)) }
                #expect(pong == .simple("PONG"))
                await blocking.close()
            }
        }
    }

    private struct NotYet: Error {}
}
