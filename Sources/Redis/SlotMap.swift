/// Which master serves which slot of a cluster.
struct SlotMap {
    private(set) var masters: [RedisAddress] = []
    /// Each slot's place in `masters`.
    private var owners = [UInt16](repeating: Self.nobody, count: HashSlot.count)

    private static let nobody = UInt16.max

    init() {}

    /// Reads the reply of `CLUSTER SLOTS`: for each range of slots first and last, then the nodes, of which the first is the
    /// master, each with host, port and more.
    ///
    /// - Parameter server: who replied; a node that does not know its own host leaves it out.
    /// - Throws: `.protocol` for anything else, `.unavailable` for a node that knows of no slot.
    init(_ reply: RESPValue, from server: RedisAddress) throws(RedisError) {
        guard let ranges = reply.array else { throw Self.malformed }
        for range in ranges {
            guard let parts = range.array, parts.count >= 3, let first = parts[0].int, let last = parts[1].int,
                0 <= first, first <= last, last < HashSlot.count,
                let master = parts[2].array, master.count >= 2, let port = master[1].int, 1...65_535 ~= port
            else { throw Self.malformed }
            let host = master[0].string ?? ""
            assign(Int(first)...Int(last), to: .tcp(host: host.isEmpty ? server.host : host, port: Int(port)))
        }
        guard !masters.isEmpty else { throw RedisError(.unavailable, "\(server) knows of no slots of the cluster") }
    }

    private static let malformed = RedisError(.protocol, "unexpected reply to CLUSTER SLOTS")

    func master(of slot: Int) -> RedisAddress? {
        let owner = owners[slot]
        return owner == Self.nobody ? nil : masters[Int(owner)]
    }

    mutating func assign(_ slots: ClosedRange<Int>, to master: RedisAddress) {
        let place = masters.firstIndex(of: master) ?? masters.endIndex
        guard place < Int(Self.nobody) else { return }
        if place == masters.endIndex { masters.append(master) }
        for slot in slots { owners[slot] = UInt16(place) }
    }
}

extension RedisAddress {
    /// The name or address of a machine; empty for a socket's path.
    var host: String {
        switch self {
        case .tcp(let host, _): host
        case .unix: ""
        }
    }
}
