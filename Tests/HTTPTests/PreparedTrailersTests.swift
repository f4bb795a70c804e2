import NIOCore
import Testing

@testable import HTTP

/// Trailers that are laid out once: they go behind the last DATA frame as they are, unless HPACK's table has to be spoken of.
@Suite struct PreparedTrailersTests {
    private static let trailers = PreparedTrailers(["t": "1"])
    private static let long = PreparedTrailers(["t": String(repeating: "1", count: 300)])
    /// A literal that is not to be indexed (RFC 7541 section 6.2.2).
    private static let block: [UInt8] = [0, 1, UInt8(ascii: "t"), 1, UInt8(ascii: "1")]

    /// A connection on which a request has come, and its exchange.
    private func request() throws -> (ConnectionBench<HTTP2Connection>, Exchange) {
        var exchange: Exchange?
        let bench = try ConnectionBench.http2(.server { exchange = $0 })
        try bench.receive(HTTP2LimitTests.preface)
        try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: 1, HTTP2LimitTests.get))
        return (bench, try #require(exchange))
    }

    /// The type, flags and payload of what was sent on the stream behind the head.
    private func sent(_ bench: ConnectionBench<HTTP2Connection>) throws -> [[UInt8]] {
        try bench.run()
        let frames = SentFrame.all(in: bench.sent).filter { $0.stream == 1 }
        #expect(frames.first?.type == 1)
        return frames.dropFirst().map { [$0.type, $0.flags] + $0.payload }
    }

    @Test func behindData() throws {
        let (bench, exchange) = try request()
        exchange.start(ResponseHead(status: 200))
        exchange.write(ByteBuffer(bytes: [7, 8]))
        exchange.finish(Self.trailers)
        #expect(try sent(bench) == [[0, 0, 7, 8], [1, 5] + Self.block])
        #expect(bench.connection.isIdle)
    }

    @Test func behindDataThatIsPulled() throws {
        let (bench, exchange) = try request()
        exchange.start(ResponseHead(status: 200))
        exchange.pull { [unowned exchange] room in
            room[0] = 7
            exchange.finish(Self.trailers)
            return 1
        }
        #expect(try sent(bench) == [[0, 0, 7], [1, 5] + Self.block])
    }

    @Test func behindNoData() throws {
        let (bench, exchange) = try request()
        exchange.start(ResponseHead(status: 200))
        exchange.write(ByteBuffer(bytes: [7]))
        #expect(try sent(bench) == [[0, 0, 7]])
        exchange.finish(Self.trailers)
        #expect(try sent(bench) == [[0, 0, 7], [1, 5] + Self.block])
    }

    /// What does not fit behind a whole frame of DATA is a frame of nghttp2's.
    @Test func longOnes() throws {
        let (bench, exchange) = try request()
        exchange.start(ResponseHead(status: 200))
        exchange.write(ByteBuffer(repeating: 7, count: 16_384))
        exchange.finish(Self.long)
        let frames = try sent(bench)
        #expect(
            frames.map { Array($0.prefix(3)) } == [[0, 0, 7], [1, 5, 0x40]],
            "put into the table, as nghttp2 does it"
        )
        #expect(frames[0].count == 2 + 16_384)
    }

    @Test func longestThatHaveRoom() {
        let (header, size) = (HTTP2Frame.headerLength, WriteSize.usual)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size + SendScratch.frameRoom, alignment: 1)
        defer { memory.deallocate() }
        var frames = OutboundFrames(in: memory, size: size)
        let bytes = [UInt8](repeating: 1, count: size)
        let block = [UInt8](repeating: 2, count: SendScratch.trailerRoom)
        // The last frame begins right below the size, and is as long as one can be.
        let areAdded = [frames.append(bytes, length: size - 1), frames.append(bytes, length: header + 16 * 1024)]
        #expect(areAdded == [true, true])
        block.withUnsafeBytes { frames.end(with: $0) }
        #expect(frames.count == memory.count - 1)
        #expect(frames.bytes.suffix(block.count + 1).elementsEqual([1] + block))
    }

    /// The first header block behind a smaller table says so (RFC 7541 section 4.2).
    @Test func behindANewSizeOfTheTable() throws {
        let (bench, exchange) = try request()
        exchange.start(ResponseHead(status: 200))
        exchange.write(ByteBuffer(bytes: [7]))
        _ = try sent(bench)
        try bench.receive(HTTP2LimitTests.frame(4, stream: 0, [0, 1, 0, 0, 0, 0]))
        exchange.finish(Self.trailers)
        let last = try #require(try sent(bench).last)
        #expect(last.starts(with: [1, 5, 0x20]))
    }

    /// A request that goes on is reset with NO_ERROR when it is answered (RFC 9113 section 8.1).
    @Test func beforeTheRequestHasEnded() throws {
        var exchange: Exchange?
        let bench = try ConnectionBench.http2(.server { exchange = $0 })
        try bench.receive(HTTP2LimitTests.preface)
        try bench.receive(HTTP2LimitTests.frame(1, flags: 4, stream: 1, HTTP2LimitTests.post))
        try #require(exchange).start(ResponseHead(status: 200))
        try #require(exchange).finish(Self.trailers)
        #expect(try sent(bench) == [[1, 5] + Self.block, [3, 0, 0, 0, 0, 0]])
    }

    @Test func literalsOfAnyLength() {
        for (count, length) in [(0, [0]), (126, [126]), (127, [127, 0]), (254, [127, 127]), (255, [127, 128, 1])] {
            let value = [UInt8](repeating: UInt8(ascii: "1"), count: count)
            let trailers = PreparedTrailers(["t": String(decoding: value, as: UTF8.self)])
            #expect(Array(trailers.fields.block) == [0, 1, UInt8(ascii: "t")] + length.map(UInt8.init) + value)
        }
        let secret = PreparedTrailers(["authorization": "1"])
        #expect(secret.fields.block.first == 0x10, "never to be indexed (RFC 7541 section 6.2.3)")
    }
}
