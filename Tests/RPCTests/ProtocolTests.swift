import HTTP
import NIOCore
import RPC
import Testing

/// What each malformed or unsupported request is answered with.
@Suite struct ProtocolTests {
    private func echo(_ router: inout MethodRouter) {
        router.local("/t/Echo") { message, _ in ByteBuffer(copying: message) }
        router.unary("/t/Hang") { _, _ in
            try await Task.sleep(for: .seconds(60))
            return ByteBuffer()
        }
    }

    private func code(
        _ path: String = "/t/Echo",
        headers: [(String, String)] = [],
        body: [UInt8] = framed(3),
        endsStream: Bool = true
    ) async throws -> String? {
        nonisolated(unsafe) var code: String?
        try await withServer(maxMessageBytes: 1_000, methods: echo) { port, _ in
            var all: HTTPHeaders = ["content-type": "application/grpc+proto", "te": "trailers"]
            for (name, value) in headers { all.add(name, value) }
            code = try await rawCall(port: port, path, headers: all, body: body, endsStream: endsStream).code
        }
        return code
    }

    @Test func wellFormedCall() async throws {
        #expect(try await code() == "0")
        #expect(try await code(headers: [("grpc-encoding", "identity"), ("grpc-timeout", "10S")]) == "0")
        #expect(try await code(headers: [("x-bin", "AAE"), ("y-bin", "AAE="), ("z-bin", "")]) == "0")
    }

    @Test func unknownMethodOrService() async throws {
        #expect(try await code("/t/None") == "12")
        #expect(try await code("/none/Echo") == "12")
    }

    @Test func messageAboveTheLimitIsRefusedAtItsPrefix() async throws {
        #expect(try await code(body: framed(0, announced: 1_001), endsStream: false) == "8")
        #expect(try await code(body: framed(0, announced: 0xFFFF_FFFF), endsStream: false) == "8")
        #expect(try await code(body: framed(1_000)) == "0")
    }

    @Test func brokenFraming() async throws {
        #expect(try await code(body: framed(3, announced: 4)) == "13")
        #expect(try await code(body: [0, 0]) == "13")
        #expect(try await code(body: framed(3, flag: 1)) == "13")
        #expect(try await code(body: framed(3, flag: 2)) == "13")
        #expect(try await code(body: []) == "13")
        #expect(try await code(body: framed(3) + framed(3)) == "13")
    }

    /// What follows the one message of a call is not waited for.
    @Test func secondMessageIsRefusedAtItsFirstByte() async throws {
        #expect(try await code(body: framed(3) + [0], endsStream: false) == "13")
    }

    @Test(arguments: ["/t/Unary", "/t/Stream"])
    func messageThatFindsNoRoomAmongUnfinishedOnesIsRefused(path: String) async throws {
        var limits = HTTPLimits()
        limits.maxUnfinishedBytes = 100_000
        try await withServer(limits: limits) {
            $0.unary("/t/Unary") { message, _ in message }
            $0.serverStreaming("/t/Stream") { _, _, stream in stream.finish(.ok) }
        } _: { port, _ in
            let large = try await rawCall(port: port, path, body: framed(1_000_000), endsStream: false)
            #expect(large.code == "8")
            let small = try await rawCall(port: port, path, body: framed(50_000))
            #expect(small.code == "0")
        }
    }

    @Test func timeouts() async throws {
        for malformed in ["", "1", "S", "123456789S", "1x", "-1S", "1.5S"] {
            #expect(try await code(headers: [("grpc-timeout", malformed)]) == "13", "\(malformed)")
        }
        #expect(try await code(headers: [("grpc-timeout", "0n")]) == "4")
        #expect(try await code(headers: [("grpc-timeout", "99999999H")]) == "0")
        #expect(try await code("/t/Hang", headers: [("grpc-timeout", "50m")]) == "4")
    }

    @Test func encodingsAndBinaryHeaders() async throws {
        #expect(try await code(headers: [("grpc-encoding", "snappy")]) == "12")
        #expect(try await code(headers: [("x-bin", "A")]) == "13")
        #expect(try await code(headers: [("x-bin", "A*==")]) == "13")
    }

    @Test func requestsThatAreNoCalls() async throws {
        try await withServer(methods: echo) { port, _ in
            let plain = try await rawCall(port: port, "/t/Echo", headers: ["content-type": "text/plain"], body: [1])
            #expect(plain.status == 415)
            let missing = try await rawCall(port: port, "/t/Echo", headers: [:], body: [1])
            #expect(missing.status == 415)
            let close = try await rawCall(
                port: port,
                "/t/Echo",
                headers: ["content-type": "application/grpcx"],
                body: []
            )
            #expect(close.status == 415)
            let get = try await rawCall(port: port, "/t/Echo", method: "GET", body: [])
            #expect(get.status == 405)
            #expect(get.headers["allow"] == "POST")
            let other = try await rawCall(port: port, "/none", headers: [:], body: [])
            #expect(other.status == 404)
        }
    }
}
