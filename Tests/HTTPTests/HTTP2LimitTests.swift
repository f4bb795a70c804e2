import HTTP
import NIOCore
import Synchronization
import Testing

/// What a misbehaving HTTP/2 peer gets, frame by frame over a real socket.
@Suite(.timeLimit(.minutes(1))) struct HTTP2LimitTests {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, stream: 0, [])
    /// `GET / http`, authority `x`.
    static let get: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, UInt8(ascii: "x")]

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
            + withUnsafeBytes(of: UInt32(stream).bigEndian, Array.init) + payload
    }

    /// One round of each flood; the number is that of the round.
    static let floods: [(name: String, round: @Sendable (Int) -> [UInt8])] = [
        ("PING", { _ in frame(6, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]) }),
        ("SETTINGS", { _ in frame(4, stream: 0, []) }),
        ("PRIORITY", { frame(2, stream: 2 * $0 + 1, [0, 0, 0, 0, 1]) }),
        ("WINDOW_UPDATE", { _ in frame(8, stream: 0, [0, 0, 0, 1]) }),
        (
            "empty DATA",
            { ($0 == 0 ? frame(1, flags: 4, stream: 1, [0x83] + get.dropFirst()) : []) + frame(0, stream: 1, []) }
        ),
        (
            "rapid reset",
            { frame(1, flags: 5, stream: 2 * $0 + 1, get) + frame(3, stream: 2 * $0 + 1, [0, 0, 0, 8]) }
        ),
        (
            "provoked reset",
            { frame(1, flags: 5, stream: 2 * $0 + 1, get) + frame(8, stream: 2 * $0 + 1, [0, 0, 0, 0]) }
        ),
        ("CONTINUATION", { frame($0 == 0 ? 1 : 9, stream: 1, $0 == 0 ? get : [0x40, 1, 97, 1, 98]) }),
        ("streams above the limit", { frame(1, flags: 4, stream: 2 * $0 + 1, [0x83] + get.dropFirst()) }),
    ]

    @Test(arguments: floods.indices)
    func floodEndsTheConnectionAndNoOther(index: Int) async throws {
        try await withServer(handler: echo) { port, _ in
            let attacker = try await RawConnection.connect(port: port)
            try await attacker.send(Self.preface)
            var isOpen = true
            for start in stride(from: 0, to: 20_000, by: 500) where isOpen {
                let burst = (start..<start + 500).flatMap(Self.floods[index].round)
                do {
                    try await attacker.send(burst)
                } catch {
                    isOpen = false
                }
            }
            _ = await attacker.receive()
            let other = try await RawConnection.connect(port: port)
            try await other.send("GET /o HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(await other.receive().hasSuffix("GET /o []"))
        }
    }

    /// Sends one request with such headers and returns the response's status, or nil when the stream was reset.
    private func status(_ headers: HTTPHeaders, limits: HTTPLimits = HTTPLimits()) async throws -> Int? {
        nonisolated(unsafe) var status: Int?
        try await withServer(limits: limits, handler: echo) { port, _ in
            let loop = HTTPServerLoop.any
            let client = try await HTTP2Client.connect(host: "127.0.0.1", port: port, on: loop).get()
            let answer: EventLoopFuture<Int?> = loop.flatSubmit {
                let promise = loop.makePromise(of: Int?.self)
                var status: Int?
                let head = RequestHead(method: "GET", path: "/", authority: "x", headers: headers)
                let exchange = client.value.send(head, endsStream: true) { exchange in
                    exchange.onHead = { status = $0.status }
                    exchange.onClose = { _ in promise.succeed(status) }
                }
                if exchange == nil { promise.fail(ChannelError.ioOnClosedChannel) }
                return promise.futureResult
            }
            status = try await answer.get()
            loop.execute { client.value.close() }
        }
        return status
    }

    @Test func headerListIsBoundedInBytesAndInNumber() async throws {
        #expect(try await status(["a": String(repeating: "x", count: 12_000)]) == 200)
        #expect(try await status(["a": String(repeating: "x", count: 17_000)]) == nil)
        var many = HTTPHeaders()
        for number in 0..<101 { many.add("a\(number)", "b") }
        #expect(try await status(many) == nil)
    }

    @Test func streamAboveTheLimitIsRefusedAndTheConnectionLivesOn() async throws {
        var limits = HTTPLimits()
        limits.maxConcurrentStreams = 2
        let refusal = Self.frame(3, stream: 5, [0, 0, 0, 7])
        try await withServer(limits: limits, handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            // The acknowledgement makes the limit binding.
            try await connection.send(Self.preface + Self.frame(4, flags: 1, stream: 0, []))
            for stream in [1, 3, 5] {
                try await connection.send(Self.frame(1, flags: 4, stream: stream, [0x83] + Self.get.dropFirst()))
            }
            let text = String(decoding: refusal, as: UTF8.self)
            _ = await connection.receive { $0.contains(text) }
            try await connection.send(Self.frame(0, flags: 1, stream: 1, Array("late".utf8)))
            #expect(await connection.receive { $0.contains("[late]") }.contains("POST / [late]"))
        }
    }

    @Test func responseThatIsNotReadIsHeldBackAndThenReset() async throws {
        var limits = HTTPLimits()
        limits.stallTimeout = .seconds(1)
        let (events, continuation) = AsyncStream.makeStream(of: (CloseReason, Int).self)
        let piece = ByteBuffer(repeating: 1, count: 1_000)
        try await withServer(limits: limits) { exchange in
            nonisolated(unsafe) var written = 0
            exchange.onClose = { continuation.yield(($0, written)) }
            exchange.start(ResponseHead(status: 200))
            while exchange.isWritable {
                exchange.write(piece)
                written += piece.readableBytes
            }
        } _: { port, _ in
            let connection = try await RawConnection.connect(port: port)
            let noWindow = Self.frame(4, stream: 0, [0, 4, 0, 0, 0, 0])
            try await connection.send(Self.preface + noWindow + Self.frame(1, flags: 5, stream: 1, Self.get))
            var iterator = events.makeAsyncIterator()
            let event = await iterator.next()
            #expect(event?.0 == .reset(8))
            #expect(event.map { $0.1 <= 66_000 } == true)
        }
    }

    @Test func bodyOverTheLimitIsAnsweredAndItsSenderStopped() async throws {
        try await withServer(handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            let stop = Self.frame(3, stream: 1, [0, 0, 0, 0])
            // `content-length: 100001`, by index 28 of the static table.
            let length: [UInt8] = [0x0F, 0x0D, 6] + Array("100001".utf8)
            try await connection.send(
                Self.preface + Self.frame(1, flags: 4, stream: 1, [0x83] + Self.get.dropFirst() + length)
            )
            let text = String(decoding: stop, as: UTF8.self)
            #expect(await connection.receive { $0.contains(text) }.contains("413"))
        }
    }
}
