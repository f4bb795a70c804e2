import Foundation
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTP

/// Input that is almost right: nothing may trap, what is sent stays well-formed, and every exchange that began is closed
/// exactly once.
///
/// The inputs are the same with every run, 4,000 for each version. `BAUD_FUZZ_SECONDS=300 swift test --filter FuzzTests`
/// goes on from there for that long in each part; a failure names its seed.
@Suite struct FuzzTests {
    /// When a longer run ends; nil in an ordinary one.
    private static let end = ProcessInfo.processInfo.environment["BAUD_FUZZ_SECONDS"].flatMap(Int.init).map {
        ContinuousClock.now + .seconds($0)
    }

    /// The seeds of one of 8 parts: its own five hundred, then, in a longer run, every eighth beyond them all.
    private func seeds(of part: Int) -> some Sequence<Int> {
        let usual = part * 500..<(part + 1) * 500
        return sequence(first: usual.lowerBound) { seed in
            if seed + 1 < usual.upperBound { return seed + 1 }
            guard let end = Self.end, ContinuousClock.now < end else { return nil }
            return seed < 4_000 ? 4_000 + part : seed + 8
        }
    }

    /// The exchanges that one input opened.
    private final class Ledger {
        var opened = 0
        var closed: [Int: Int] = [:]

        /// Does with the request what its path says, or what a careless handler might.
        func serve(_ exchange: Exchange) {
            let number = opened
            opened += 1
            exchange.onClose = { [self] _ in closed[number, default: 0] += 1 }
            switch number % 6 {
            case 0: echo(exchange)
            case 1:
                exchange.readBody(
                    onData: { [unowned exchange] in exchange.consume($0.readableBytes) },
                    onEnd: { [unowned exchange] _ in exchange.respond(ResponseHead(status: 204)) }
                )
            case 2:
                exchange.start(ResponseHead(status: 200, headers: ["a\r\nb": "c\0d"]))
                exchange.write(ByteBuffer(repeating: 1, count: 70_000))
                exchange.finish(trailers: ["grpc-status": "0"])
                exchange.write(ByteBuffer(string: "too late"))
            case 3: exchange.reset()
            case 4:
                exchange.start(ResponseHead(status: 200))
                exchange.pull { [unowned exchange, self] room in
                    if opened % 3 == 0 { exchange.reset() }
                    if opened % 3 == 1 { exchange.finish() }
                    return opened % 7 == 0 ? 0 : room.count / 2
                }
            case _: exchange.respond(ResponseHead(status: 200), body: ByteBuffer(string: "early"))
            }
        }
    }

    private let refusals = RefusalLog(
        counters: RefusalCounters(factory: Recorder()),
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        peer: nil
    )

    private let budget = BodyBudget(limit: 1_000)

    /// Feeds the bytes in pieces, ends the connection and returns what it sent.
    private func run(
        _ bytes: [UInt8],
        _ random: inout Random,
        install: (ChannelPipeline.SynchronousOperations) throws -> (any ServerConnection)
    ) throws -> [UInt8] {
        let channel = EmbeddedChannel()
        channel.allowOptionsWhenClosed = true
        let connection = try install(channel.pipeline.syncOperations)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        var rest = bytes[...]
        while !rest.isEmpty, channel.isActive {
            let piece = rest.prefix(1 + random.below(random.happens(oneIn: 3) ? 16 : 4_096))
            rest = rest.dropFirst(piece.count)
            channel.pipeline.fireChannelRead(ByteBuffer(bytes: piece))
            if random.happens(oneIn: 2) { channel.pipeline.fireChannelReadComplete() }
            if random.happens(oneIn: 10) { connection.sweep(now: .now() + .seconds(Int64(random.below(100)))) }
            if random.happens(oneIn: 100) { connection.drain() }
            channel.embeddedEventLoop.run()
        }
        channel.pipeline.fireChannelReadComplete()
        channel.embeddedEventLoop.run()
        var sent: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { sent += buffer.readableBytesView }
        connection.close()
        channel.embeddedEventLoop.run()
        return sent
    }

    private func check(_ ledger: Ledger, seed: Int) {
        #expect(budget.held == 0, "seed \(seed)")
        #expect(ledger.closed.count == ledger.opened, "seed \(seed)")
        #expect(ledger.closed.values.allSatisfy { $0 == 1 }, "seed \(seed)")
    }

    // MARK: HTTP/2

