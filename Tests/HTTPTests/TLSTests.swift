import Glibc
import HTTP
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import HTTP

/// TLS on the same port for both versions, against curl and raw bytes, with certificates made by openssl.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TLSTests {
    private func withCertificates(_ body: (TestCertificates) async throws -> Void) async throws {
        let certificates = try TestCertificates()
        do {
            try await body(certificates)
        } catch {
            try certificates.remove()
            throw error
        }
        try certificates.remove()
    }

    @Test func bothVersionsAreAgreedUpon() async throws {
        try await withCertificates { certificates in
            try await withServer(tls: certificates.tlsFiles) { exchange in
                exchange.respond(
                    ResponseHead(status: 200),
                    body: ByteBuffer(string: "\(exchange.request.version) \(exchange.request.scheme)")
                )
            } _: { port, _ in
                for (flags, version) in [("--http2", "http2"), ("--http1.1", "http1_1"), ("--no-alpn", "http1_1")] {
                    try await #expect(certificates.curl(flags, port: port) == ("\(version) https", 0))
                }
                try await #expect(
                    certificates.curl("--tls-max 1.1 --ciphers DEFAULT:@SECLEVEL=0", port: port).status == 35
                )
            }
        }
    }

    /// TLS takes whatever is written before it is flushed, and calls its channel writable all the while.
    @Test func aSourceOfHTTP1IsAskedForAsMuchAsATurnMaySend() async throws {
        let length = 5_000_000
        let longest = Mutex(0)
        try await withCertificates { certificates in
            try await withServer(tls: certificates.tlsFiles) { exchange in
                let loop = exchange.eventLoop.assumeIsolated()
                var (written, turn) = (0, 0)
                exchange.start(ResponseHead(status: 200))
                exchange.pull { [unowned exchange] room in
                    if turn == 0 { loop.execute { turn = 0 } }
                    let count = min(room.count, length - written)
                    if let start = room.baseAddress { memset(start, 7, count) }
                    (written, turn) = (written + count, turn + count)
                    longest.withLock { $0 = max($0, turn) }
                    if written == length { exchange.finish() }
                    return count
                }
            } _: { port, _ in
                let result = try await certificates.curl("--http1.1 -o /dev/null -w %{size_download}", port: port)
                #expect(result == ("\(length)", 0))
            }
        }
        #expect(longest.withLock { $0 } <= 2 * HTTPLimits.streamWriteAhead)
    }

    @Test func clientsAreAskedForACertificate() async throws {
        try await withCertificates { certificates in
            var files = certificates.tlsFiles
            files.clientAuthorities = certificates.authority
            let stranger = try TestCertificates()
            try await withServer(tls: files, handler: echo) { port, _ in
                let own = "--cert \(files.certificateChain) --key \(files.privateKey)"
                try await #expect(certificates.curl(own, port: port) == ("GET /a []", 0))
                try await #expect(certificates.curl("", port: port).output == "")
                let others = "--cert \(stranger.tlsFiles.certificateChain) --key \(stranger.tlsFiles.privateKey)"
                try await #expect(certificates.curl(others, port: port).output == "")
            }
            try stranger.remove()
        }
    }

    @Test func identityIsRenewedOnlyByFilesThatFitTogether() async throws {
        try await withCertificates { certificates in
            let identity = try TLSIdentity(certificates.tlsFiles)
            let first = identity.context
            guard case .unchanged = identity.refresh() else { return #expect(Bool(false), "nothing has changed") }

            let other = try TestCertificates()
            try #require(rename(other.tlsFiles.certificateChain, certificates.tlsFiles.certificateChain) == 0)
            guard case .failed = identity.refresh() else { return #expect(Bool(false), "the key is another's") }
            #expect(identity.context === first)
            guard case .unchanged = identity.refresh() else { return #expect(Bool(false), "a failure is told once") }

            try #require(rename(other.tlsFiles.privateKey, certificates.tlsFiles.privateKey) == 0)
            guard case .renewed = identity.refresh() else { return #expect(Bool(false), "both have changed") }
            #expect(identity.context !== first)
            try other.remove()
            #expect(throws: (any Error).self) {
                try TLSIdentity(TLSFiles(certificateChain: "/none", privateKey: "/none"))
            }
        }
    }

    @Test func newConnectionsGetTheNewCertificate() async throws {
        try await withCertificates { certificates in
            try await withServer(tls: certificates.tlsFiles, handler: echo) { port, _ in
                try await #expect(certificates.curl("", port: port).status == 0)
                // A certificate of another authority, which is the one that curl trusts from here on.
                try certificates.issue()
                while try await certificates.curl("", port: port).status != 0 {}
            }
        }
    }

    @Test func whatIsNoHandshakeIsCutOff() async throws {
        try await withCertificates { certificates in
            var limits = HTTPLimits()
            limits.prefaceTimeout = .seconds(1)
            try await withServer(limits: limits, tls: certificates.tlsFiles, handler: echo) { port, _ in
                let silent = try await RawConnection.connect(port: port)
                let half = try await RawConnection.connect(port: port)
                try await half.send([22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3])
                let plain = try await RawConnection.connect(port: port)
                try await plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await !plain.receive().contains("HTTP/1.1"))
                try await #expect(certificates.curl("", port: port).status == 0)
                #expect(await silent.receive() == "")
                #expect(await half.receive() == "")
            }
        }
    }
}

extension TestCertificates {
    fileprivate var tlsFiles: TLSFiles { TLSFiles(certificateChain: certificate, privateKey: key) }

    /// What curl prints, and its exit status.
    fileprivate func curl(
        _ arguments: String,
        port: Int,
        trusting authority: String? = nil
    ) async throws -> (output: String, status: Int32) {
        let command = "curl -s --cacert \(authority ?? self.authority) \(arguments) https://localhost:\(port)/a"
        let output = "\(directory)/output"
        // On a thread that may wait, as all tests share those of the tasks.
        let status = try await NIOThreadPool.singleton.runIfActive {
            try ChildProcess("/bin/sh", ["-c", command], output: output).wait()
        }
        let file = try #require(fopen(output, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = fread(&bytes, 1, bytes.count, file)
        return (String(decoding: bytes[..<count], as: UTF8.self), status)
    }
}
