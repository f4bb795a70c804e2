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
        #expect(configuration.address == address)
        #expect(configuration.database == database)
        #expect(configuration.password == nil)
    }

    @Test func credentials() throws {
        let full = try RedisConfiguration(url: "redis://me:p%40ss:w@host:1/2")
        #expect(full.username == "me" && full.password == "p@ss:w" && full.database == 2)
        let onlyPassword = try RedisConfiguration(url: "redis://:secret@host")
        #expect(onlyPassword.username == nil && onlyPassword.password == "secret")
    }

    @Test(arguments: [
        "", "host:6379", "http://host", "rediss://", "redis://", "redis://host:0", "redis://host:x",
        "redis://host/x",
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
