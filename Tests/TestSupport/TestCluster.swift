/// A cluster of three masters, each with a replica, on the loopback address.
///
/// A master that is silent for a second is replaced by its replica. Ended by ``stop()``, or at the end of ``with(_:)``.
public struct TestCluster: Sendable {
    public struct Node: Sendable {
        public let server: TestRedis
        public let port: Int
    }

    /// The masters, in the order of their slots, then the replicas.
    public let nodes: [Node]

    /// One node is enough to find the others.
    public var url: String { "redis+cluster://127.0.0.1:\(nodes[5].port),127.0.0.1:\(nodes[0].port)" }

    /// Returns when every node thinks that the cluster is well and each master has its replica.
    public init() async throws {
        var nodes: [Node] = []
        for _ in 0..<6 {
            let port = TestPort.free()
            let arguments = [
                "--port", "\(port)", "--cluster-enabled", "yes", "--cluster-port", "\(TestPort.free())",
                "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0",
            ]
            nodes.append(Node(server: try await TestRedis(extra: arguments), port: port))
        }
        self.nodes = nodes
        let addresses = nodes.map { "127.0.0.1:\($0.port)" }
        let creation = ["--cluster", "create"] + addresses + ["--cluster-replicas", "1", "--cluster-yes"]
        _ = try await TestRedis.cli(creation)
        for node in nodes { try await waitUntilWell(node) }
    }

    /// Runs `body` with a fresh cluster and ends it, whatever comes of it.
    public static func with<Result: Sendable>(
        _ body: @Sendable (TestCluster) async throws -> Result
    ) async throws -> Result {
        let cluster = try await TestCluster()
        do {
            let result = try await body(cluster)
            await cluster.stop()
            return result
        } catch {
            await cluster.stop()
            throw error
        }
    }

    public func stop() async {
        for node in nodes { await node.server.stop() }
    }

    /// Who had a slot when the cluster was made.
    public func master(of slot: Int) -> Node { nodes[slot < 5461 ? 0 : slot < 10_923 ? 1 : 2] }

    private func waitUntilWell(_ node: Node) async throws {
        try await TestRedis.wait("the cluster does not form") {
            let info = try await node.server.cli("CLUSTER", "INFO")
            let replication = try await node.server.cli("INFO", "replication")
            return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6")
                && (replication.contains("master_link_status:up") || replication.contains("connected_slaves:1"))
        }
    }
}
