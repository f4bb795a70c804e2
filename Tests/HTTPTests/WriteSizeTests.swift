import NIOCore
import Testing

@testable import HTTP

/// How much a connection writes at once.
@Suite struct WriteSizeTests {
    private static let frameRoom = 16 * 1024 + 256
    /// SETTINGS_INITIAL_WINDOW_SIZE and a WINDOW_UPDATE, so that there is no end to what may be sent.
    private static let endless =
        HTTP2LimitTests.frame(4, stream: 0, [0, 4, 0x7F, 0xFF, 0xFF, 0xFF])
        + HTTP2LimitTests.frame(8, stream: 0, [0x7F, 0xFF, 0, 0])

    private func bench(body: Int) throws -> ConnectionBench<HTTP2Connection> {
        let bench = try ConnectionBench.http2(
            .server { $0.respond(ResponseHead(status: 200), body: ByteBuffer(repeating: 7, count: body)) }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.endless)
        return bench
    }

    private func get(_ stream: Int) -> [UInt8] {
        HTTP2LimitTests.frame(1, flags: 5, stream: stream, HTTP2LimitTests.get)
    }

    @Test func growsWhileThePeerTakesIt() throws {
        let bench = try bench(body: 6_000_000)
        let before = bench.writes.count
        try bench.receive(get(1))
        let writes = bench.writes[before...]
        #expect(writes.first.map { $0 < 65_536 } == true)
        #expect(zip(writes, writes.dropFirst()).prefix(2).allSatisfy { $1 > $0 })
        #expect(writes.max().map { $0 >= WriteSize.largest } == true)
        #expect(writes.allSatisfy { $0 <= WriteSize.largest + Self.frameRoom })
        let body = SentFrame.data(in: bench.sent)
        #expect(body.count == 6_000_000 && body.allSatisfy { $0 == 7 })
    }

    @Test func isTheUsualAgainWhenThePeerTakesItsTime() {
        var size = WriteSize()
        var now = NIODeadline.uptimeNanoseconds(1)
        func write(_ count: Int, takenIn time: TimeAmount = .zero) {
            size.wrote(count, wasTaken: time == .zero, at: now)
            now = now + time
            size.becameWritable(at: now)
        }
        for _ in 0..<2 { write(size.bytes) }
        #expect(size.bytes == 4 * WriteSize.usual)
        write(size.bytes / 2)
        #expect(size.bytes == 4 * WriteSize.usual, "half as much is still much")
        write(100)
        #expect(size.bytes == 2 * WriteSize.usual)
        for _ in 0..<9 { write(size.bytes, takenIn: WriteSize.patience) }
        #expect(size.bytes == WriteSize.largest, "it is a quick peer that empties the socket between two writes")
        write(size.bytes, takenIn: WriteSize.patience + .nanoseconds(1))
        #expect(size.bytes == WriteSize.usual)
        write(100)
        #expect(size.bytes == WriteSize.usual)
        size.wrote(size.bytes, wasTaken: false, at: now)
        #expect(size.bytes == WriteSize.usual, "nothing is known of a write that is held")
    }

    @Test func growsThoughEachWriteFillsTheSocket() throws {
        let bench = try bench(body: 6_000_000)
        try bench.emptySocket()
        let before = bench.writes.count
        try bench.receive(get(1))
        #expect(bench.writes.count == before + 1, "nothing leaves before there is room")
        for _ in 0..<10 { try bench.emptySocket() }
        #expect(bench.writes.max().map { $0 >= WriteSize.largest } == true)
    }

    @Test func isTheUsualForWhatIsShort() throws {
        let bench = try bench(body: 2_000_000)
        try bench.receive(get(1))
        let large = bench.writes.count
        for stream in stride(from: 3, to: 41, by: 2) {
            try bench.receive(HTTP2LimitTests.frame(6, stream: 0, [0, 0, 0, 0, 0, 0, 0, UInt8(stream)]))
        }
        #expect(bench.writes[large...].allSatisfy { $0 < 100 })
        let before = bench.writes.count
        try bench.receive(get(41))
        #expect(bench.writes[before] < 65_536, "so little came for so long that the size has gone down")
    }
}