    /// `GET /` or `POST /` with fields that are valid, and now and then with some that are not.
    private func header(_ random: inout Random) -> [UInt8] {
        let valid: [[UInt8]] = [
            [0x40, 1, 97, 1, 98], [0x0F, 0x0D, 1, 0x35], [0x00, 1, 99, 0x81, 0x1F], [0x10, 1, 100, 0],
        ]
        let invalid: [[UInt8]] = [
            [0x40, 1, 65, 1, 98], [0xBE], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x3F, 0xE1, 0xFF, 3],
            [0, 1, 97, 0x83, 255, 255, 255],
            [0x82], [0x0F, 0x0D, 1, 0x2D], [0x00, 0, 0], [0x00, 1, 97, 1, 0],
        ]
        // The authority is put into the table, or not: then the block means the same when it comes again.
        let authority: [UInt8] = random.happens(oneIn: 3) ? [0x41, 1, 120] : [0x01, 1, 120]
        var block: [UInt8] = (random.happens(oneIn: 2) ? [0x82] : [0x83]) + [0x86, 0x84] + authority
        for _ in 0..<(random.happens(oneIn: 3) ? random.below(4) : 0) { block += valid[random.below(valid.count)] }
        if random.happens(oneIn: 12) { block += invalid[random.below(invalid.count)] }
        return random.happens(oneIn: 40) ? random.bytes(random.below(40)) : block
    }

    /// The streams of one input, as its client sees them.
    private struct Streams {
        var next = 1
        /// Those whose requests go on.
        var open: [Int] = []

        mutating func begin(endsStream: Bool) -> Int {
            defer { next += 2 }
            if !endsStream { open.append(next) }
            return next
        }
    }

    /// A frame or two; most are what a client may send.
    private func frames(_ random: inout Random, _ streams: inout Streams) -> [UInt8] {
        var frames = validFrames(random.below(streams.open.isEmpty ? 7 : 14), &random, &streams)
        switch random.below(60) {
        case 0: frames[random.below(frames.count)] ^= 1 << UInt8(random.below(8))
        case 1: frames += HTTP2LimitTests.frame(9, flags: 4, stream: streams.next, [0x10, 1, 100, 0])
        case 2: frames += HTTP2LimitTests.frame(UInt8(random.below(12)), stream: random.below(9), random.bytes(8))
        case _: break
        }
        return frames
    }

    private func validFrames(_ kind: Int, _ random: inout Random, _ streams: inout Streams) -> [UInt8] {
        let open = streams.open.isEmpty ? 0 : streams.open[random.below(streams.open.count)]
        func end() { streams.open.removeAll { $0 == open } }
        switch kind {
        case 0..<3:
            let flags: UInt8 = random.happens(oneIn: 2) ? 5 : 4
            return HTTP2LimitTests.frame(
                1,
                flags: flags,
                stream: streams.begin(endsStream: flags == 5),
                header(&random)
            )
        case 3:
            let stream = streams.begin(endsStream: false)
            return HTTP2LimitTests.frame(1, stream: stream, header(&random))
                + HTTP2LimitTests.frame(9, flags: 4, stream: stream, [0x10, 1, 100, 0])
        case 4: return HTTP2LimitTests.frame(6, flags: UInt8(random.below(2)), stream: 0, random.bytes(8))
        case 5: return HTTP2LimitTests.frame(4, stream: 0, [0, 4, 0, 0] + random.bytes(2))
        case 6: return HTTP2LimitTests.frame(8, stream: 0, [0, 0, 1] + random.bytes(1))
        case 7..<10: return HTTP2LimitTests.frame(0, stream: open, random.bytes(random.below(200)))
        case 10:
            end()
            return HTTP2LimitTests.frame(0, flags: 1, stream: open, random.bytes(random.below(200)))
        case 11:
            end()
            return HTTP2LimitTests.frame(1, flags: 5, stream: open, [0x10, 1, 100, 0])
        case 12:
            end()
            return HTTP2LimitTests.frame(3, stream: open, random.bytes(4))
        case _: return HTTP2LimitTests.frame(8, stream: open, [0, 0, 1] + random.bytes(1))
        }
    }

    @Test(arguments: 0..<8) func framesAndHeaderLists(part: Int) throws {
        var opened = 0
        for seed in seeds(of: part) {
            var random = Random(state: UInt64(seed))
            var bytes = HTTP2LimitTests.preface
            var streams = Streams()
            for _ in 0..<(1 + random.below(40)) { bytes += frames(&random, &streams) }
            let ledger = Ledger()
            let sent = try run(bytes, &random) { pipeline in
                let connection = HTTP2Connection(
                    role: .server(ledger.serve),
                    limits: HTTPLimits(),
                    sendScratch: SendScratch(),
                    readScratch: ReadScratch(),
                    memory: SessionMemory(),
                    bodies: budget,
                    refusals: refusals
                )
                try pipeline.addHandler(connection)
                return connection
            }
            check(ledger, seed: seed)
            opened += ledger.opened
            #expect(isWholeFrames(sent), "seed \(seed)")
        }
        #expect(opened > 500, "most inputs get as far as a request")
    }

    /// Whether the bytes are frames of known types (RFC 9113 section 6), none longer than allowed, the last one whole.
    private func isWholeFrames(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            guard offset + 9 <= bytes.count, bytes[offset + 3] <= 9 else { return false }
            let length = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            guard length <= 16_384 else { return false }
            offset += 9 + length
        }
        return offset == bytes.count
    }

    // MARK: HTTP/1

    private static let requests = [
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: u\r\n\r\n",
        "HEAD /d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]

    @Test(arguments: 0..<8) func requestsOfHTTP1(part: Int) throws {
        var opened = 0
        for seed in seeds(of: part) {
            var random = Random(state: UInt64(seed))
            var bytes: [UInt8] = []
            for _ in 0..<(1 + random.below(8)) { bytes += Self.requests[random.below(Self.requests.count)].utf8 }
            for _ in 0..<random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                case 2: bytes.insert([10, 13, 32, 58, 0, 255][random.below(6)], at: place)
                case _: bytes.removeSubrange(place..<min(bytes.count, place + random.below(20)))
                }
                if bytes.isEmpty { bytes = [71] }
            }
            let ledger = Ledger()
            let sent = try run(bytes, &random) { pipeline in
                let connection = HTTP1Connection(
                    limits: HTTPLimits(),
                    scheme: "http",
                    bodies: budget,
                    refusals: refusals,
                    handler: ledger.serve
                )
                try connection.install(on: pipeline)
                return connection
            }
            check(ledger, seed: seed)
            opened += ledger.opened
            #expect(sent.isEmpty || sent.starts(with: "HTTP/1.".utf8), "seed \(seed)")
        }
        #expect(opened > 500, "most inputs get as far as a request")
    }
}
