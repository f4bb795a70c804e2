/// What a node of a cluster answers in place of a reply. In every case the command has done nothing yet.
enum ClusterRedirection: Equatable {
    /// The slot is another node's from now on.
    case moved(slot: Int, RedisAddress)
    /// The slot is being moved and the key is with its new node already; this says nothing of the next command.
    case ask(RedisAddress)
    /// Some keys have been moved and others have not, or the slot is nobody's at the moment.
    case later

    /// - Parameter server: who answered; it may mean itself by leaving out the host.
    /// - Returns: `nil` for any other error.
    init?(_ error: RedisError, from server: RedisAddress) {
        guard error.code == .server else { return nil }
        let words = error.message.split(separator: " ")
        switch words.first {
        case "MOVED":
            guard words.count >= 3, let slot = Int(words[1]), 0..<HashSlot.count ~= slot,
                let address = Self.address(words[2], from: server)
            else { return nil }
            self = .moved(slot: slot, address)
        case "ASK":
            guard words.count >= 3, let address = Self.address(words[2], from: server) else { return nil }
            self = .ask(address)
        case "TRYAGAIN", "CLUSTERDOWN":
            self = .later
        default:
            return nil
        }
    }

    /// `host:port`; the host may be empty, or an IPv6 address without brackets.
    private static func address(_ text: Substring, from server: RedisAddress) -> RedisAddress? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            1...65_535 ~= port
        else { return nil }
        let host = text[..<colon]
        return .tcp(host: host.isEmpty ? server.host : String(host), port: port)
    }
}
