import Testing

@testable import Redis

/// Slots, maps and redirections, without a server.
struct ClusterValueTests {
    private let server = RedisAddress.tcp(host: "10.0.0.1", port: 7000)

    @Test(arguments: [
        // Redis cluster specification: CRC16 of "123456789" is 0x31C3; the others by CLUSTER KEYSLOT.
        ("123456789", 0x31C3), ("", 0), ("foo", 12182), ("{foo}.x", 12182), ("thread:{foo}:stream", 12182),
        ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015), ("foo{bar}{zap}", 5061), ("bar", 5061),
    ])
    func slots(key: String, slot: Int) {
        #expect(HashSlot.of(key) == slot)
    }

    private func range(_ first: Int64, _ last: Int64, _ host: RESPValue, _ port: Int64) -> RESPValue {
        .array([.integer(first), .integer(last), .array([host, .integer(port), .simple("id")])])
    }

    @Test func `a map names masters, itself where a node leaves out the host, and what it learns`() throws {
        let reply = RESPValue.array([range(0, 99, .null, 7000), range(100, 16_383, .simple("10.0.0.2"), 7001)])
        var map = try SlotMap(reply, from: server)
        #expect(map.master(of: 99) == server)
        #expect(map.master(of: 100) == .tcp(host: "10.0.0.2", port: 7001))
        #expect(map.masters.count == 2)
        map.assign(99...99, to: .tcp(host: "10.0.0.3", port: 7000))
        #expect(map.master(of: 99) == .tcp(host: "10.0.0.3", port: 7000))
        #expect(map.master(of: 98) == server)
        let partial = try SlotMap(.array([range(5, 5, .simple(""), 1)]), from: server)
        #expect(partial.master(of: 4) == nil && partial.master(of: 5) == .tcp(host: "10.0.0.1", port: 1))
    }

    @Test(arguments: [
        RESPValue.null, .array([]), .array([.integer(1)]), .array([.array([.integer(0), .integer(1)])]),
        .array([.array([.integer(0), .integer(16_384), .array([.simple("h"), .integer(1)])])]),
        .array([.array([.integer(-1), .integer(1), .array([.simple("h"), .integer(1)])])]),
        .array([.array([.integer(2), .integer(1), .array([.simple("h"), .integer(1)])])]),
        .array([.array([.integer(0), .integer(1), .array([.simple("h"), .integer(70_000)])])]),
        .array([.array([.integer(0), .integer(1), .array([])])]),
    ])
    func `what is no map is refused`(reply: RESPValue) {
        #expect(throws: RedisError.self) { try SlotMap(reply, from: server) }
    }

    @Test(arguments: [
        ("MOVED 3999 127.0.0.1:6381", ClusterRedirection.moved(slot: 3999, .tcp(host: "127.0.0.1", port: 6381))),
        ("MOVED 1 ::1:6381", .moved(slot: 1, .tcp(host: "::1", port: 6381))),
        ("MOVED 1 :6381", .moved(slot: 1, .tcp(host: "10.0.0.1", port: 6381))),
        ("ASK 3999 node.example:6381", .ask(.tcp(host: "node.example", port: 6381))),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .later),
        ("CLUSTERDOWN The cluster is down", .later),
    ])
    func redirections(text: String, expected: ClusterRedirection) {
        #expect(ClusterRedirection(RedisError(.server, text), from: server) == expected)
    }

    @Test(arguments: [
        "ERR x", "MOVED", "MOVED 1", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "MOVED 1 h:0", "ASK 1",
    ])
    func `other errors are no redirections`(text: String) {
        #expect(ClusterRedirection(RedisError(.server, text), from: server) == nil)
    }

    @Test func `a command knows its key`() {
        #expect(RedisCommand("XADD", .key("s"), "*", "f", "v").key == "s")
        #expect(RedisCommand("PING").key == nil)
        let script = RedisScript(name: "x", source: "return 1")
        #expect(RedisCall.script(script, keys: ["{b}a", "b"], arguments: ["c"]).slot == HashSlot.of("b"))
        #expect(RedisCall.command(RedisCommand("PING")).slot == nil)
    }
}
