import NIOCore
import Testing

@testable import HTTP

/// The parts that are values: no socket, no loop.
@Suite struct ValueTests {
    @Test func headersKeepOrderAndIgnoreCase() {
        var headers: HTTPHeaders = ["A": "1", "b": "2"]
        headers.add("a", "3")
        #expect(headers["a"] == "1")
        #expect(headers.values("A") == ["1", "3"])
        #expect(headers.map(\.name) == ["a", "b", "a"])
        headers.set("A", "4")
        #expect(headers == [("b", "2"), ("a", "4")].reduce(into: HTTPHeaders()) { $0.add($1.0, $1.1) })
    }

    /// Long, short and shared messages in any order, taken in pieces of any size, come out as they went in.
    @Test(arguments: 1...5)
    func outboundBodyKeepsTheOrder(seed: UInt64) {
        var random = Random(state: seed)
        let memory = SessionMemory()
        var body = OutboundBody()
        var (expected, out): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<500 {
            let size = [0, 3, 256, 1_000, 1_100, 20_000].randomElement(using: &random) ?? 0
            let message = random.bytes(size)
            switch random.below(4) {
            case 0:
                body.append(ByteBuffer(bytes: message), in: memory)
                expected += message
            case 1:
                body.append(ByteBuffer(bytes: message), after: BytePrefix(0x0504_0302_01, count: 5), in: memory)
                expected += [1, 2, 3, 4, 5] + message
            case 2:
                let short = message.prefix(OutboundBody.joinedLength)
                body.join(short.count, in: memory).copyBytes(from: short)
                expected += short
            case _:
                var frame = [UInt8](repeating: 0, count: [1, 300, 16_384].randomElement(using: &random) ?? 1)
                let count = frame.withUnsafeMutableBytes { body.take(into: $0) }
                out += frame[..<count]
            }
            #expect(body.count == expected.count - out.count)
        }
        var rest = [UInt8](repeating: 0, count: body.count)
        _ = rest.withUnsafeMutableBytes { body.take(into: $0) }
        #expect(out + rest == expected)
        #expect(body.count == 0)
    }

    @Test func outboundBodyJoinsAndSplits() {
        let memory = SessionMemory()
        var body = OutboundBody()
        for size in [1, 0, 5, 3] { body.append(ByteBuffer(repeating: UInt8(size), count: size), in: memory) }
        #expect(body.count == 9)
        var out: [UInt8] = []
        for size in [2, 4, 100] {
            var frame = [UInt8](repeating: 0, count: size)
            let count = frame.withUnsafeMutableBytes { body.take(into: $0) }
            out += frame[..<count]
        }
        #expect(out == [1, 5, 5, 5, 5, 5, 3, 3, 3])
        #expect(body.count == 0)
    }

    @Test func prefixGoesBeforeItsBufferThoughAFrameEndsInIt() {
        let memory = SessionMemory()
        var body = OutboundBody()
        body.append(ByteBuffer(bytes: [6, 7]), after: BytePrefix(0x05_04_03_02_01, count: 5), in: memory)
        body.append(ByteBuffer(), after: BytePrefix(0x08, count: 1), in: memory)
        #expect(body.count == 8)
        var out: [UInt8] = []
        for size in [2, 4, 100] {
            var frame = [UInt8](repeating: 0, count: size)
            let count = frame.withUnsafeMutableBytes { body.take(into: $0) }
            out += frame[..<count]
        }
        #expect(out == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(body.count == 0)
    }

    @Test func outboundBodyLetsGoOfWhatIsSent() {
        let memory = SessionMemory()
        var body = OutboundBody()
        var taken = 0
        for round in 0..<1_000 {
            body.append(ByteBuffer(repeating: UInt8(truncatingIfNeeded: round), count: 10), in: memory)
            body.append(ByteBuffer(repeating: 1, count: 10), in: memory)
            var frame = [UInt8](repeating: 0, count: 15)
            taken += frame.withUnsafeMutableBytes { body.take(into: $0) }
        }
        #expect(body.count == 20_000 - taken)
    }

    @Test func floodGuardAdmitsTheBurstThenWhatWorkAndTimeEarn() {
        var guarded = FloodGuard(burst: 10)
        func pings(_ count: Int) -> Int {
            var admitted = 0
            for _ in 0..<count where guarded.admits(.ping) { admitted += 1 }
            return admitted
        }
        #expect(pings(10) == 10)
        #expect(pings(1) == 0)
        let settings = guarded.admits(.settings)
        #expect(settings, "each kind has a bucket of its own")
        guarded.sentData()
        guarded.sentData()
        #expect(pings(3) == 2)
        for _ in 0..<20 { guarded.refill() }
        #expect(pings(100) == 10)
    }

