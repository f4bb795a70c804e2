import HTTP
import NIOCore
import NIOPosix
import RPC
import Testing

/// Calls in which the caller streams.
@Suite struct StreamingTests {
    /// Answers each message with itself.
    private func echo(_ router: inout MethodRouter) {
        router.streaming("/t/Echo") { _, requests, responses in
            for try await message in requests { try await responses.write(message.bytes) }
        }
        router.streaming("/t/Sum") { _, requests, responses in
            var sum = 0
            for try await message in requests { sum += message.bytes.readableBytes }
            try await responses.write(ByteBuffer(integer: sum))
        }
    }

    @Test func bothSidesTakeTurns() async throws {
        try await withChannel(methods: echo) { channel in
            let call = try await channel.bidirectional("/t/Echo")
            var responses = call.responses.makeAsyncIterator()
            for size in [0, 1, 100_000, 4 * 1024 * 1024, 7] {
                let message = ByteBuffer(repeating: 3, count: size)
                try await call.requests.write(message)
                #expect(try await responses.next() == message)
            }
            try await call.requests.finish()
            #expect(try await responses.next() == nil)
        }
    }

    @Test func emptyStreamsEnd() async throws {
        try await withChannel(methods: echo) { channel in
            let call = try await channel.bidirectional("/t/Echo")
            try await call.requests.finish()
            for try await _ in call.responses { Issue.record("there should be no message") }
        }
    }

    @Test func clientStreamsAndGetsOneAnswer() async throws {
        try await withChannel(methods: echo) { channel in
            let reply = try await channel.clientStreaming("/t/Sum") { requests in
                for size in 0..<2_000 { try await requests.write(ByteBuffer(repeating: 1, count: size)) }
            }
            #expect(reply.getInteger(at: 0, as: Int.self) == 1_999_000)
        }
    }

    @Test func serverAnswersBeforeTheClientHasEnded() async throws {
        try await withChannel {
            $0.streaming("/t/First") { _, requests, responses in
                for try await message in requests { return try await responses.write(message.bytes) }
            }
        } _: { channel in
            let reply = try await channel.clientStreaming("/t/First") { requests in
                while true { try await requests.write(ByteBuffer(string: "again")) }
            }
            #expect(reply == ByteBuffer(string: "again"))
        }
    }

