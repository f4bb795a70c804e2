import Testing

@testable import Redis

struct RedisConfigurationTests {
    @Test(arguments: [
        ("redis://localhost", RedisAddress.tcp(host: "localhost", port: 6379), 0),
        ("redis://10.0.0.1:7000/3", .tcp(host: "10.0.0.1", port: 7000), 3),
        ("redis://[::1]:7000/", .tcp(host: "::1", port: 7000), 0),
        ("redis://[::1]", .tcp(host: "::1", port: 6379), 0),
        ("unix:///run/redis.sock", .unix(path: "/run/redis.sock"), 0),
        ("unix:///run/a%20b.sock?db=2", .unix(path: "/run/a b.sock"), 2),
    ])
    func addresses(url: String, address: RedisAddress, database: Int) throws {
        let configuration = try RedisConfiguration(url: url)
        #expect(configuration.deployment == .server(address))
        #expect(configuration.database == database)
        #expect(configuration.password == nil)
    }

    @Test func `sentinels and clusters`() throws {
        let (a, b) = (RedisAddress.tcp(host: "a", port: 1), RedisAddress.tcp(host: "b", port: 26379))
        let sentinel = try RedisConfiguration(url: "redis+sentinel://u:p@a:1,b/main/3")
        #expect(sentinel.deployment == .sentinel([a, b], master: "main"))
        #expect((sentinel.database, sentinel.username, sentinel.password) == (3, "u", "p"))
        let cluster = try RedisConfiguration(url: "rediss+cluster://:p@a:1,[::1]")
        #expect(cluster.deployment == .cluster([a, .tcp(host: "::1", port: 6379)]))
        #expect(cluster.tls != nil && cluster.isCluster && !sentinel.isCluster)
    }

    @Test func credentials() throws {
        let full = try RedisConfiguration(url: "redis://me:p%40ss:w@host:1/2")
        #expect(full.username == "me" && full.password == "p@ss:w" && full.database == 2)
        let onlyPassword = try RedisConfiguration(url: "redis://:secret@host")
        #expect(onlyPassword.username == nil && onlyPassword.password == "secret")
    }

    @Test(arguments: [
        "", "host:6379", "http://host", "rediss://", "redis://", "redis://host:0", "redis://host:x",
        "redis://host/x", "redis+sentinel://host", "redis+sentinel://host/", "redis+sentinel://a,/m",
        "redis+sentinel://a/m/x", "redis+cluster://", "redis+cluster://a,,b", "redis+cluster://a/1", "redis+x://a",
        "unix+cluster:///a",
        "redis://host/-1", "redis://user@host", "unix://relative", "unix:///a?x=1", "redis://u:p%4@host",
        "unix:///" + String(repeating: "x", count: 107),
    ])
    func refused(url: String) {
        #expect { try RedisConfiguration(url: url) } throws: { ($0 as? RedisError)?.code == .configuration }
    }

    @Test func `TLS is for rediss alone`() throws {
        #expect(try RedisConfiguration(url: "rediss://host:1/2").tls != nil)
        #expect(try RedisConfiguration(url: "redis://host").tls == nil)
        let settings = [
            ("redis://host", RedisTLS.Settings(serverName: "x")),
            ("rediss://host", RedisTLS.Settings(authorities: "/none")),
            ("rediss://host", RedisTLS.Settings(certificate: "/none")),
        ]
        for (url, tls) in settings {
            #expect { try RedisConfiguration(url: url, tls: tls) } throws: {
                ($0 as? RedisError)?.code == .configuration
            }
        }
    }

    @Test func `an error never shows the password`() {
        do {
            _ = try RedisConfiguration(url: "redis://me:hunter2@host:bad")
            Issue.record("accepted")
        } catch {
            #expect(!"\(error)".contains("hunter2"))
        }
    }
}