    @Test func sessionMemoryGivesOutWhatItIsAskedFor() throws {
        let memory = SessionMemory()
        var random = Random(state: 1)
        var blocks: [(start: UnsafeMutableRawPointer, bytes: [UInt8])] = []
        for _ in 0..<2_000 {
            let size = [0, 1, 8, 16, 17, 24, 100, 1_024, 1_025, 5_000].randomElement(using: &random) ?? 0
            if let index = blocks.indices.randomElement(using: &random), random.below(2) == 0 {
                let (start, bytes) = blocks.remove(at: index)
                #expect(UnsafeRawBufferPointer(start: start, count: bytes.count).elementsEqual(bytes))
                let moved = try #require(memory.reallocate(start, size))
                let kept = min(size, bytes.count)
                #expect(UnsafeRawBufferPointer(start: moved, count: kept).elementsEqual(bytes[..<kept]))
                memory.release(moved)
            } else {
                let start = try #require(memory.allocate(size))
                #expect(Int(bitPattern: start) % 8 == 0)
                let bytes = random.bytes(size)
                start.copyMemory(from: bytes, byteCount: size)
                blocks.append((start, bytes))
            }
        }
        for (start, bytes) in blocks {
            #expect(UnsafeRawBufferPointer(start: start, count: bytes.count).elementsEqual(bytes))
            memory.release(start)
        }
        #expect(memory.allocate(.max) == nil)
        memory.release(nil)
    }

    /// What a stream with much to send fills is used again; what one with little fills is not worth it.
    @Test func blocksOfAFrameAreUsedAgain() {
        let memory = SessionMemory()
        let frame = memory.allocateBlock(MessageBlock.largestCapacity)
        memory.releaseBlock(frame, MessageBlock.largestCapacity)
        #expect(memory.allocateBlock(MessageBlock.largestCapacity) == frame)
        memory.releaseBlock(frame, MessageBlock.largestCapacity)
        var body = OutboundBody()
        var filled = 0
        func fill(_ count: Int) -> UnsafeMutableRawPointer? {
            var first: UnsafeMutableRawPointer?
            for _ in 0..<count {
                let target = body.join(256, in: memory)
                first = first ?? target.baseAddress
                target.initializeMemory(as: UInt8.self, repeating: 1)
                filled += 256
            }
            return first
        }
        func drain() {
            var frame = [UInt8](repeating: 0, count: filled)
            let count = frame.withUnsafeMutableBytes { body.take(into: $0) }
            #expect(count == filled && frame.allSatisfy { $0 == 1 })
            filled = 0
        }
        #expect(fill(1) != frame, "the first block of a stream is small")
        _ = fill(100)
        drain()
        #expect(fill(1) == frame, "and a frame's after much was sent")
        for _ in 0..<4 {
            drain()
            _ = fill(1)
        }
        drain()
        #expect(fill(1) != frame, "until there is little to send for a while")
    }

    @Test func headerBlockIsBoundedAndUsedAgain() {
        var block = HeaderBlock()
        func append(_ count: Int, maxCount: Int = 100) -> Bool {
            [UInt8](repeating: 0x61, count: count).withUnsafeBufferPointer { bytes in
                block.append(name: bytes, value: bytes, maxBytes: 1_000, maxCount: maxCount)
            }
        }
        let accepted = [append(400), append(68), append(1)]
        #expect(accepted == [true, true, false], "32 bytes are counted for each field")
        block.reset()
        let counted = [append(1, maxCount: 2), append(0, maxCount: 2), append(1, maxCount: 2)]
        #expect(counted == [true, true, false])
        block.reset()
        #expect(append(2))
        #expect(block.decoded().headers == ["aa": "aa"])
    }

