import HTTP
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// The channel against the server, over a real socket.
@Suite struct CallTests {
    @Test(arguments: [0, 1, 5_000, 65_536, 1_000_000, 4 * 1024 * 1024])
    func unaryCallCarriesMessagesOfAnySize(size: Int) async throws {
        try await withChannel {
            $0.local("/t/Local") { message, _ in ByteBuffer(copying: message) }
            $0.unary("/t/Immediate") { message, _ in message }
            $0.unary("/t/Suspending") { message, _ in
                await Task.yield()
                return message
            }
        } _: { channel in
            let message = ByteBuffer(repeating: 42, count: size)
            for method in ["Local", "Immediate", "Suspending"] {
                let reply = try await channel.unary("/t/\(method)", message)
                #expect(reply == message)
            }
        }
    }

    @Test func manyCallsShareTheConnection() async throws {
        try await withChannel {
            $0.unary("/t/Echo") { message, _ in
                await Task.yield()
                return message
            }
        } _: { channel in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let message = ByteBuffer(integer: number)
                        let reply = try await channel.unary("/t/Echo", message)
                        #expect(reply == message)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func statusesMetadataAndTheirEncodings() async throws {
        let details: [UInt8] = [0, 1, 250, 255]
        try await withChannel {
            $0.unary("/t/Fail") { _, context in
                #expect(context.metadata["x-a"] == "b")
                #expect(context.metadata.bytes("x-bin") == details)
                var metadata: Metadata = ["y": "z"]
                metadata.add("y-bin", bytes: details)
                throw Status(.failedPrecondition, "nö %\n😀", metadata: metadata)
            }
            $0.unary("/t/Crash") { _, _ in throw ChannelError.alreadyClosed }
        } _: { channel in
            var metadata: Metadata = ["X-A": "b"]
            metadata.add("x-bin", bytes: details)
            let failure = await #expect(throws: Status.self) {
                try await channel.unary("/t/Fail", ByteBuffer(), metadata: metadata)
            }
            #expect(failure?.code == .failedPrecondition)
            #expect(failure?.message == "nö %\n😀")
            #expect(failure?.metadata["y"] == "z")
            #expect(failure?.metadata.bytes("y-bin") == details)
            let crash = await #expect(throws: Status.self) { try await channel.unary("/t/Crash", ByteBuffer()) }
            #expect(crash == Status(.internal, "internal error"))
        }
    }

