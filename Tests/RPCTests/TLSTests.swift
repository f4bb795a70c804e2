import Glibc
import HTTP
import NIOCore
import NIOPosix
import RPC
import TestSupport
import Testing

/// The channel over TLS, with certificates made by openssl.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TLSTests {
    /// Serves `/t/Echo`, which answers with what it got.
    private func withEcho(
        _ certificates: TestCertificates,
        clientAuthorities: String? = nil,
        _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let files = TLSFiles(
            certificateChain: certificates.certificate,
            privateKey: certificates.key,
            clientAuthorities: clientAuthorities
        )
        try await withServer(tls: files) {
            $0.unary("/t/Echo") { message, _ in message }
        } _: { port, _ in
            try await body(port)
        }
        try certificates.remove()
    }

    private func call(host: String = "localhost", port: Int, _ tls: ClientTLS) async throws -> ByteBuffer {
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = RPCChannel(host: host, port: port, tls: tls, group: group, logger: quiet)
        let reply = try await channel.unary("/t/Echo", ByteBuffer(string: "hello"))
        await channel.close()
        return reply
    }

    /// Why no call can be made.
    private func failure(host: String = "localhost", port: Int, _ tls: ClientTLS) async -> String? {
        let status = await #expect(throws: Status.self) { try await call(host: host, port: port, tls) }
        #expect(status?.code == .unavailable)
        return status?.message.split(separator: ": ", maxSplits: 1).last.map { String($0) }
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func trustedServerIsCalled(host: String) async throws {
        let certificates = try TestCertificates()
        let tls = try ClientTLS(authorities: certificates.authority)
        try await withEcho(certificates) { port in
            let reply = try await call(host: host, port: port, tls)
            #expect(reply == ByteBuffer(string: "hello"))
        }
    }

    @Test func serverOfAnotherAuthorityOrNameIsNot() async throws {
        let certificates = try TestCertificates(names: "DNS:elsewhere.example")
        let tls = try ClientTLS(authorities: certificates.authority)
        try await withEcho(certificates) { port in
            for host in ["localhost", "127.0.0.1"] {
                let reason = await failure(host: host, port: port, tls)
                #expect(reason == "the server's certificate is for another host")
            }
            // The system's authorities do not know it.
            let reason = try await failure(port: port, ClientTLS())
            #expect(reason == "the server's certificate was not issued by an authority that is trusted here")
        }
    }

    @Test func clientShowsItsCertificate() async throws {
        let (certificates, stranger) = (try TestCertificates(), try TestCertificates())
        let (authorities, own) = (certificates.authority, certificates.certificate)
        let known = try ClientTLS(authorities: authorities, certificateChain: own, privateKey: certificates.key)
        let unknown = try ClientTLS(
            authorities: authorities,
            certificateChain: stranger.certificate,
            privateKey: stranger.key
        )
        let nobody = try ClientTLS(authorities: authorities)
        try await withEcho(certificates, clientAuthorities: authorities) { port in
            let reply = try await call(port: port, known)
            #expect(reply == ByteBuffer(string: "hello"))
            let (whenUnknown, whenNobody) = (await failure(port: port, unknown), await failure(port: port, nobody))
            #expect(whenUnknown == "the server does not accept the client's certificate")
            #expect(whenNobody == "the server asks for a client certificate")
        }
        try stranger.remove()
    }

    @Test func keyMayBeInTheCertificatesFile() throws {
        let certificates = try TestCertificates()
        let both = "\(certificates.directory)/both.pem"
        let join = "cat \(certificates.key) \(certificates.certificate) > \(both)"
        try #require(ChildProcess("/bin/sh", ["-c", join]).wait() == 0)
        _ = try ClientTLS(certificateChain: both)
        try certificates.remove()
    }

    @Test func filesThatCannotBeUsedAreNamed() throws {
        let (certificates, other) = (try TestCertificates(), try TestCertificates())
        let key = certificates.key
        for (authorities, chain, key) in [
            ("/none", nil, nil), (key, nil, nil), (nil, "/none", key), (nil, certificates.certificate, "/none"),
            (nil, certificates.certificate, other.key),
        ] as [(String?, String?, String?)] {
            let error = #expect(throws: ConnectError.self) {
                try ClientTLS(authorities: authorities, certificateChain: chain, privateKey: key)
            }
            #expect(error?.message.isEmpty == false)
        }
        try certificates.remove()
        try other.remove()
    }

    @Test func serverWithoutTLSOrHTTP2IsNamedAsSuch() async throws {
        let certificates = try TestCertificates()
        let tls = try ClientTLS(authorities: certificates.authority)
        try await withServer {
            $0.unary("/t/Echo") { message, _ in message }
        } _: { port, _ in
            let reason = await failure(port: port, tls)
            #expect(reason == "the server does not speak TLS")
        }
        // A TLS server that agrees upon no protocol.
        let output = "\(certificates.directory)/output"
        let files = ["-cert", certificates.certificate, "-key", certificates.key]
        let server = try ChildProcess(
            "/usr/bin/openssl",
            ["s_server", "-www", "-accept", "127.0.0.1:0"] + files,
            output: output
        )
        var port = port(in: output)
        while port == nil {
            try await Task.sleep(for: .milliseconds(10))
            port = self.port(in: output)
        }
        let reason = try await failure(port: #require(port), tls)
        #expect(reason == "the server does not offer HTTP/2 over TLS (ALPN h2)")
        server.stop()
        try certificates.remove()
    }

    /// The port that openssl says it listens on, once it has.
    private func port(in path: String) -> Int? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1_000)
        let lines = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return lines.first { $0.hasPrefix("ACCEPT ") }?.split(separator: ":").last.flatMap { Int($0) }
    }
}