    private func expect(
        _ action: InboundBody.Action,
        _ expected: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome(action) == expected, sourceLocation: sourceLocation)
    }

    private func outcome(_ action: InboundBody.Action) -> String {
        switch action {
        case .none: "none"
        case .consume(let count): "consume \(count)"
        case .complete(_, let result, let count): "\(result.map { String(buffer: $0) }) after \(count)"
        case .deliver(_, let bytes): "deliver \(String(buffer: bytes))"
        case .deliverLast(_, let bytes, _, _): "last \(bytes.map { String(buffer: $0) } ?? "nothing")"
        }
    }

    @Test func bodyThatCameBeforeItsReader() {
        var body = InboundBody()
        expect(body.receive(ByteBuffer(string: "ab")), "none")
        expect(body.receive(ByteBuffer(string: "c")), "none")
        expect(body.end(.success(())), "none")
        #expect(outcome(body.collect(upTo: 3) { _ in }) == "success(\"abc\") after 3")
        expect(body.receive(ByteBuffer(string: "d")), "none")
    }

    @Test func collectedBodyOverTheLimitFailsOnceAndConsumesNoMore() {
        var body = InboundBody()
        #expect(outcome(body.collect(upTo: 3) { _ in }) == "none")
        expect(body.receive(ByteBuffer(string: "abc")), "consume 3")
        let failure = "failure(HTTP.BodyError.tooLarge(limit: 3)) after 0"
        expect(body.receive(ByteBuffer(string: "d")), failure)
        expect(body.receive(ByteBuffer(string: "e")), "none")
        expect(body.end(.success(())), "none")
    }

    @Test func streamedBodyIsHandedOn() {
        var body = InboundBody()
        _ = body.receive(ByteBuffer(string: "a"))
        expect(body.stream(onData: { _ in }, onEnd: { _ in }), "deliver a")
        expect(body.receive(ByteBuffer(string: "b")), "deliver b")
        expect(body.end(.failure(.disconnected)), "last nothing")
        expect(body.end(.success(())), "none")
    }

    @Test func turnSettlesFramingAndKeepAlive() {
        let get = RequestHead(method: "GET", path: "/", version: .http1_1)
        var turn = HTTP1Turn(get, isKeepAlive: true)
        let head = turn.begin(ResponseHead(status: 200), request: get, endsStream: false)
        #expect(head.headers["transfer-encoding"] == "chunked")
        #expect(turn.connectionField == nil)

        let old = RequestHead(method: "GET", path: "/", version: .http1_0)
        var oldTurn = HTTP1Turn(old, isKeepAlive: true)
        #expect(oldTurn.connectionField == "keep-alive")
        let oldHead = oldTurn.begin(ResponseHead(status: 200), request: old, endsStream: false)
        #expect(oldHead.headers.isEmpty)
        #expect(oldTurn.connectionField == "close")

        let headers: HTTPHeaders = ["content-length": "1000000", "expect": "100-continue"]
        let upload = RequestHead(method: "POST", path: "/", headers: headers, version: .http1_1)
        var early = HTTP1Turn(upload, isKeepAlive: true)
        _ = early.begin(ResponseHead(status: 413), request: upload, endsStream: true)
        #expect(early.connectionField == "close")
        var asked = HTTP1Turn(upload, isKeepAlive: true)
        let answers = [asked.takeContinue(), asked.takeContinue()]
        #expect(answers == [true, false])
    }

    @Test func bodyPaceIsThatOfEachPeriodAndOnlyOfThePeersTime() {
        var pace = BodyPace()
        func isTooSlow(_ second: Int) -> Bool {
            pace.isTooSlow(
                now: .uptimeNanoseconds(0) + .seconds(Int64(second)),
                period: .seconds(15),
                bytesPerSecond: 100
            )
        }
        let first = [isTooSlow(0), isTooSlow(14)]
        pace.receive(1_500)
        let second = [isTooSlow(15), isTooSlow(29)]
        pace.receive(1_499)
        let third = isTooSlow(30)
        #expect(first + second == [false, false, false, false])
        #expect(third)
        pace.pause()
        let paused = [isTooSlow(100), isTooSlow(114), isTooSlow(115)]
        #expect(paused == [false, false, true])
    }
}

@Suite struct GracefulShutdownTests {
    @Test func aPeerThatAnswersThePingGetsTheLastGoAway() {
        var shutdown = GracefulShutdown()
        let begins = [shutdown.begin(), shutdown.begin()]
        #expect(begins == [true, false])
        // Not before the GOAWAY has left, and once.
        var probes = [shutdown.takeProbe()]
        shutdown.sentGoAway()
        probes += [shutdown.takeProbe(), shutdown.takeProbe()]
        #expect(probes == [false, true, false])
        // The first answer is that to an earlier PING.
        shutdown.acknowledged(open: 1)
        var ends = [shutdown.takeEnd()]
        shutdown.acknowledged(open: 0)
        #expect(!shutdown.isFinal)
        ends += [shutdown.takeEnd(), shutdown.takeEnd()]
        #expect(ends == [false, true, false])
        #expect(shutdown.isFinal)
    }

