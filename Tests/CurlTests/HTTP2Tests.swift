import Curl
import Foundation
import TestSupport
import Testing

/// Against nghttp2's own server, with a certificate of our own.
@Suite(.timeLimit(.minutes(1)), .enabled(if: NghttpServer.isInstalled, "nghttpd and openssl are not installed"))
struct HTTP2Tests {
    @Test func speaksHTTP2WhereItIsOffered() async throws {
        let server = try NghttpServer()
        defer { server.stop() }
        let client = try CurlClient(.init(maxConnectionsPerHost: 1, certificateAuthorities: server.certificate))
        try await server.isUp(client)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let response = try await client.send(CurlRequest(url: server.url + "/large"))
                    #expect(response.status == 200)
                    #expect(response.version == "HTTP/2")
                    var sum = 0
                    for try await chunk in response.body { sum += chunk.count }
                    #expect(sum == NghttpServer.largeSize)
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func cancelledStreamsLeaveTheConnectionToTheOthers() async throws {
        let server = try NghttpServer()
        defer { server.stop() }
        let client = try CurlClient(.init(maxConnectionsPerHost: 1, certificateAuthorities: server.certificate))
        try await server.isUp(client)
        for _ in 0..<10 { _ = try await client.send(CurlRequest(url: server.url + "/large")) }
        let response = try await client.send(CurlRequest(url: server.url + "/large"))
        #expect(try await response.body.collect(upTo: NghttpServer.largeSize).count == NghttpServer.largeSize)
    }

    @Test func aReaderThatLagsLosesNothing() async throws {
        let server = try NghttpServer()
        defer { server.stop() }
        let client = try CurlClient(.init(maxConnectionsPerHost: 1, certificateAuthorities: server.certificate))
        try await server.isUp(client)
        let slow = try await client.send(CurlRequest(url: server.url + "/large"))
        // While the first one is not read, others on the same connection go on.
        let other = try await client.send(CurlRequest(url: server.url + "/small"))
        #expect(try await other.body.collect(upTo: 100) == Array("small".utf8))
        #expect(try await slow.body.collect(upTo: NghttpServer.largeSize).count == NghttpServer.largeSize)
    }

    @Test func aCertificateThatIsNotTrustedIsATLSError() async throws {
        let server = try NghttpServer()
        defer { server.stop() }
        try await server.isUp(try CurlClient(.init(certificateAuthorities: server.certificate)))
        let client = try CurlClient()
        let error = await #expect(throws: CurlError.self) { _ = try await client.send(CurlRequest(url: server.url)) }
        #expect(error?.code == .tls)
    }
}

/// nghttpd, serving two files over TLS on a free port.
private final class NghttpServer: Sendable {
    static let largeSize = 2 << 20
    private static let programs = ["/usr/sbin/nghttpd", "/usr/bin/nghttpd"].filter(FileManager.default.isExecutableFile)
    static let isInstalled = !programs.isEmpty && FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")

    private let folder: URL
    private let process: ChildProcess
    private let port: Int

    var url: String { "https://localhost:\(port)" }
    var certificate: String { folder.appending(path: "cert.pem").path }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("small".utf8).write(to: folder.appending(path: "small"))
        try Data(repeating: 7, count: Self.largeSize).write(to: folder.appending(path: "large"))
        let key = folder.appending(path: "key.pem").path
        let certificate = folder.appending(path: "cert.pem").path
        try ChildProcess(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                "-subj",
                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
            ]
        ).wait()
        port = try Self.freePort()
        process = try ChildProcess(
            Self.programs[0],
            ["-a", "127.0.0.1", "-d", folder.path, String(port), key, certificate]
        )
    }

    /// One that nobody listens on; nghttpd cannot be asked to find one.
    private static func freePort() throws -> Int {
        let server = try StandInModelServer([])
        defer { server.stop() }
        return try #require(URL(string: server.url)?.port)
    }

    /// Returns when the server takes requests.
    func isUp(_ client: CurlClient) async throws {
        for _ in 0..<10_000 {
            do throws(CurlError) {
                _ = try await client.send(CurlRequest(url: url + "/small")).body.collect(upTo: 100)
                return
            } catch {
                guard error.code == .connect else { throw error }
                await Task.yield()
            }
        }
        Issue.record("nghttpd does not start")
    }

    func stop() {
        process.stop()
        try? FileManager.default.removeItem(at: folder)
    }
}
