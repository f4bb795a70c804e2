import HTTP
import NIOCore
import Testing

@testable import RPC

/// Compression of single messages, in both directions.
@Suite struct CompressionTests {
    private let text = ByteBuffer(string: String(repeating: "the same again and again, ", count: 4_000))
    private let noise = ByteBuffer(bytes: (0..<5_000).map { _ in UInt8.random(in: 0...255) })

    private func body(_ message: ByteBuffer, flag: UInt8 = 1) -> [UInt8] {
        [flag] + withUnsafeBytes(of: UInt32(message.readableBytes).bigEndian, Array.init) + Array(buffer: message)
    }

    @Test(arguments: Compression.allCases)
    func inflatesWhatItCompressed(compression: Compression) throws {
        let compressed = try #require(compression.compress(text))
        #expect(compressed.readableBytes < 2_000)
        #expect(try compression.decompress(compressed, limit: text.readableBytes) == text)
        #expect(compression.compress(noise) == nil)
        #expect(compression.compress(ByteBuffer()) == nil)
    }

    @Test(arguments: Compression.allCases)
    func refusesWhatIsNotInTheFormat(compression: Compression) throws {
        let compressed = try #require(compression.compress(text))
        let bytes = Array(buffer: compressed)
        for broken in [[], [1, 2, 3], bytes.dropLast(), bytes + [0], bytes + bytes] as [[UInt8]] {
            let failure = #expect(throws: Status.self) {
                try compression.decompress(ByteBuffer(bytes: broken), limit: 1_000_000)
            }
            #expect(failure?.code == .internal)
        }
    }

    @Test(arguments: Compression.allCases)
    func stopsInflatingAtTheLimit(compression: Compression) throws {
        let bomb = try #require(compression.compress(ByteBuffer(repeating: 0, count: 64 * 1024 * 1024)))
        let failure = #expect(throws: Status.self) { try compression.decompress(bomb, limit: 100_000) }
        #expect(failure?.code == .resourceExhausted)
        let exact = try #require(compression.compress(ByteBuffer(repeating: 0, count: 100_001)))
        #expect(throws: Status.self) { try compression.decompress(exact, limit: 100_000) }
        #expect(try compression.decompress(exact, limit: 100_001).readableBytes == 100_001)
    }

    /// However the bytes are cut, the same messages come out.
    @Test func deframesByteByByte() throws {
        let compressed = try #require(Compression.gzip.compress(text))
        let bytes = body(ByteBuffer(string: "plain"), flag: 0) + body(compressed) + body(ByteBuffer(), flag: 0)
        var deframer = MessageDeframer(limit: 1_000_000, compression: .gzip)
        var messages: [ByteBuffer] = []
        for byte in bytes {
            deframer.append(ByteBuffer(integer: byte))
            while let message = try deframer.next() { messages.append(message.bytes) }
        }
        #expect(messages == [ByteBuffer(string: "plain"), text, ByteBuffer()])
        #expect(deframer.count == 0)
    }

    /// No piece ends with a message, so that there is always something left over.
    @Test func keepsNoMoreThanIsNotTaken() throws {
        let message = framed(16 * 1024 - Framing.prefixLength)
        var deframer = MessageDeframer(limit: 1_000_000)
        deframer.append(ByteBuffer(bytes: message + message.prefix(1)))
        let piece = ByteBuffer(bytes: message.dropFirst() + message.prefix(1))
        var (taken, largest) = (0, 0)
        for _ in 0..<4_096 {
            while try deframer.next() != nil { taken += 1 }
            deframer.append(piece)
            largest = max(largest, deframer.capacity)
        }
        #expect(taken == 4_096 && deframer.count == message.count + 1)
        #expect(largest < 1024 * 1024)
    }

    /// What comes behind a broken message in the same read is not to be had any more.
    @Test func readerGetsWhatPrecedesABrokenMessageAndNothingAfterIt() async throws {
        let inbox = MessageInbox(limit: 1_000, compression: .gzip)
        var failures: [Status] = []
        inbox.onFailure = { failures.append($0) }
        inbox.receive(ByteBuffer(bytes: framed(1) + framed(3, flag: 1) + framed(2)))
        let first = try await withCheckedThrowingContinuation { inbox.next($0) }
        #expect(first.map(\.bytes.readableBytes) == [1])
        for _ in 0..<2 {
            let failure = await #expect(throws: Status.self) {
                try await withCheckedThrowingContinuation { inbox.next($0) }
            }
            #expect(failure?.code == .internal)
        }
        #expect(failures.count == 1)
    }

    @Test(arguments: Compression.allCases)
    func callsCarryCompressedMessages(compression: Compression) async throws {
        try await withServer {
            $0.unaryWithMetadata("/t/Echo") { message, context in
                #expect(context.requestWasCompressed)
                return Reply(message, isCompressed: true)
            }
            $0.serverStreaming("/t/Stream") { message, _, stream in
                stream.start(allowsCompression: true)
                stream.send(message, isCompressed: true)
                stream.send(message)
                stream.finish(.ok)
            }
        } _: { port, _ in
            let channel = testChannel(port: port, compression: compression)
            #expect(try await channel.unary("/t/Echo", text) == text)
            var messages: [ByteBuffer] = []
            for try await message in try await channel.serverStreaming("/t/Stream", text) { messages.append(message) }
            #expect(messages == [text, text])
            await channel.close()
        }
    }

    @Test func replyIsCompressedOnlyAsTheCallerAccepts() async throws {
        try await withServer {
            $0.unaryWithMetadata("/t/Echo") { message, _ in Reply(message, isCompressed: true) }
        } _: { port, _ in
            for (accepted, used) in [
                ("gzip", "gzip"), ("identity, deflate", "deflate"), ("br,deflate,gzip", "deflate"), ("identity", nil),
            ] {
                let headers: HTTPHeaders = ["content-type": "application/grpc", "grpc-accept-encoding": accepted]
                let response = try await rawCall(port: port, "/t/Echo", headers: headers, body: body(text, flag: 0))
                #expect(response.headers["grpc-encoding"] == used)
                #expect(response.body.getInteger(at: 0, as: UInt8.self) == (used == nil ? 0 : 1))
                #expect(response.code == "0")
            }
        }
    }

    @Test func whatCannotBeInflatedIsRefused() async throws {
        let compressed = try #require(Compression.gzip.compress(text))
        try await withServer(maxMessageBytes: 50_000) {
            $0.local("/t/Echo") { message, _ in ByteBuffer(copying: message) }
        } _: { port, _ in
            func code(_ encoding: String?, _ body: [UInt8]) async throws -> RawResponse {
                var headers: HTTPHeaders = ["content-type": "application/grpc", "te": "trailers"]
                if let encoding { headers.add("grpc-encoding", encoding) }
                return try await rawCall(port: port, "/t/Echo", headers: headers, body: body)
            }
            #expect(try await code("gzip", body(compressed)).code == "8")
            #expect(try await code(nil, body(compressed)).code == "13")
            #expect(try await code("identity", body(compressed)).code == "13")
            #expect(try await code("deflate", body(compressed)).code == "13")
            let unknown = try await code("snappy", body(compressed))
            #expect(unknown.code == "12")
            #expect(unknown.headers["grpc-accept-encoding"] == "identity,deflate,gzip")
        }
    }
}
