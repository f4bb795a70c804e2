/// A master, its replica and three sentinels that watch them, all on the loopback address.
///
/// A master that is silent for a second is replaced when two sentinels say so. Ended by ``stop()``, or at the end of
/// ``with(_:)``.
public struct TestSentinels: Sendable {
    public static let master = "main"

    /// The master at the start, then the replica.
    public let servers: [TestRedis]
    /// The servers' ports, in the same order.
    public let ports: [Int]
    public let sentinels: [TestRedis]
    public let url: String

    /// Returns when the sentinels know of each other and of the replica.
    public init() async throws {
        let ports = [TestPort.free(), TestPort.free()]
        let common = ["--repl-diskless-sync-delay", "0"]
        let master = try await TestRedis(extra: ["--port", "\(ports[0])"] + common)
        let following = ["--port", "\(ports[1])", "--replicaof", "127.0.0.1 \(ports[0])"]
        let replica = try await TestRedis(extra: following + common)
        let rules = [
            "sentinel monitor \(Self.master) 127.0.0.1 \(ports[0]) 2",
            "sentinel down-after-milliseconds \(Self.master) 1000",
            "sentinel failover-timeout \(Self.master) 5000",
        ]
        var (sentinels, addresses): ([TestRedis], [String]) = ([], [])
        for _ in 0..<3 {
            let port = TestPort.free()
            sentinels.append(try await TestRedis(sentinelOn: port, rules: rules))
            addresses.append("127.0.0.1:\(port)")
        }
        (servers, self.ports, self.sentinels) = ([master, replica], ports, sentinels)
        url = "redis+sentinel://\(addresses.joined(separator: ","))/\(Self.master)"
        try await waitUntilAllKnowAll()
    }

    /// Runs `body` with fresh servers and ends them, whatever comes of it.
    public static func with<Result: Sendable>(
        _ body: @Sendable (TestSentinels) async throws -> Result
    ) async throws -> Result {
        let sentinels = try await TestSentinels()
        do {
            let result = try await body(sentinels)
            await sentinels.stop()
            return result
        } catch {
            await sentinels.stop()
            throw error
        }
    }

    public func stop() async {
        for server in sentinels + servers { await server.stop() }
    }

    private func waitUntilAllKnowAll() async throws {
        for sentinel in sentinels {
            try await TestRedis.wait("the sentinels do not meet") {
                let state = try await sentinel.cli("SENTINEL", "MASTER", Self.master)
                return state.contains("num-slaves\n1\n") && state.contains("num-other-sentinels\n2\n")
            }
        }
    }
}
