import NIOPosix
import Redis
import TestSupport
import Testing

/// A real master, replica and three sentinels.
@Suite(.timeLimit(.minutes(2))) struct SentinelTests {
    @Test func `after the master's death the replica serves every kind of connection`() async throws {
        try await TestSentinels.with { deployment in
            try await withClient(try RedisConfiguration(url: deployment.url), loops: 2) { client, group in
                _ = try await client.send(RedisCommand("SET", "k", "before"))
                // Replicated before the master dies: what it would not have passed on would be lost.
                #expect(try await client.send(RedisCommand("WAIT", 1, 5000)).int == 1)
                let listener = try await Listener(client, loop: group.next())
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("c")
                #expect(await events.next() == .ready("c"))
                #expect(try await client.examine().contains("3 usable Sentinels"))
                let blocking = client.makeBlockingConnection(on: group.next())
                _ = try await blocking.send(RedisCommand("PING"), timeout: .seconds(5))

                await deployment.servers[0].kill()
                let value = try await eventually(within: .seconds(60)) {
                    _ = try await client.send(RedisCommand("SET", "after", "1"))
                    return try await client.send(RedisCommand("GET", "k")).string
                }
                #expect(value == "before")
                var event = await events.next()
                #expect(event == .gap("c"))
                // The sentinels' word may come when the way was found without it, and ends the connection once more.
                while event == .gap("c") {
                    _ = try await client.send(RedisCommand("PUBLISH", "c", "m"))
                    event = await events.next()
                }
                #expect(event == .message("c", "m"))
                _ = try await client.send(RedisCommand("RPUSH", "l", "a"))
                let reply = try await eventually {
                    try await blocking.send(RedisCommand("BLPOP", "l", 0), timeout: .seconds(5))
                }
                #expect(reply.array?.last?.string == "a")
                #expect(try await port(of: client) == deployment.ports[1])
                await blocking.close()
                try await listener.close()
            }
        }
    }

    @Test func `a master that hangs is left as soon as the sentinels have another`() async throws {
        try await TestSentinels.with { deployment in
            var configuration = try RedisConfiguration(url: deployment.url)
            // No time limit helps out: only the sentinels' announcement ends the waits.
            configuration.commandTimeout = .seconds(600)
            configuration.pingInterval = .seconds(600)
            try await withClient(configuration) { client, group in
                let listener = try await Listener(client, loop: group.next())
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("c")
                #expect(await events.next() == .ready("c"))
                try await client.ping()
                await deployment.servers[0].pause()
                let error = await failure { () async throws(RedisError) in
                    try await client.send(RedisCommand("INCR", "n"))
                }
                #expect(error?.code == .unavailable && error?.isInDoubt == true)
                #expect(await events.next() == .gap("c"))
                #expect(try await eventually { try await port(of: client) } == deployment.ports[1])
                try await listener.close()
            }
            await deployment.servers[0].resume()
        }
    }

    @Test func `a master that was made a replica behind the client's back is left`() async throws {
        try await TestSentinels.with { deployment in
            try await withClient(try RedisConfiguration(url: deployment.url)) { client, _ in
                try await client.ping()
                try await deployment.servers[0].cli("REPLICAOF", "127.0.0.1", "1")
                for _ in 0..<2 {
                    let error = await failure { () async throws(RedisError) in
                        try await client.send(RedisCommand("INCR", "n"))
                    }
                    #expect(error?.code == .unavailable && error?.isInDoubt == false)
                }
                try await deployment.servers[0].cli("REPLICAOF", "NO", "ONE")
                let value = try await eventually { try await client.send(RedisCommand("INCR", "n")).int }
                #expect(value == 1)
            }
        }
    }

    @Test func `without sentinels, or a master that they know, commands fail and say so`() async throws {
        let nobody = "redis+sentinel://127.0.0.1:\(TestPort.free()),127.0.0.1:\(TestPort.free())/main"
        try await withClient(try RedisConfiguration(url: nobody)) { client, _ in
            let error = await failure { () async throws(RedisError) in try await client.ping() }
            #expect(error?.code == .unavailable && error?.message.contains("no sentinel") == true)
        }
        try await TestSentinels.with { deployment in
            var configuration = try RedisConfiguration(url: deployment.url)
            guard case .sentinel(let sentinels, _) = configuration.deployment else { return }
            configuration.deployment = .sentinel(sentinels, master: "other")
            try await withClient(configuration) { client, _ in
                let error = await failure { () async throws(RedisError) in try await client.ping() }
                #expect(
                    error?.code == .unavailable
                        && error?.cause.map { "\($0)" }?.contains("knows no master other") == true
                )
            }
        }
    }

    private func port(of client: RedisClient) async throws -> Int? {
        let reply = try await client.send(RedisCommand("CONFIG", "GET", "port"))
        return reply.array?.last?.int.map(Int.init)
    }
}
