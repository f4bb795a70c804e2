import Curl
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PublicAddressTests {
    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
        "198.17.255.255", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::", "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ])
    func `addresses of hosts of the Internet`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.255.255", "198.19.0.1",
        "198.51.100.9", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "fc00::1",
        "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1",
    ])
    func `addresses that are not`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic == false)
    }

    @Test(arguments: [
        "", "localhost", "127.1", "1.2.3.4.5", "0x7f.0.0.1", "[::1]", "::1%lo", "fe80::1%eth0", "1.2.3.4 ",
    ])
    func `texts that are no addresses`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        "localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "0.0.0.0", "[::1]", "[::]",
        "[::ffff:127.0.0.1]",
    ])
    func `a request that wants a public address does not reach this machine`(host: String) async throws {
        let server = try StandInModelServer([Reply("secret")])
        defer { server.stop() }
        let port = try #require(server.url.split(separator: ":").last)
        let client = try CurlClient()
        let error = await #expect(throws: CurlError.self) {
            _ = try await client.send(CurlRequest(url: "http://\(host):\(port)/", isPublicOnly: true))
        }
        #expect(error?.code == .forbidden, "\(String(describing: error))")
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }

    @Test func `a request that may go anywhere does`() async throws {
        let server = try StandInModelServer([Reply("hello")])
        defer { server.stop() }
        let client = try CurlClient()
        #expect(try await client.send(CurlRequest(url: server.url)).status == 200)
        await client.shutdown()
    }
}
