import NIOCore
import Testing

@testable import HTTP

/// Responses whose source is asked for what leaves.
@Suite struct PullTests {
    private static let ok = ResponseHead(status: 200)

    private static func get(_ stream: Int) -> [UInt8] {
        HTTP2LimitTests.frame(1, flags: 5, stream: stream, HTTP2LimitTests.get)
    }

    private static func window(_ stream: Int, _ bytes: Int) -> [UInt8] {
        HTTP2LimitTests.frame(8, stream: stream, withUnsafeBytes(of: UInt32(bytes).bigEndian, Array.init))
    }

    private static func initialWindow(_ bytes: Int) -> [UInt8] {
        HTTP2LimitTests.frame(4, stream: 0, [0, 4] + withUnsafeBytes(of: UInt32(bytes).bigEndian, Array.init))
    }

    private static func data(of stream: Int, in bytes: [UInt8]) -> [UInt8] {
        SentFrame.all(in: bytes).filter { $0.type == 0 && $0.stream == stream }.flatMap(\.payload)
    }

    /// Bytes, of ASCII, that tell where in a body they stand.
    private static func bytes(_ range: Range<Int>) -> [UInt8] {
        range.map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) & 0x7F }
    }

    /// A body of which a part is written whenever there is something to do, by its source or past it.
    private final class Body {
        let exchange: Exchange
        let length: Int
        private(set) var written = 0
        private(set) var asked = 0

        init(_ exchange: Exchange, length: Int) {
            (self.exchange, self.length) = (exchange, length)
            exchange.start(PullTests.ok)
        }

        func part(upTo limit: Int) -> [UInt8] {
            let part = PullTests.bytes(written..<min(length, written + limit))
            written += part.count
            return part
        }

        func write(upTo limit: Int) {
            exchange.write(ByteBuffer(bytes: part(upTo: limit)))
            if written == length { exchange.finish() }
        }

        func fill(_ room: UnsafeMutableRawBufferPointer, upTo limit: Int) -> Int {
            asked += 1
            let part = part(upTo: min(limit, room.count))
            room.copyBytes(from: part)
            if written == length { exchange.finish() }
            return part.count
        }
    }

    /// Sources that write what they like, pause, write past themselves and answer other requests meanwhile; windows of any size.
    @Test(arguments: 0..<60)
    func comesWholeWhateverHappensMeanwhile(seed: Int) throws {
        var random = Random(state: UInt64(seed))
        var (bodies, waiting, answered): ([Body], [(stream: Int, exchange: Exchange)], [Int]) = ([], [], [])
        let bench = try ConnectionBench.http2(
            .server { exchange in
                // Every second request is answered by a source, between the payload and the frame that it has asked for.
                guard exchange.request.headers["a"] == nil else {
                    return waiting.append((4 * bodies.count + 1, exchange))
                }
                let body = Body(exchange, length: random.below(60_000))
                bodies.append(body)
                exchange.pull { room in
                    if random.happens(oneIn: 4), let (stream, other) = waiting.popLast() {
                        other.respond(PullTests.ok, body: ByteBuffer(string: "other"))
                        answered.append(stream)
                    }
                    if random.happens(oneIn: 5) { return 0 }
                    let count = body.fill(room, upTo: random.happens(oneIn: 3) ? room.count : 1 + random.below(3_000))
                    if random.happens(oneIn: 5) { body.write(upTo: random.below(2_000)) }
                    return count
                }
            }
        )
        let count = 1 + random.below(8)
        let other = HTTP2LimitTests.get + [0x40, 1, UInt8(ascii: "a"), 1, UInt8(ascii: "b")]
        try bench.receive(HTTP2LimitTests.preface + Self.initialWindow(random.below(3) * 500))
        for number in 0..<count {
            let first = 4 * number + 1
            try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: first, other) + Self.window(first, 5))
            try bench.receive(Self.get(4 * number + 3))
        }
        for _ in 0..<10_000 where !bodies.allSatisfy({ $0.exchange.isClosed }) {
            let stream = 4 * random.below(count) + 3
            try bench.receive(Self.window(stream, 1 + random.below(20_000)) + Self.window(0, 1 + random.below(20_000)))
            let body = bodies[stream / 4]
            if random.happens(oneIn: 4) { body.write(upTo: 1 + random.below(2_000)) }
            body.exchange.resumePull()
            try bench.run()
        }
        // The bodies may have used up what the connection as a whole was granted.
        try bench.receive(Self.window(0, 1_000))
        #expect(bodies.count == count && bodies.allSatisfy { $0.written == $0.length })
        for (number, body) in bodies.enumerated() {
            #expect(Self.data(of: 4 * number + 3, in: bench.sent) == Self.bytes(0..<body.length))
        }
        for stream in answered { #expect(Self.data(of: stream, in: bench.sent) == Array("other".utf8)) }
        #expect(bench.connection.unsent == 0 && SentFrame.resets(in: bench.sent).isEmpty)
    }

    @Test func whatIsPulledIsNeitherQueuedNorAskedForTooEarly() throws {
        var body: Body?
        let bench = try ConnectionBench.http2(
            .server { exchange in
                body = Body(exchange, length: 50_000)
                exchange.pull { body?.fill($0, upTo: .max) ?? 0 }
                #expect(body?.asked == 0, "not from within the call")
            }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.initialWindow(20_000) + Self.get(1))
        #expect(body?.written == 20_000 && body?.asked == 2)
        #expect(bench.connection.unsent == 0)
        try bench.receive(Self.window(1, 5))
        #expect(body?.written == 20_005)
        try bench.receive(Self.window(1, 100_000))
        #expect(Self.data(of: 1, in: bench.sent) == Self.bytes(0..<50_000))
        #expect(SentFrame.all(in: bench.sent).last { $0.stream == 1 }?.endsStream == true)
    }

    @Test func aSourceThatHasNothingIsAskedAgainWhenItSaysSo() throws {
        var (exchange, asked, ready): (Exchange?, Int, Int) = (nil, 0, 0)
        let bench = try ConnectionBench.http2(
            .server {
                exchange = $0
                $0.start(Self.ok)
                $0.pull { room in
                    asked += 1
                    defer { ready = 0 }
                    room.copyBytes(from: repeatElement(7, count: ready))
                    return ready
                }
            }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.get(1))
        #expect(asked == 1)
        try bench.receive(HTTP2LimitTests.frame(6, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]))
        #expect(asked == 1, "nothing has changed")
        for count in [3, 5] {
            ready = count
            exchange?.resumePull()
            try bench.run()
        }
        #expect(asked == 5, "after each part it is asked for more")
        #expect(Self.data(of: 1, in: bench.sent) == [UInt8](repeating: 7, count: 8))
        exchange?.write(ByteBuffer(string: "x"))
        exchange?.finish()
        try bench.run()
        #expect(Self.data(of: 1, in: bench.sent).last == UInt8(ascii: "x") && exchange?.isClosed == true)
        exchange?.resumePull()
        try bench.run()
        #expect(asked == 5, "nothing is asked for behind the end")
    }

    @Test func aSourceThatBreaksOffLeavesTheConnectionWhole() throws {
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchange.start(Self.ok)
                guard exchange.request.headers["a"] == nil else {
                    exchange.pull { [unowned exchange] room in
                        exchange.reset()
                        return room.count
                    }
                    return
                }
                exchange.write(ByteBuffer(string: "whole"))
                exchange.finish()
            }
        )
        let request = HTTP2LimitTests.get + [0x40, 1, UInt8(ascii: "a"), 1, UInt8(ascii: "b")]
        try bench.receive(HTTP2LimitTests.preface + HTTP2LimitTests.frame(1, flags: 5, stream: 1, request))
        #expect(SentFrame.resets(in: bench.sent) == [1: 8])
        #expect(Self.data(of: 1, in: bench.sent).isEmpty, "RST_STREAM goes before the frame")
        try bench.receive(Self.get(3))
        #expect(Self.data(of: 3, in: bench.sent) == Array("whole".utf8) && bench.connection.unsent == 0)
    }

    @Test func aSourceThatIsReplacedWhileItIsAskedIsFollowedByTheOther() throws {
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchange.start(Self.ok)
                exchange.pull { [unowned exchange] _ in
                    exchange.pull { room in
                        room.copyBytes(from: "next".utf8)
                        exchange.finish()
                        return 4
                    }
                    return 0
                }
            }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.get(1))
        #expect(Self.data(of: 1, in: bench.sent) == Array("next".utf8))
    }

    @Test func sourcesThatWakeOneAnotherDoNotHoldTheLoop() throws {
        var (exchanges, asked): ([Exchange], Int) = ([], 0)
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchanges.append(exchange)
                exchange.start(Self.ok)
                exchange.pull { [unowned exchange] _ in
                    asked += 1
                    // In an endless loop nobody else would come to it.
                    if asked < 1_000 { for other in exchanges { other.resumePull() } } else { exchange.finish() }
                    return 0
                }
            }
        )
        var turns = 0
        try bench.receive(HTTP2LimitTests.preface)
        func count() {
            turns += 1
            if asked < 1_000 { bench.onLoop(count) }
        }
        bench.onLoop(count)
        try bench.receive(Self.get(1) + Self.get(3) + Self.get(5))
        #expect(asked >= 1_000 && turns > 100)
    }

    @Test func whatIsOnlyWrittenPastASourceLeavesInFullFrames() throws {
        var asked = 0
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchange.start(Self.ok)
                exchange.pull { [unowned exchange] _ in
                    asked += 1
                    while exchange.write(ByteBuffer(repeating: 7, count: 1_000)) {}
                    return 0
                }
            }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.get(1) + Self.window(1, 100_000) + Self.window(0, 100_000))
        #expect(asked == 1 && Self.data(of: 1, in: bench.sent).count >= 64_000)
        #expect(SentFrame.all(in: bench.sent).allSatisfy { $0.type != 0 || !$0.payload.isEmpty })
    }

    @Test func inHTTP1ASourceCanWritePastItselfUntilThereIsNoRoom() throws {
        var asked = 0
        let bench = try ConnectionBench.http1 { exchange in
            exchange.start(Self.ok)
            exchange.pull { [unowned exchange] _ in
                asked += 1
                while exchange.write(ByteBuffer(repeating: 7, count: 1_000)) {}
                return 0
            }
        }
        try bench.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(asked == 1 && bench.sent.count(where: { $0 == 7 }) >= 64_000)
    }

    @Test func aSourceIsLetGoWithItsExchange() throws {
        final class Held {}
        weak var held: Held?
        let bench = try ConnectionBench.http2(
            .server { exchange in
                let object = Held()
                held = object
                exchange.start(Self.ok)
                exchange.pull { _ in withExtendedLifetime((object, exchange)) { 0 } }
            }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.get(1))
        #expect(held != nil)
        try bench.receive(HTTP2LimitTests.frame(3, stream: 1, [0, 0, 0, 8]))
        #expect(held == nil)
    }

    @Test(arguments: [true, false])
    func aPeerThatTakesNothingIsResetUnlessThereIsNothing(hasMore: Bool) throws {
        let bench = try ConnectionBench.http2(
            .server { exchange in
                exchange.start(Self.ok)
                exchange.pull { hasMore ? $0.count : 0 }
            }
        )
        try bench.receive(HTTP2LimitTests.preface + Self.get(1))
        #expect(Self.data(of: 1, in: bench.sent).count == (hasMore ? 65_535 : 0))
        let (start, limit) = (NIODeadline.now(), HTTPLimits().stallTimeout.timeAmount)
        for time in [.zero, .nanoseconds(1), limit - .nanoseconds(1)] {
            bench.connection.sweep(now: start + time)
            try bench.run()
            #expect(SentFrame.resets(in: bench.sent).isEmpty)
        }
        bench.connection.sweep(now: start + limit)
        try bench.run()
        #expect(SentFrame.resets(in: bench.sent) == (hasMore ? [1: 8] : [:]))
    }

    @Test func inHTTP1WhatGoesPastTheSourceIsBehindWhatItReturns() throws {
        var (exchange, turn): (Exchange?, Int) = (nil, 0)
        let bench = try ConnectionBench.http1 {
            exchange = $0
            let before = turn
            $0.start(Self.ok)
            $0.pull { room in
                turn += 1
                switch turn {
                case 1:
                    room.copyBytes(from: "one".utf8)
                    return 3
                case 3:
                    exchange?.write(ByteBuffer(string: "three"))
                    exchange?.finish(trailers: ["a": "b"])
                    room.copyBytes(from: "two".utf8)
                    return 3
                case _:
                    return 0
                }
            }
            #expect(turn == before, "not from within the call")
        }
        try bench.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(turn == 2 && bench.text.hasSuffix("\r\n\r\n3\r\none\r\n"))
        exchange?.resumePull()
        try bench.run()
        #expect(bench.text.hasSuffix("3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\na: b\r\n\r\n"))
        #expect(turn == 3 && exchange?.isClosed == true)
        try bench.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(turn == 4, "the connection goes on")
    }

    @Test func inHTTP1ALongBodyComesAsThePeerTakesIt() async throws {
        let length = 3_000_000
        try await withServer { exchange in
            let body = Body(exchange, length: length)
            exchange.pull { body.fill($0, upTo: .max) }
        } _: { port, _ in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send("GET / HTTP/1.0\r\n\r\n")
            let text = await connection.receive()
            #expect(text.hasPrefix("HTTP/1.0 200 OK\r\n"))
            #expect(text.hasSuffix("\r\n\r\n" + String(decoding: Self.bytes(0..<length), as: UTF8.self)))
        }
    }
}
