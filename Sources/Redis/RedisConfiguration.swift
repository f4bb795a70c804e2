/// Where a server listens.
public enum RedisAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// Which servers hold the data, and how the one that serves a command is found.
public enum RedisDeployment: Sendable, Hashable, CustomStringConvertible {
    case server(RedisAddress)
    /// The server that these sentinels name as the master of this name.
    case sentinel([RedisAddress], master: String)
    /// The masters of a cluster, each of them for a part of the keys; these are nodes that know the others.
    case cluster([RedisAddress])

    public var description: String {
        switch self {
        case .server(let address): "\(address)"
        case .sentinel(let sentinels, let master): "master \(master) of sentinel \(Self.list(sentinels))"
        case .cluster(let nodes): "cluster \(Self.list(nodes))"
        }
    }

    private static func list(_ addresses: [RedisAddress]) -> String {
        addresses.map(\.description).joined(separator: ",")
    }
}

/// Where the servers are, who the client is, and the limits of its connections.
public struct RedisConfiguration: Sendable {
    public var deployment: RedisDeployment
    public var username: String?
    public var password: String?
    /// What the sentinels ask for, who know nothing of the servers' users.
    public var sentinelPassword: String?
    /// With these the connections speak TLS; `nil` makes them cleartext.
    public var tls: RedisTLS?
    /// The database that `SELECT` chooses.
    public var database = 0
    /// The name that `CLIENT LIST` shows.
    public var clientName = "baud"
    /// For the connection and its greeting (AUTH, SELECT, CLIENT SETNAME) together.
    public var connectTimeout: Duration = .seconds(2)
    public var commandTimeout: Duration = .seconds(3)
    /// Commands of one connection that wait for their replies; one more fails at once with `.unavailable`.
    public var maxPendingCommands = 16_384
    /// Encoded bytes of those commands.
    public var maxPendingBytes = 64 * 1024 * 1024
    /// Elements of one reply, nested ones included.
    public var maxReplyElements = 1024 * 1024
    /// Bytes of one reply's strings.
    public var maxReplyBytes = 512 * 1024 * 1024
    /// How often a subscription asks whether the server still answers. Two intervals without a sign of life: it is dead.
    public var pingInterval: Duration = .seconds(5)

    public init(address: RedisAddress) { self.init(deployment: .server(address)) }

    public init(deployment: RedisDeployment) { self.deployment = deployment }

    /// Whether keys are spread over several servers, so that what is to change together must share a hash tag.
    public var isCluster: Bool {
        if case .cluster = deployment { true } else { false }
    }

    /// As a client of the sentinels.
    var forSentinels: RedisConfiguration {
        var configuration = self
        (configuration.username, configuration.password, configuration.database) = (nil, sentinelPassword, 0)
        return configuration
    }
}

/// The length limit of a Unix socket's path.
enum UnixSocketPath {
    /// `sizeof(sockaddr_un.sun_path)` without the terminating zero.
    static let maxBytes = 107

    static func fits(_ path: String) -> Bool { path.utf8.count <= maxBytes }

    static func check(_ path: String) throws(RedisError) {
        guard fits(path) else {
            throw RedisError(
                .configuration,
                "the socket path has \(path.utf8.count) bytes, the system allows \(maxBytes): \(path)"
            )
        }
    }
}