    /// Above 64 KiB nghttp2 would drop the trailers, and the caller wait for ever.
    @Test func longMessageOfAStatusIsCut() async throws {
        // A character of four bytes stands across the cut.
        let message = String(repeating: "a", count: 1_022) + String(repeating: "😀", count: 70_000)
        try await withChannel {
            $0.unary("/t/Fail") { _, _ in throw Status(.notFound, message) }
            $0.serverStreaming("/t/Stream") { _, _, stream in
                stream.send(ByteBuffer())
                stream.finish(Status(.notFound, message))
            }
        } _: { channel in
            let failure = await #expect(throws: Status.self) {
                try await channel.unary("/t/Fail", ByteBuffer(), timeout: .seconds(30))
            }
            #expect(failure == Status(.notFound, String(repeating: "a", count: 1_022)))
            let call = try await channel.serverStreaming("/t/Stream", ByteBuffer(), timeout: .seconds(30))
            let end = await #expect(throws: Status.self) { for try await _ in call {} }
            #expect(end?.code == .notFound)
        }
    }

    @Test func trailersThatCannotBeSentEndTheCall() async throws {
        let long: Metadata = ["a": String(repeating: "x", count: 100_000)]
        try await withChannel {
            $0.unaryWithMetadata("/t/Long") { message, _ in Reply(message, trailingMetadata: long) }
            $0.unary("/t/Echo") { message, _ in message }
        } _: { channel in
            let failure = await #expect(throws: Status.self) {
                try await channel.unary("/t/Long", ByteBuffer(), timeout: .seconds(30))
            }
            #expect(failure?.code == .internal)
            let reply = try await channel.unary("/t/Echo", ByteBuffer(string: "x"))
            #expect(reply == ByteBuffer(string: "x"))
        }
    }

    @Test func callThatFailsWithItsHeadHasNoInitialMetadata() async throws {
        try await withChannel {
            $0.serverStreaming("/t/Empty") { _, _, stream in stream.finish(.ok) }
        } _: { channel in
            let call = try await channel.serverStreaming("/t/None", ByteBuffer())
            for _ in 0..<2 {
                let failure = await #expect(throws: Status.self) { try await call.initialMetadata() }
                #expect(failure?.code == .unimplemented)
            }
            let empty = try await channel.serverStreaming("/t/Empty", ByteBuffer())
            #expect(try await empty.initialMetadata().isEmpty)
        }
    }

    @Test func serverStreamDeliversInOrderAndEnds() async throws {
        try await withChannel {
            $0.serverStreaming("/t/Count") { _, _, stream in
                let shared = frame(ByteBuffer(integer: UInt32(99)))
                for number in 0..<1_000 { stream.send(ByteBuffer(integer: UInt32(number))) }
                stream.send(framed: shared)
                stream.finish(.ok)
            }
        } _: { channel in
            var numbers: [UInt32?] = []
            for try await message in try await channel.serverStreaming("/t/Count", ByteBuffer()) {
                numbers.append(message.getInteger(at: message.readerIndex))
            }
            #expect(numbers == (0..<1_000).map { UInt32($0) } + [99])
        }
    }

    @Test func slowReaderStopsTheSender() async throws {
        let sent = Mutex(0)
        let message = ByteBuffer(repeating: 1, count: 10_000)
        try await withChannel { router in
            router.serverStreaming("/t/Flood") { _, _, stream in
                @Sendable func push() { sent.withLock { $0 += 1 } }
                func fill() {
                    while stream.isWritable {
                        stream.send(message)
                        push()
                    }
                }
                stream.onWritable = fill
                fill()
            }
        } _: { channel in
            var iterator = try await channel.serverStreaming("/t/Flood", ByteBuffer()).makeAsyncIterator()
            for _ in 0..<100 { #expect(try await iterator.next() == message) }
            // Unsent on the server, in its window and in the reader's: 64 KiB each, and what one batch held.
            #expect(sent.withLock { $0 } < 100 + 60)
        }
    }

    @Test func cancelledReaderEndsTheStreamOnTheServer() async throws {
        let (closed, continuation) = AsyncStream.makeStream(of: Void.self)
        try await withChannel {
            $0.serverStreaming("/t/Idle") { _, _, stream in
                stream.send(ByteBuffer(string: "first"))
                stream.onClose = { continuation.yield() }
            }
        } _: { channel in
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let reader = Task {
                for try await _ in try await channel.serverStreaming("/t/Idle", ByteBuffer()) { start.yield() }
            }
            for await _ in started { break }
            reader.cancel()
            for await _ in closed { break }
            let failure = await #expect(throws: Status.self) { try await reader.value }
            #expect(failure?.code == .cancelled)
        }
    }

    @Test func abandonedStreamEndsOnTheServer() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (closed, continuation) = AsyncStream.makeStream(of: Void.self)
        try await withChannel {
            $0.serverStreaming("/t/Idle") { _, _, stream in
                stream.onClose = { continuation.yield() }
                arrived.yield()
            }
        } _: { channel in
            func abandon() async throws {
                let stream = try await channel.serverStreaming("/t/Idle", ByteBuffer())
                for await _ in arrivals { break }
                withExtendedLifetime(stream) {}
            }
            try await abandon()
            for await _ in closed { break }
        }
    }

    @Test func deadlineCancelsTheHandler() async throws {
        let (cancelled, continuation) = AsyncStream.makeStream(of: Void.self)
        try await withServer {
            $0.unary("/t/Sleep") { message, context in
                #expect(context.deadline != nil)
                do {
                    try await Task.sleep(for: .seconds(60))
                } catch {
                    continuation.yield()
                }
                return message
            }
        } _: { port, _ in
            // A client without a clock of its own: the answer can only be the server's.
            var headers: HTTPHeaders = ["content-type": "application/grpc", "te": "trailers"]
            headers.add("grpc-timeout", "300m")
            let response = try await rawCall(port: port, "/t/Sleep", headers: headers, body: framed(1))
            #expect(response.code == "4")
            for await _ in cancelled { break }
        }
    }

    @Test func callerGivesUpAtItsDeadline() async throws {
        try await withChannel {
            $0.serverStreaming("/t/Silence") { _, _, _ in }
        } _: { channel in
            let failure = await #expect(throws: Status.self) {
                try await channel.unary("/t/Silence", ByteBuffer(), timeout: .milliseconds(100))
            }
            #expect(failure?.code == .deadlineExceeded)
        }
    }

    @Test func streamingCallsGoBothWays() async throws {
        try await withServer {
            $0.streaming("/t/Sum") { _, requests, responses in
                var sum: UInt32 = 0
                for try await message in requests {
                    sum += message.bytes.getInteger(at: message.bytes.readerIndex, as: UInt8.self).map(UInt32.init) ?? 0
                }
                try await responses.write(ByteBuffer(integer: sum))
            }
        } _: { port, _ in
            let response = try await rawCall(port: port, "/t/Sum", body: framed(1) + framed(1) + framed(1))
            #expect(Array(buffer: response.body) == [0, 0, 0, 0, 4, 0, 0, 0, 21])
            #expect(response.code == "0")
        }
    }

    @Test func nobodyListeningIsUnavailableAndHealsLater() async throws {
        let channel = RPCChannel(
            host: "127.0.0.1",
            port: 1,
            group: MultiThreadedEventLoopGroup.singleton,
            logger: quiet
        )
        let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Echo", ByteBuffer()) }
        #expect(failure?.code == .unavailable)
    }

    @Test func drainLetsAcceptedCallsFinishAndTheChannelReconnects() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (gates, gate) = AsyncStream.makeStream(of: Void.self)
        try await withServer {
            $0.unary("/t/Gate") { message, _ in
                arrived.yield()
                for await _ in gates { break }
                return message
            }
        } _: { port, server in
            let group = MultiThreadedEventLoopGroup.singleton
            let channel = RPCChannel(host: "127.0.0.1", port: port, group: group, logger: quiet)
            let call = Task { try await channel.unary("/t/Gate", ByteBuffer(string: "kept")) }
            for await _ in arrivals { break }
            async let shutdown: Void = server.shutdown(grace: .seconds(20))
            // The listener is gone before the drain begins, which a refused connection shows.
            var isRefused = false
            while !isRefused {
                let probe = RPCChannel(host: "127.0.0.1", port: port, group: group, logger: quiet)
                do {
                    _ = try await probe.unary("/none", ByteBuffer())
                } catch let status as Status {
                    isRefused = status.code == .unavailable
                }
                await probe.close()
            }
            gate.yield()
            #expect(try await call.value == ByteBuffer(string: "kept"))
            await shutdown
        }
    }
}
