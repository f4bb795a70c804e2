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

/// Where the server is, who the client is, and the limits of its connections.
public struct RedisConfiguration: Sendable {
    public var address: RedisAddress
    public var username: String?
    public var password: String?
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

    public init(address: RedisAddress) { self.address = address }

    /// Reads `redis://[user:password@]host[:port][/database]` or `unix:///path/of.sock[?db=database]`.
    ///
    /// User and password may be percent-encoded; the user may be empty, the password may not.
    ///
    /// - Throws: `.configuration`; the text never repeats the URL, which may hold a password.
    public init(url: String) throws(RedisError) {
        guard let scheme = url.range(of: "://") else {
            throw RedisError(.configuration, "the URL must begin with redis:// or unix://")
        }
        var rest = url[scheme.upperBound...]
        let credentials = try Self.takeCredentials(from: &rest)
        switch url[..<scheme.lowerBound] {
        case "redis": self = try Self(network: rest)
        case "unix": self = try Self(socket: rest)
        case "rediss": throw RedisError(.configuration, "rediss:// (TLS) is not supported; use a local TLS proxy")
        default: throw RedisError(.configuration, "the URL must begin with redis:// or unix://")
        }
        username = credentials.user
        password = credentials.password
    }

    private init(network text: Substring) throws(RedisError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let authority = parts[0]
        var host = authority
        var port = 6379
        let hostEnd = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[hostEnd...].lastIndex(of: ":") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65535).contains(number) else {
                throw RedisError(.configuration, "the URL's port must be a number from 1 to 65535")
            }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw RedisError(.configuration, "the URL names no host") }
        self.init(address: .tcp(host: String(host), port: port))
        if parts.count == 2, !parts[1].isEmpty { database = try Self.database(parts[1]) }
    }

    private init(socket text: Substring) throws(RedisError) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].hasPrefix("/"), parts[0].utf8.count > 1 else {
            throw RedisError(.configuration, "a unix URL needs an absolute path: unix:///path/of.sock")
        }
        let path = try Self.percentDecoded(parts[0])
        try UnixSocketPath.check(path)
        self.init(address: .unix(path: path))
        guard parts.count == 2, !parts[1].isEmpty else { return }
        guard parts[1].hasPrefix("db=") else {
            throw RedisError(.configuration, "a unix URL knows one parameter: db")
        }
        database = try Self.database(parts[1].dropFirst(3))
    }

    /// Takes `user:password@` from the front; the last `@` before the path counts.
    private static func takeCredentials(
        from rest: inout Substring
    ) throws(RedisError) -> (user: String?, password: String?) {
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else { return (nil, nil) }
        let parts = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw RedisError(.configuration, "the URL has a user but no password: write user:password@ or :password@")
        }
        rest = rest[rest.index(after: at)...]
        let user = try percentDecoded(parts[0])
        return (user.isEmpty ? nil : user, try percentDecoded(parts[1]))
    }

    private static func database(_ text: Substring) throws(RedisError) -> Int {
        guard let number = Int(text), number >= 0 else {
            throw RedisError(.configuration, "the URL's database must be a number from 0")
        }
        return number
    }

    private static func percentDecoded(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                throw RedisError(.configuration, "the URL has a % that is not followed by two hexadecimal digits")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
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

extension String {
    /// The first place of `needle`; the standard library has it only with Foundation.
    fileprivate func range(of needle: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
            start = index(after: start)
        }
        return nil
    }
}
