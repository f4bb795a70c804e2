extension RedisConfiguration {
    /// Reads one of these, the first three with `rediss` in place of `redis` for TLS:
    /// - `redis://[user:password@]host[:port][/database]`
    /// - `redis+sentinel://[user:password@]host[:port],.../master[/database]`; user and password are the master's
    /// - `redis+cluster://[user:password@]host[:port],...`
    /// - `unix:///path/of.sock[?db=database]`
    ///
    /// User and password may be percent-encoded; the user may be empty, the password may not.
    ///
    /// - Parameter tls: for a URL with TLS; must be left as it is for another.
    /// - Throws: `.configuration`; the text never repeats the URL, which may hold a password.
    public init(url: String, tls: RedisTLS.Settings = RedisTLS.Settings()) throws(RedisError) {
        guard let scheme = url.range(of: "://") else { throw Self.unknownScheme }
        var rest = url[scheme.upperBound...]
        let credentials = try Self.takeCredentials(from: &rest)
        let parts = url[..<scheme.lowerBound].split(separator: "+", omittingEmptySubsequences: false)
        switch (parts[0], parts.dropFirst().joined(separator: "+")) {
        case ("redis", ""), ("rediss", ""): self = try Self(server: rest)
        case ("redis", "sentinel"), ("rediss", "sentinel"): self = try Self(sentinels: rest)
        case ("redis", "cluster"), ("rediss", "cluster"): self = try Self(cluster: rest)
        case ("unix", ""): self = try Self(socket: rest)
        default: throw Self.unknownScheme
        }
        username = credentials.user
        password = credentials.password
        if parts[0] == "rediss" {
            self.tls = try RedisTLS(tls)
        } else if !tls.isEmpty {
            throw RedisError(.configuration, "there are settings for TLS, but the URL does not begin with rediss")
        }
    }

    private static let unknownScheme = RedisError(
        .configuration,
        "the URL must begin with redis://, redis+sentinel://, redis+cluster://, one of these with rediss, or unix://"
    )

    private init(server text: Substring) throws(RedisError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(address: try Self.address(parts[0], defaultPort: 6379))
        if parts.count == 2, !parts[1].isEmpty { database = try Self.database(parts[1]) }
    }

    private init(sentinels text: Substring) throws(RedisError) {
        let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, !parts[1].isEmpty else {
            throw RedisError(.configuration, "a sentinel URL needs the master's name: redis+sentinel://host:port/name")
        }
        let master = try Self.percentDecoded(parts[1])
        self.init(deployment: .sentinel(try Self.addresses(parts[0], defaultPort: 26379), master: master))
        if parts.count == 3, !parts[2].isEmpty { database = try Self.database(parts[2]) }
    }

    private init(cluster text: Substring) throws(RedisError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 1 || parts[1].isEmpty || parts[1] == "0" else {
            throw RedisError(.configuration, "a cluster has no database but 0")
        }
        self.init(deployment: .cluster(try Self.addresses(parts[0], defaultPort: 6379)))
    }

    private static func addresses(_ text: Substring, defaultPort: Int) throws(RedisError) -> [RedisAddress] {
        var addresses: [RedisAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            addresses.append(try address(part, defaultPort: defaultPort))
        }
        return addresses
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

    /// `host`, `host:port`, `[IPv6 address]` or `[IPv6 address]:port`.
    private static func address(_ text: Substring, defaultPort: Int) throws(RedisError) -> RedisAddress {
        var (host, port) = (text, defaultPort)
        let hostEnd = text.lastIndex(of: "]") ?? text.startIndex
        if let colon = text[hostEnd...].lastIndex(of: ":") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else {
                throw RedisError(.configuration, "the URL's port must be a number from 1 to 65535")
            }
            (host, port) = (text[..<colon], number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw RedisError(.configuration, "the URL names no host") }
        return .tcp(host: String(host), port: port)
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
