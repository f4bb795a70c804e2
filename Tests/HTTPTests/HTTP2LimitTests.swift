import Glibc
import Logging
import NIOCore
import Synchronization
import Testing

@testable import HTTP

/// What a misbehaving HTTP/2 peer gets, frame by frame over a real socket.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HTTP2LimitTests {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, stream: 0, [])
    /// `GET / http`, authority `x`.
    static let get: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, UInt8(ascii: "x")]

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
            + withUnsafeBytes(of: UInt32(stream).bigEndian, Array.init) + payload
    }

    /// A request that goes on.
    static let post = [0x83] + get.dropFirst()

    struct Flood: Sendable, CustomTestStringConvertible {
        let name: String
        /// After so many rounds the connection has to have been ended.
        let bound: Int
        /// What is sent in the round of that number.
        let round: @Sendable (Int) -> [UInt8]

        init(_ name: String, bound: Int = 2_500, _ round: @escaping @Sendable (Int) -> [UInt8]) {
            (self.name, self.bound, self.round) = (name, bound, round)
        }

        var testDescription: String { name }
    }

    static let floods = [
        Flood("PING") { _ in frame(6, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]) },
        Flood("SETTINGS") { _ in frame(4, stream: 0, []) },
        Flood("PRIORITY") { frame(2, stream: 2 * $0 + 1, [0, 0, 0, 0, 1]) },
        Flood("WINDOW_UPDATE") { _ in frame(8, stream: 0, [0, 0, 0, 1]) },
        Flood("empty DATA") { ($0 == 0 ? frame(1, flags: 4, stream: 1, post) : []) + frame(0, stream: 1, []) },
        Flood("rapid reset", bound: 1_200) {
            frame(1, flags: 5, stream: 2 * $0 + 1, get) + frame(3, stream: 2 * $0 + 1, [0, 0, 0, 8])
        },
        Flood("reset provoked by a window of 0", bound: 1_200) {
            frame(1, flags: 4, stream: 2 * $0 + 1, post) + frame(8, stream: 2 * $0 + 1, [0, 0, 0, 0])
        },
        Flood("reset provoked by DATA after the end", bound: 1_200) {
            frame(1, flags: 5, stream: 2 * $0 + 1, get) + frame(0, stream: 2 * $0 + 1, [1])
        },
        Flood("CONTINUATION", bound: 16) { frame($0 == 0 ? 1 : 9, stream: 1, $0 == 0 ? get : [0x40, 1, 97, 1, 98]) },
        Flood("streams above the limit") { frame(1, flags: 4, stream: 2 * $0 + 1, post) },
        // One field of 4,000 bytes is put into the dynamic table, and then named again and again by one byte.
        Flood("HPACK bomb", bound: 1_500) {
            let name: [UInt8] = [0x40, 1, 97, 0x7F, 0xA1, 0x1E]
            let field = $0 == 0 ? name + [UInt8](repeating: 98, count: 4_000) : []
            return frame(1, flags: 5, stream: 2 * $0 + 1, get + field + [UInt8](repeating: 0xBE, count: 4_000))
        },
    ]

    /// Resident memory of this process, in KiB.
    private var residentKilobytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [UInt8](repeating: 0, count: 256)
        let count = fread(&text, 1, text.count, file)
        let fields = String(decoding: text[..<count], as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) / 1024 : 0
    }

    @Test(arguments: floods) func floodEndsItsConnectionAndHarmsNoOther(flood: Flood) async throws {
        try await withServer(handler: echo) { port, _ in
            let memory = residentKilobytes
            let attacker = try await RawConnection.connect(port: port)
            let other = try await RawConnection.connect(port: port)
            try await attacker.send(Self.preface)
            for start in stride(from: 0, to: flood.bound, by: 100) {
                let burst = (start..<min(start + 100, flood.bound)).flatMap(flood.round)
                do {
                    try await attacker.send(burst)
                } catch {
                    break
                }
                try await other.send("GET /\(start) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await other.receive { $0.hasSuffix("GET /\(start) []") }.hasSuffix("GET /\(start) []"))
            }
            // Type, flags and stream; the length is that of what nghttp2 says to it.
            let goAway = String(decoding: [7, 0, 0, 0, 0, 0], as: UTF8.self)
            #expect(await attacker.receive().contains(goAway))
            #expect(residentKilobytes - memory < 32 * 1024)
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
                try await connection.send(Self.frame(1, flags: 4, stream: stream, Self.post))
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

    @Test func whoLeavesMuchUnreadGetsLessTime() async throws {
        var limits = HTTPLimits()
        limits.stallTimeout = .seconds(40)
        let (closed, continuation) = AsyncStream.makeStream(of: Int.self)
        try await withServer(limits: limits) { exchange in
            let size = exchange.request.headers["a"] == nil ? 2_000_000 : 1_000_000
            exchange.onClose = { _ in continuation.yield(size) }
            exchange.respond(ResponseHead(status: 200), body: ByteBuffer(repeating: 1, count: size))
        } _: { port, _ in
            let noWindow = Self.preface + Self.frame(4, stream: 0, [0, 4, 0, 0, 0, 0])
            let modest = try await RawConnection.connect(port: port)
            let small = Self.get + [0x40, 1, UInt8(ascii: "a"), 1, UInt8(ascii: "b")]
            try await modest.send(noWindow + Self.frame(1, flags: 5, stream: 1, small))
            _ = await modest.receive { $0.count > 40 }
            let greedy = try await RawConnection.connect(port: port)
            let requests = (0..<32).flatMap { Self.frame(1, flags: 5, stream: 2 * $0 + 1, Self.get) }
            try await greedy.send(noWindow + requests)
            var sizes = closed.makeAsyncIterator()
            // 64 MB are held: the time is a sixteenth of 40 s, and that of the other connection is all of it.
            for _ in 0..<32 { #expect(await sizes.next() == 2_000_000) }
        }
        continuation.finish()
    }

    @Test func bodyOverTheLimitIsAnsweredAndItsSenderStopped() async throws {
        try await withServer(handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            let stop = Self.frame(3, stream: 1, [0, 0, 0, 0])
            // `content-length: 100001`, by index 28 of the static table.
            let length: [UInt8] = [0x0F, 0x0D, 6] + Array("100001".utf8)
            try await connection.send(
                Self.preface + Self.frame(1, flags: 4, stream: 1, Self.post + length)
            )
            let text = String(decoding: stop, as: UTF8.self)
            #expect(await connection.receive { $0.contains(text) }.contains("413"))
        }
    }

    @Test func requestThatIsLeftStandingIsReset() async throws {
        var limits = HTTPLimits()
        limits.stallTimeout = .seconds(1)
        try await withServer(limits: limits, handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send(Self.preface + Self.frame(1, flags: 4, stream: 1, Self.post))
            let reset = String(decoding: Self.frame(3, stream: 1, [0, 0, 0, 8]), as: UTF8.self)
            #expect(await connection.receive { $0.contains(reset) }.contains(reset))
        }
    }

    @Test func headerListThatIsLeftOpenEndsTheConnection() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .seconds(1)
        try await withServer(limits: limits, handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send(Self.preface + Self.frame(1, stream: 1, Self.get))
            _ = await connection.receive()
        }
    }

    @Test func streamsThatAreNotReadShareOneBound() async throws {
        var limits = HTTPLimits()
        limits.maxConcurrentStreams = 2_000
        let (sizes, continuation) = AsyncStream.makeStream(of: Int.self)
        let piece = ByteBuffer(repeating: 1, count: 1_000)
        try await withServer(limits: limits) { exchange in
            exchange.start(ResponseHead(status: 200))
            var written = 0
            while exchange.isWritable {
                exchange.write(piece)
                written += piece.readableBytes
            }
            continuation.yield(written)
        } _: { port, _ in
            let connection = try await RawConnection.connect(port: port)
            let noWindow = Self.frame(4, stream: 0, [0, 4, 0, 0, 0, 0])
            let requests = (0..<2_000).flatMap { Self.frame(1, flags: 5, stream: 2 * $0 + 1, Self.get) }
            try await connection.send(Self.preface + noWindow + requests)
            var total = 0
            var iterator = sizes.makeAsyncIterator()
            for _ in 0..<2_000 { total += await iterator.next() ?? 0 }
            #expect(total < 48 * 1024 * 1024)
            #expect(total >= 2_000 * 16_000, "each stream has its share")
        }
    }

    /// A server is not a peer that has to be kept at bay, and its pings come for as long as the connection lasts.
    @Test func clientAnswersAnyNumberOfPings() throws {
        var limits = HTTPLimits()
        limits.floodBurst = 10
        let bench = try ConnectionBench.http2(.client, limits: limits)
        try bench.receive(Self.frame(4, stream: 0, []))
        for number in 0..<100 { try bench.receive(Self.frame(6, stream: 0, [UInt8(number), 0, 0, 0, 0, 0, 0, 0])) }
        #expect(bench.count(Self.frame(6, flags: 1, stream: 0, [99, 0, 0, 0, 0, 0, 0, 0])) == 1)
        #expect(bench.isOpen && bench.connection.isAvailable)
    }

    /// nghttp2 drops a header list above 64 KiB and says so to nobody but who asks.
    @Test(arguments: [true, false]) func headersThatCannotBeSentEndTheirStream(inHead: Bool) throws {
        var reasons: [CloseReason] = []
        let long: HTTPHeaders = ["a": String(repeating: "x", count: 100_000)]
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchange.onClose = { reasons.append($0) }
                exchange.start(ResponseHead(status: 200, headers: inHead ? long : HTTPHeaders()))
                exchange.write(ByteBuffer(string: "body"))
                exchange.finish(trailers: inHead ? HTTPHeaders() : long)
            }
        )
        try bench.receive(Self.preface + Self.frame(1, flags: 5, stream: 1, Self.get))
        #expect(bench.count(Self.frame(3, stream: 1, [0, 0, 0, 2])) == 1)
        #expect(reasons == [.reset(2)])
        // The connection goes on, and so does what compresses its headers.
        try bench.receive(Self.frame(1, flags: 5, stream: 3, Self.get))
        #expect(bench.count(Self.frame(3, stream: 3, [0, 0, 0, 2])) == 1)
    }

    @Test func headThatAResetOvertakesIsMissedByNobody() throws {
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchange.respond(ResponseHead(status: 200))
                exchange.reset()
            }
        )
        try bench.receive(Self.preface + Self.frame(1, flags: 5, stream: 1, Self.get))
        #expect(bench.count(Self.frame(3, stream: 1, [0, 0, 0, 8])) == 1)
        #expect(bench.count(Self.frame(3, stream: 1, [0, 0, 0, 2])) == 0)
    }

    @Test func requestsThatAreNotCompleteShareOneBound() throws {
        let budget = BodyBudget(limit: 1_000)
        let bench = try ConnectionBench.http2(.server(echo), bodies: budget)
        let part = [UInt8](repeating: UInt8(ascii: "a"), count: 600)
        func begin(_ stream: Int) throws {
            try bench.receive(Self.frame(1, flags: 4, stream: stream, Self.post))
            try bench.receive(Self.frame(0, stream: stream, part))
        }
        try bench.receive(Self.preface)
        try begin(1)
        #expect(budget.held == 600 && !bench.text.contains("503"))
        try begin(3)
        #expect(budget.held == 600 && bench.text.contains("503"))
        #expect(bench.count(Self.frame(3, stream: 3, [0, 0, 0, 0])) == 1)
        try bench.receive(Self.frame(0, flags: 1, stream: 1, []))
        #expect(budget.held == 0 && bench.text.contains("[aaa"))
        try begin(5)
        #expect(budget.held == 600)
        try bench.receive(Self.frame(3, stream: 5, [0, 0, 0, 8]))
        #expect(budget.held == 0)
    }

    @Test func refusalsAreCountedAndTheFirstIsLogged() {
        let recorder = Recorder()
        let logger = Logger(label: "test", factory: { _ in recorder })
        var log = RefusalLog(counters: RefusalCounters(factory: recorder), logger: logger, peer: nil)
        for refusal in [Refusal.headerSize, .headerSize, .flood] { log.note(refusal) }
        #expect(recorder.counts.withLock { $0 } == ["header_size": 2, "flood": 1])
        #expect(recorder.lines.withLock { $0 } == ["refused header_size"])
    }
}
