import Foundation
import NIOPosix
import Testing

@testable import Redis

struct PrivateRedisTests {
    private func withDirectory(_ name: String = "data", _ body: (String) async throws -> Void) async throws {
        let parent = "/tmp/baud-redis-\(UUID().uuidString)"
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: parent) } }
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try await body(parent + "/" + name)
    }

    private func withClient<T: Sendable>(
        _ server: PrivateRedis,
        _ body: (RedisClient) async throws -> T
    ) async throws -> T {
        let client = RedisClient(configuration: server.configuration, group: .singleton, logger: .quiet)
        let result = try await body(client)
        await client.close()
        return result
    }

    private func start(_ directory: String, onExit: @escaping @Sendable (String) -> Void = { _ in }) async throws
        -> PrivateRedis
    {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await PrivateRedis.start(directory: directory, loop: loop, logger: .quiet, onExit: onExit)
    }

    @Test func `data outlives a stop, and the settings are those promised`() async throws {
        try await withDirectory { directory in
            let first = try await start(directory)
            try await withClient(first) { client in
                _ = try await client.send(RedisCommand("SET", "k", "v"))
                for (name, value) in [("appendfsync", "always"), ("maxmemory-policy", "noeviction"), ("save", "")] {
                    let reply = try await client.send(RedisCommand("CONFIG", "GET", RedisArgument(name)))
                    #expect(reply.array?.last?.string == value)
                }
            }
            await first.stop()
            let second = try await start(directory)
            let value = try await withClient(second) { try await $0.send(RedisCommand("GET", "k")).string }
            #expect(value == "v")
            await second.stop()
        }
    }

    @Test func `a server that crashes is reported and started again`() async throws {
        try await withDirectory { directory in
            let (exits, sink) = AsyncStream.makeStream(of: String.self)
            let server = try await start(directory) { sink.yield($0) }
            let pid = try pid(in: directory)
            try await withClient(server) { client in
                _ = try await client.send(RedisCommand("SET", "k", "v"))
                kill(pid, SIGKILL)
                var iterator = exits.makeAsyncIterator()
                #expect(await iterator.next()?.contains("signal 9") == true)
                #expect(try await eventually { try await client.send(RedisCommand("GET", "k")).string } == "v")
            }
            await server.stop()
        }
    }

    @Test func `one directory belongs to one process`() async throws {
        try await withDirectory { directory in
            let server = try await start(directory)
            await #expect { try await start(directory) } throws: {
                "\($0)".contains("in use by another process")
            }
            await server.stop()
        }
    }

    @Test func `a server that a killed owner left is ended first`() async throws {
        try await withDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let arguments = [
                "redis-server", "--port", "0", "--unixsocket", directory + "/redis.sock", "--dir", directory,
                "--pidfile", directory + "/redis.pid", "--logfile", directory + "/log", "--appendonly", "yes",
            ]
            let orphan = try ChildProcess(arguments: arguments, loop: MultiThreadedEventLoopGroup.singleton.next())
            let orphanPid = try await eventually { try pid(in: directory) }
            let server = try await start(directory)
            #expect(try await orphan.waitForExit() == .code(0))
            #expect(try pid(in: directory) != orphanPid)
            try await withClient(server) { try await $0.ping() }
            await server.stop()
        }
    }

    @Test func `a path too long for a socket gets its socket elsewhere`() async throws {
        try await withDirectory(String(repeating: "d", count: 120)) { directory in
            let server = try await start(directory)
            try await withClient(server) { try await $0.ping() }
            await server.stop()
        }
    }

    @Test func `a server that cannot start says why`() async throws {
        try await withDirectory { directory in
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            await #expect {
                try await PrivateRedis.start(
                    directory: directory,
                    loop: loop,
                    logger: .quiet,
                    executable: "no-such-redis"
                )
            } throws: {
                "\($0)".contains("cannot start no-such-redis")
            }
            await #expect {
                try await PrivateRedis.start(directory: directory, loop: loop, logger: .quiet, executable: "false")
            } throws: {
                "\($0)".contains("exit code 1")
            }
        }
    }

    private func pid(in directory: String) throws -> pid_t {
        let text = try String(contentsOfFile: directory + "/redis.pid", encoding: .utf8)
        return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
}