    @Test func whatTheProducerThrowsCancelsTheCall() async throws {
        struct Broken: Error {}
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        try await withChannel {
            $0.streaming("/t/Wait") { _, requests, _ in
                defer { continuation.yield() }
                for try await _ in requests { arrived.yield() }
            }
        } _: { channel in
            await #expect(throws: Broken.self) {
                try await channel.clientStreaming("/t/Wait") { requests in
                    try await requests.write(ByteBuffer(string: "one"))
                    for await _ in arrivals { break }
                    throw Broken()
                }
            }
            for await _ in ended { break }
        }
    }

    /// An unread stream stops its sender: 64 KiB in the window, 64 KiB unsent, and the message that was too many.
    @Test func unreadRequestsStopTheirSender() async throws {
        let written = Counter()
        let (writes, write) = AsyncStream.makeStream(of: Void.self)
        let (gates, gate) = AsyncStream.makeStream(of: Void.self)
        try await withChannel {
            $0.streaming("/t/Late") { _, requests, responses in
                for await _ in gates { break }
                var count = 0
                for try await _ in requests { count += 1 }
                try await responses.write(ByteBuffer(integer: count))
            }
        } _: { channel in
            let message = ByteBuffer(repeating: 1, count: 10_000)
            let call = try await channel.bidirectional("/t/Late")
            let writer = Task {
                for _ in 0..<100 {
                    try await call.requests.write(message)
                    written.increment()
                    write.yield()
                }
                try await call.requests.finish()
            }
            // The window and the room for unsent bytes are full after 13 messages, whatever the order of events.
            for await _ in writes where written.value >= 12 { break }
            // A whole round trip on the same connection, in which a sender that is not stopped would go on.
            _ = await #expect(throws: Status.self) { try await channel.unary("/t/None", ByteBuffer()) }
            #expect(written.value <= 14)
            gate.yield()
            try await writer.value
            var responses = call.responses.makeAsyncIterator()
            #expect(try await responses.next()?.getInteger(at: 0, as: Int.self) == 100)
            #expect(try await responses.next() == nil)
        }
    }

    @Test func slowReaderStopsAnAsynchronousWriter() async throws {
        let sent = Counter()
        try await withChannel {
            $0.streaming("/t/Flood") { _, _, responses in
                while true {
                    try await responses.write(ByteBuffer(repeating: 1, count: 10_000))
                    sent.increment()
                }
            }
        } _: { channel in
            let call = try await channel.bidirectional("/t/Flood")
            var responses = call.responses.makeAsyncIterator()
            for _ in 0..<100 { #expect(try await responses.next()?.readableBytes == 10_000) }
            #expect(sent.value < 100 + 40)
        }
    }

    @Test func cancelReachesTheHandler() async throws {
        let (ended, continuation) = AsyncStream.makeStream(of: Bool.self)
        try await withChannel {
            $0.streaming("/t/Hang") { _, requests, responses in
                try await responses.write(ByteBuffer(string: "begun"))
                do {
                    for try await _ in requests {}
                } catch {
                    continuation.yield(Task.isCancelled)
                }
            }
        } _: { channel in
            let reader = Task {
                let call = try await channel.bidirectional("/t/Hang")
                var responses = call.responses.makeAsyncIterator()
                #expect(try await responses.next() == ByteBuffer(string: "begun"))
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await responses.next()
            }
            let failure = await #expect(throws: Status.self) { try await reader.value }
            #expect(failure?.code == .cancelled)
            for await wasCancelled in ended {
                #expect(wasCancelled)
                break
            }
        }
    }

    @Test(arguments: ["/t/Async", "/t/Push", "/t/Unary"])
    func deadlineEndsTheHandler(path: String) async throws {
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        try await withServer {
            $0.streaming("/t/Async") { _, requests, _ in
                defer { continuation.yield() }
                for try await _ in requests {}
            }
            $0.serverStreaming("/t/Push") { _, _, stream in stream.onClose = { continuation.yield() } }
            $0.unary("/t/Unary") { message, _ in
                defer { continuation.yield() }
                try await Task.sleep(for: .seconds(60))
                return message
            }
        } _: { port, _ in
            let headers: HTTPHeaders = ["content-type": "application/grpc", "grpc-timeout": "100m"]
            // A stream that can stays open on the caller's side, who has no clock of his own.
            let response = try await rawCall(
                port: port,
                path,
                headers: headers,
                body: framed(1),
                endsStream: path != "/t/Async"
            )
            #expect(response.code == "4")
            for await _ in ended { break }
        }
    }

    /// A reply that the caller never makes room for is given up a second after the deadline.
    @Test func deadlineEndsAReplyThatIsStuck() async throws {
        try await withServer {
            $0.local("/t/Large") { _, _ in ByteBuffer(repeating: 1, count: 1_000_000) }
        } _: { port, _ in
            let headers: HTTPHeaders = ["content-type": "application/grpc", "grpc-timeout": "100m"]
            let begin = NIODeadline.now()
            let response = try await rawCall(port: port, "/t/Large", headers: headers, body: framed(1), reads: false)
            #expect(response.reason == .reset(8))
            // By itself it would be given up a minute after its last byte.
            #expect(NIODeadline.now() - begin < .seconds(30))
        }
    }

    @Test func metadataGoesBothWays() async throws {
        try await withChannel {
            $0.streaming("/t/Meta") { context, requests, responses in
                for try await message in requests {
                    try await responses.start(["x-initial": context.metadata["x-a"] ?? ""])
                    try await responses.write(message.bytes)
                }
                var trailing = Metadata()
                trailing.add("x-trailing-bin", bytes: context.metadata.bytes("x-bin") ?? [])
                try await responses.setTrailingMetadata(trailing)
            }
            $0.unaryWithMetadata("/t/Unary") { message, _ in
                Reply(message, initialMetadata: ["x": "1"], trailingMetadata: ["y": "2"])
            }
        } _: { channel in
            var metadata: Metadata = ["x-a": "b"]
            metadata.add("x-bin", bytes: [0, 255, 7])
            let call = try await channel.bidirectional("/t/Meta", metadata: metadata)
            try await call.requests.write(ByteBuffer(string: "1"))
            #expect(try await call.responses.initialMetadata()["x-initial"] == "b")
            try await call.requests.finish()
            for try await _ in call.responses {}
            #expect(try await call.responses.trailingMetadata().bytes("x-trailing-bin") == [0, 255, 7])
            let reply = try await channel.unaryWithMetadata("/t/Unary", ByteBuffer(string: "m"))
            #expect(reply.initialMetadata == ["x": "1"])
            #expect(reply.trailingMetadata == ["y": "2"])
        }
    }

    @Test func callsEndWithTheStatusOfTheirHandler() async throws {
        try await withChannel {
            $0.streaming("/t/Fail") { _, requests, responses in
                for try await message in requests { try await responses.write(message.bytes) }
                throw Status(.dataLoss, "lost")
            }
        } _: { channel in
            let call = try await channel.bidirectional("/t/Fail")
            try await call.requests.write(ByteBuffer(string: "1"))
            try await call.requests.finish()
            var responses = call.responses.makeAsyncIterator()
            #expect(try await responses.next() == ByteBuffer(string: "1"))
            let failure = await #expect(throws: Status.self) { try await responses.next() }
            #expect(failure == Status(.dataLoss, "lost"))
        }
    }

    @Test func brokenStreamsEndWithTheirStatus() async throws {
        try await withServer(maxMessageBytes: 1_000, methods: echo) { port, _ in
            for (body, endsStream, code) in [
                (framed(3) + framed(0, announced: 0xFFFF_FFFF), false, "8"),
                (framed(3) + framed(1, flag: 7), false, "13"),
                (framed(3) + framed(2, announced: 3), true, "13"),
                (framed(3) + framed(3), true, "0"),
            ] {
                let response = try await rawCall(port: port, "/t/Echo", body: body, endsStream: endsStream)
                #expect(response.code == code)
            }
        }
    }
}
