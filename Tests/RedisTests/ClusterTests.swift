import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Redis

/// A real cluster of three masters and three replicas.
@Suite(.timeLimit(.minutes(2))) struct ClusterTests {
    /// Some keys with hash tags, spread over all masters.
    private func keys(_ count: Int) -> [String] { (0..<count).map { "thread:{\($0)}:n" } }

    private static let increment = RedisScript(
        name: "increment",
        source: "redis.call('RPUSH', KEYS[2], ARGV[1]) return redis.call('INCR', KEYS[1])"
    )

    /// A client of one node alone, for what the cluster's own clients must not know of.
    private func administer<T: Sendable>(
        _ node: TestCluster.Node,
        _ body: @Sendable (RedisClient) async throws -> T
    ) async throws -> T {
        let configuration = RedisConfiguration(address: .tcp(host: "127.0.0.1", port: node.port))
        return try await withClient(configuration) { client, _ in try await body(client) }
    }

    private func id(of node: TestCluster.Node) async throws -> RedisArgument {
        try await administer(node) { RedisArgument(try await $0.send(RedisCommand("CLUSTER", "MYID")).string ?? "") }
    }

    @Test func `commands, batches, scripts, blocking and checks reach the right nodes`() async throws {
        try await TestCluster.with { cluster in
            try await withClient(try RedisConfiguration(url: cluster.url), loops: 2) { client, group in
                try await client.ping()
                try await client.requireNoEviction()
                #expect(try await client.examine() == "a cluster of 3 masters serves all slots")
                let keys = keys(60)
                for result in await client.send(batch: keys.map { RedisCommand("INCR", .key($0)) }) {
                    #expect(try result.get().int == 1)
                }
                // A command that does not tell its key finds it by a detour.
                for key in keys { #expect(try await client.send(RedisCommand("GET", RedisArgument(key))).int == 1) }
                for round in 0..<2 {
                    for (index, key) in keys.enumerated() {
                        let both = [key, "thread:{\(index)}:l"]
                        let count = try await client.run(Self.increment, keys: both, arguments: ["x"]).int
                        #expect(count == Int64(round + 2))
                    }
                    for node in cluster.nodes[..<3] {
                        _ = try await administer(node) { try await $0.send(RedisCommand("SCRIPT", "FLUSH")) }
                    }
                }
                var sizes: [Int64] = []
                for node in cluster.nodes[..<3] {
                    sizes.append(try await administer(node) { try await $0.send(RedisCommand("DBSIZE")).int ?? 0 })
                }
                #expect(sizes.allSatisfy { $0 > 0 } && sizes.reduce(0, +) == 120)

                let blocking = client.makeBlockingConnection(on: group.next())
                for key in ["{a}list", "{b}list", "{c}list"] {
                    async let element = blocking.send(RedisCommand("BLPOP", .key(key), 0), timeout: .seconds(20))
                    _ = try await client.send(RedisCommand("RPUSH", .key(key), "e"))
                    #expect(try await element.array?.last?.string == "e")
                }
                await blocking.close()

                _ = try await administer(cluster.nodes[2]) {
                    try await $0.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
                }
                let error = await failure { () async throws(RedisError) in try await client.requireNoEviction() }
                #expect(error?.code == .configuration)
            }
        }
    }

    @Test func `keys of different slots in one script are refused as they are`() async throws {
        try await TestCluster.with { cluster in
            try await withClient(try RedisConfiguration(url: cluster.url)) { client, _ in
                let error = await failure { () async throws(RedisError) in
                    try await client.run(Self.increment, keys: ["{a}", "{b}"], arguments: ["x"])
                }
                #expect(error?.prefix == "CROSSSLOT")
            }
        }
    }

    @Test func `a slot that is moved under load loses nothing and doubles nothing`() async throws {
        try await TestCluster.with { cluster in
            var configuration = try RedisConfiguration(url: cluster.url)
            configuration.commandTimeout = .seconds(60)
            try await withClient(configuration, loops: 2) { client, group in
                let (tag, writers, rounds) = ("moving", 8, 400)
                let slot = HashSlot.of("{\(tag)}")
                let (source, target) = (cluster.master(of: slot), cluster.master(of: (slot + 8192) % 16_384))
                let listener = try await Listener(client, loop: group.next())
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("{\(tag)}live", isSharded: true)
                #expect(await events.next() == .ready("{\(tag)}live"))

                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for writer in 0..<writers {
                        tasks.addTask {
                            let keys = ["{\(tag)}n\(writer)", "{\(tag)}l\(writer)"]
                            for round in 0..<rounds {
                                let count = try await client.run(
                                    Self.increment,
                                    keys: keys,
                                    arguments: [RedisArgument(round)]
                                )
                                #expect(count.int == Int64(round + 1))
                            }
                        }
                    }
                    for (from, to) in [(source, target), (target, source), (source, target)] {
                        try await self.move(slot, from: from, to: to, in: cluster)
                    }
                    try await tasks.waitForAll()
                }
                for writer in 0..<writers {
                    let list = try await client.send(RedisCommand("LRANGE", .key("{\(tag)}l\(writer)"), 0, -1))
                    #expect(list.array?.compactMap(\.int) == (0..<rounds).map(Int64.init))
                }
                // The channel has followed its slot; whoever listens was told to look for what it may have missed.
                let receivers = try await eventually(within: .seconds(30)) {
                    let count = try await client.send(RedisCommand("SPUBLISH", .key("{\(tag)}live"), "m")).int ?? 0
                    guard count > 0 else { throw RedisError(.unavailable, "not yet") }
                    return count
                }
                #expect(receivers == 1)
                var notices: [Notice] = []
                while notices.last != .message("{\(tag)}live", "m") {
                    notices.append(try #require(await events.next()))
                }
                #expect(notices.contains(.gap("{\(tag)}live")))
                try await listener.close()
            }
        }
    }

    /// As redis-cli moves a slot, key by key.
    private func move(
        _ slot: Int,
        from source: TestCluster.Node,
        to target: TestCluster.Node,
        in cluster: TestCluster
    ) async throws {
        let (sourceID, targetID) = (try await id(of: source), try await id(of: target))
        let slot = RedisArgument(slot)
        _ = try await administer(target) {
            try await $0.send(RedisCommand("CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID))
        }
        try await administer(source) { client in
            _ = try await client.send(RedisCommand("CLUSTER", "SETSLOT", slot, "MIGRATING", targetID))
            while true {
                let keys = try await client.send(RedisCommand("CLUSTER", "GETKEYSINSLOT", slot, 1)).array ?? []
                guard let key = keys.first?.string else { break }
                let port = RedisArgument(target.port)
                let command = RedisCommand("MIGRATE", "127.0.0.1", port, RedisArgument(key), 0, 5000)
                _ = try await client.send(command)
            }
        }
        for node in [target, source] {
            _ = try await administer(node) {
                try await $0.send(RedisCommand("CLUSTER", "SETSLOT", slot, "NODE", targetID))
            }
        }
    }

    @Test func `a key that is already with the slot's new node is asked for there`() async throws {
        try await TestCluster.with { cluster in
            try await withClient(try RedisConfiguration(url: cluster.url)) { client, _ in
                // "foo" is in slot 12182, the third master's.
                let (source, target) = (cluster.nodes[2], cluster.nodes[0])
                _ = try await client.send(RedisCommand("SET", .key("foo"), "v"))
                let (sourceID, targetID) = (try await id(of: source), try await id(of: target))
                _ = try await administer(target) {
                    try await $0.send(RedisCommand("CLUSTER", "SETSLOT", 12182, "IMPORTING", sourceID))
                }
                _ = try await administer(source) { node in
                    _ = try await node.send(RedisCommand("CLUSTER", "SETSLOT", 12182, "MIGRATING", targetID))
                    let port = RedisArgument(target.port)
                    return try await node.send(RedisCommand("MIGRATE", "127.0.0.1", port, "foo", 0, 5000))
                }
                #expect(try await client.send(RedisCommand("GET", .key("foo"))).string == "v")
                let script = RedisScript(name: "get", source: "return redis.call('GET', KEYS[1])")
                #expect(try await client.run(script, keys: ["foo"]).string == "v")
                #expect(try await client.run(script, keys: ["foo"]).string == "v")
                // A key that is nowhere yet is written where it will belong.
                _ = try await client.send(RedisCommand("SET", .key("{foo}new"), "w"))
                #expect(try await client.send(RedisCommand("GET", .key("{foo}new"))).string == "w")
            }
        }
    }

    @Test func `when a master dies its replica takes over, and the others never stop`() async throws {
        try await TestCluster.with { cluster in
            try await withClient(try RedisConfiguration(url: cluster.url), loops: 2) { client, group in
                // "foo" is in a slot of the third master, "bar" in one of the first.
                let channel = "{foo}live"
                let listener = try await Listener(client, loop: group.next())
                var events = listener.events.makeAsyncIterator()
                listener.subscribe(channel, isSharded: true)
                listener.subscribe("control")
                for _ in 0..<2 { _ = await events.next() }
                _ = try await client.send(RedisCommand("SET", .key("foo"), "v"))
                _ = try await client.send(RedisCommand("SET", .key("bar"), "v"))
                let acknowledged = try await administer(cluster.nodes[2]) {
                    _ = try await $0.send(RedisCommand("SET", "{foo}x", "v"))
                    return try await $0.send(RedisCommand("WAIT", 1, 5000)).int
                }
                #expect(acknowledged == 1)
                await cluster.nodes[2].server.kill()
                // Those of the other masters are not delayed; the dead one's fail until its replica is the master.
                #expect(try await client.send(RedisCommand("GET", .key("bar"))).string == "v")
                let value = try await eventually(within: .seconds(60)) {
                    try await client.send(RedisCommand("GET", .key("foo"))).string
                }
                #expect(value == "v")
                _ = try await eventually(within: .seconds(60)) {
                    let count = try await client.send(RedisCommand("SPUBLISH", .key(channel), "m")).int ?? 0
                    guard count > 0 else { throw RedisError(.unavailable, "not yet") }
                }
                var notices: [Notice] = []
                while notices.last != .message(channel, "m") { notices.append(try #require(await events.next())) }
                #expect(notices.contains(.gap(channel)))
                try await eventually(within: .seconds(60)) { try await client.requireNoEviction() }
                try await listener.close()
            }
        }
    }

    @Test func `a channel of PUBLISH is heard from every node`() async throws {
        try await TestCluster.with { cluster in
            try await withClient(try RedisConfiguration(url: cluster.url)) { client, group in
                let listener = try await Listener(client, loop: group.next())
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("control")
                #expect(await events.next() == .ready("control"))
                for (index, node) in cluster.nodes.enumerated() {
                    _ = try await administer(node) {
                        try await $0.send(RedisCommand("PUBLISH", "control", RedisArgument(index)))
                    }
                    #expect(await events.next() == .message("control", "\(index)"))
                }
                try await listener.close()
            }
        }
    }

    @Test func `without a node commands fail`() async throws {
        let url = "redis+cluster://127.0.0.1:\(TestPort.free()),127.0.0.1:\(TestPort.free())"
        try await withClient(try RedisConfiguration(url: url)) { client, _ in
            for _ in 0..<3 {
                let error = await failure { () async throws(RedisError) in
                    try await client.send(RedisCommand("GET", .key("k")))
                }
                #expect(error?.code == .unavailable && error?.isInDoubt == false)
            }
        }
    }
}
