/// Where a server is, out of its URL: `http://host`, `http://host:port` or `http://[address]:port`, or the same with
/// `https`, each with or without a slash at the end (RFC 3986 section 3.2).
struct ServerAddress: Equatable {
    let usesTLS: Bool
    let host: String
    let port: Int

    /// - Throws: ``BaudClientError/Code/invalidArgument``, naming what is wrong with the URL.
    init(url: String) throws(BaudClientError) {
        func refuse(_ reason: String) -> BaudClientError { BaudClientError(.invalidArgument, "\(url): \(reason)") }

        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https", url.dropFirst(scheme.count).hasPrefix("://") else {
            throw refuse("a server's URL begins with http:// or https://")
        }
        usesTLS = scheme == "https"
        var authority = url.dropFirst(scheme.count + "://".count)
        if authority.hasSuffix("/") { authority.removeLast() }
        guard !authority.contains(where: { "/?#@ ".contains($0) }) else {
            throw refuse("a server's URL is \(scheme)://host:port and nothing more")
        }
        let (host, port) = Self.split(authority)
        guard let host, !host.isEmpty else { throw refuse("there is no host") }
        self.host = String(host)
        guard let port else {
            self.port = usesTLS ? 443 : 80
            return
        }
        guard let number = UInt16(port), number > 0 else { throw refuse("the port is not between 1 and 65535") }
        self.port = Int(number)
    }

    /// The host without the brackets of an IPv6 address, and the port if there is one.
    private static func split(_ authority: Substring) -> (host: Substring?, port: Substring?) {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return (nil, nil) }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return (nil, nil) }
            return (host, rest.isEmpty ? nil : rest.dropFirst())
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return (parts[0], nil)
        case 2: return (parts[0], parts[1])
        case _: return (nil, nil)
        }
    }
}
