import Glibc
import HTTP
import NIOCore
import RPC
import Testing

/// What a caller costs who does not read its reply.
@Suite(.serialized, .timeLimit(.minutes(1))) struct UnreadReplyTests {
    /// Resident memory of this process in bytes.
    private var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var (size, resident) = (0, 0)
        return withUnsafeMutablePointer(to: &size) { size in
            withUnsafeMutablePointer(to: &resident) { resident in
                withVaList([size, resident]) { vfscanf(file, "%ld %ld", $0) }
            }
        } == 2 ? resident * Int(getpagesize()) : 0
    }

    @Test func largeReplyIsSharedAndEndedByTheDeadline() async throws {
        let reply = ByteBuffer(repeating: 7, count: 4_000_000)
        let (calls, begun) = (64, Counter())
        try await withServer {
            $0.unary("/t/Large") { _, _ in
                begun.increment()
                return reply
            }
        } _: { port, _ in
            let before = residentBytes
            let timeout = ("grpc-timeout", "3S")
            try await withThrowingTaskGroup(of: RawResponse.self) { group in
                for _ in 0..<calls {
                    group.addTask {
                        var headers: HTTPHeaders = ["content-type": "application/grpc", "te": "trailers"]
                        headers.add(timeout.0, timeout.1)
                        return try await rawCall(
                            port: port,
                            "/t/Large",
                            headers: headers,
                            body: framed(0),
                            reads: false
                        )
                    }
                }
                while begun.value < calls { await Task.yield() }
                #expect((residentBytes - before) / calls < 1_000_000, "held for each call")
                for try await response in group {
                    #expect(response.reason != .completed && response.body.readableBytes <= 65_535)
                }
            }
        }
    }
}
