import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

/// Connections by TLS to a real redis-server that speaks nothing else on its port and demands client certificates.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    private func withServer(
        names: String = "DNS:localhost,IP:127.0.0.1",
        _ body: @Sendable (_ port: Int, TestRedis, TestCertificates) async throws -> Void
    ) async throws {
        let certificates = try TestCertificates(names: names)
        let port = TestPort.free()
        let arguments = [
            "--tls-port", "\(port)", "--tls-cert-file", certificates.certificate, "--tls-key-file", certificates.key,
            "--tls-ca-cert-file", certificates.authority, "--requirepass", "secret",
        ]
        try await TestRedis.with(extra: arguments) { redis in try await body(port, redis, certificates) }
        try certificates.remove()
    }

    private func own(_ certificates: TestCertificates) -> RedisTLS.Settings {
        RedisTLS.Settings(
            authorities: certificates.authority,
            certificate: certificates.certificate,
            privateKey: certificates.key
        )
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `commands, large values, blocking and subscribed connections`(host: String) async throws {
        try await withServer { port, _, certificates in
            let tls = own(certificates)
            var configuration = try RedisConfiguration(url: "rediss://:secret@\(host):\(port)/1", tls: tls)
            configuration.connectTimeout = .seconds(30)
            try await withClient(configuration) { client, group in
                let value = ByteBuffer(repeating: 7, count: 3_000_000)
                _ = try await client.send(RedisCommand("SET", "k", RedisArgument(value)))
                #expect(try await client.send(RedisCommand("GET", "k")).bytes == value)

                let loop = group.next()
                let blocking = client.makeBlockingConnection(on: loop)
                async let element = blocking.send(RedisCommand("BLPOP", "l", 0), timeout: .seconds(10))
                _ = try await client.send(RedisCommand("RPUSH", "l", "a"))
                #expect(try await element.array?.last?.string == "a")
                await blocking.close()

                let listener = try await Listener(client, loop: loop)
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("c")
                #expect(await events.next() == .ready("c"))
                _ = try await client.send(RedisCommand("PUBLISH", "c", "m"))
                #expect(await events.next() == .message("c", "m"))
                try await listener.close()
            }
        }
    }

    @Test func `who cannot be verified is not spoken to`() async throws {
        try await withServer(names: "DNS:localhost") { port, redis, certificates in
            let stranger = try TestCertificates()
            var (anonymous, misnamed, foreign, untrusting) = (
                own(certificates), own(certificates), own(stranger), own(certificates)
            )
            (anonymous.certificate, anonymous.privateKey) = ("", "")
            misnamed.serverName = "redis.example"
            foreign.authorities = certificates.authority
            untrusting.authorities = stranger.authority
            for settings in [anonymous, misnamed, foreign, untrusting] {
                let configuration = try RedisConfiguration(url: "rediss://:secret@localhost:\(port)", tls: settings)
                try await withClient(configuration) { client, _ in
                    let error = await failure { () async throws(RedisError) in try await client.ping() }
                    #expect(error?.code == .unavailable, "\(settings)")
                }
            }
            try stranger.remove()
            // Nor does a client without TLS get an answer.
            let clear = try RedisConfiguration(url: "redis://:secret@localhost:\(port)")
            try await withClient(clear) { client, _ in
                let error = await failure { () async throws(RedisError) in try await client.ping() }
                #expect(error?.code == .unavailable)
            }
        }
    }

    @Test func `the name of the certificate may be another than the host's`() async throws {
        try await withServer(names: "DNS:localhost") { port, _, certificates in
            var tls = own(certificates)
            tls.serverName = "localhost"
            var configuration = try RedisConfiguration(url: "rediss://:secret@127.0.0.1:\(port)", tls: tls)
            configuration.connectTimeout = .seconds(30)
            try await withClient(configuration) { client, _ in try await client.ping() }
        }
    }
}