    @Test func aPeerThatDoesNotAnswerHasTwoSweeps() {
        var shutdown = GracefulShutdown()
        shutdown.sweep()
        var ends = [shutdown.takeEnd()]
        _ = shutdown.begin()
        for _ in 0..<4 {
            shutdown.sweep()
            ends.append(shutdown.takeEnd())
        }
        #expect(ends == [false, false, true, false, false])
        shutdown.acknowledged(open: 0)
        let again = shutdown.takeEnd()
        #expect(!again)
    }

    @Test func theLastGoAwayIsNoReasonForAPing() {
        var shutdown = GracefulShutdown()
        _ = shutdown.begin()
        let ends = [shutdown.end(), shutdown.end()]
        shutdown.sentGoAway()
        let isProbed = shutdown.takeProbe()
        #expect(ends == [true, false] && !isProbed)
    }
}

@Suite struct SocketWatchTests {
    @Test func onlyWhatDoesNotMoveIsOverdue() {
        var watch = SocketWatch()
        let start = NIODeadline.uptimeNanoseconds(0)
        func isOverdue(_ waiting: Int, after seconds: Int64) -> Bool {
            watch.isOverdue(waiting: waiting, at: start + .seconds(seconds), limit: .seconds(3))
        }
        let results = [(5, 0), (5, 2), (4, 3), (4, 5), (0, 6), (4, 7), (4, 9), (4, 10)].map { isOverdue($0, after: $1) }
        #expect(results == [false, false, false, false, false, false, false, true])
    }
}

@Suite struct ConnectionTimesTests {
    private let limits = HTTPLimits()
    private static let start = NIODeadline.uptimeNanoseconds(0)

    /// What each look finds, so many seconds after the start.
    private func looks(
        _ seconds: [Int64],
        hasBegun: Bool = true,
        waiting: Int = 0,
        unsent: Int = 0
    ) -> [Refusal?] {
        var times = ConnectionTimes()
        return seconds.map {
            let now = Self.start + .seconds($0)
            return times.overdue(limits, at: now, hasBegun: hasBegun, waiting: waiting, unsent: unsent)
        }
    }

    @Test func aPeerThatDoesNotBeginIsOverdue() {
        let limit = limits.prefaceTimeout.components.seconds
        #expect(looks([5, 4 + limit, 5 + limit], hasBegun: false) == [nil, nil, .silence], "from the first look on")
        #expect(looks([5, 5 + limit]) == [nil, nil])
    }

    @Test func theMoreIsUnreadTheLessTimeThereIs() {
        let limit = limits.stallTimeout.components.seconds
        #expect(looks([0, limit - 1, limit], waiting: 1) == [nil, nil, .stall])
        let unsent = 2 * HTTPLimits.connectionWriteAhead
        #expect(looks([0, limit / 2 - 1, limit / 2], waiting: 1, unsent: unsent) == [nil, nil, .stall])
        #expect(looks([0, limit], unsent: unsent) == [nil, nil], "while the socket takes something")
    }

    @Test func aConnectionWithoutStreamsIsIdle() {
        let limit = limits.idleTimeout.components.seconds
        var times = ConnectionTimes()
        let looks = [
            (0, false), (limit - 1, false), (limit, true), (limit + 1, false), (2 * limit, false),
            (2 * limit + 1, false),
        ]
        let isIdle = looks.map { times.isIdleTooLong(limits, at: Self.start + .seconds($0), hasStreams: $1) }
        #expect(isIdle == [false, false, false, false, false, true])
    }
}

@Suite struct HeaderBlockWatchTests {
    @Test func aBlockThatStaysOpenIsOverdue() {
        var watch = HeaderBlockWatch()
        watch.begin()
        let looks = [0, 9, 10].map { watch.isOverdue(at: .uptimeNanoseconds(0) + .seconds($0), limit: .seconds(10)) }
        #expect(looks == [false, false, true])
        watch.end()
        let isOverdue = watch.isOverdue(at: .uptimeNanoseconds(0) + .seconds(11), limit: .seconds(10))
        #expect(!isOverdue)
    }

    @Test func eachBlockHasItsOwnTime() {
        var watch = HeaderBlockWatch()
        for second in 0..<60 {
            watch.begin()
            let isOverdue = watch.isOverdue(at: .uptimeNanoseconds(0) + .seconds(Int64(second)), limit: .seconds(10))
            #expect(!isOverdue)
            // Ended and followed by another between two looks.
            watch.end()
        }
    }
}
