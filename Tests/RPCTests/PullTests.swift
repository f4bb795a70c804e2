import HTTP
import NIOCore
import RPC
import Testing

/// Calls whose messages are made when they can leave.
@Suite struct PullTests {
    /// One byte, again and again, in so many messages, the longest of which fill several frames and more than one window.
    private static let lengths = [0, 1, 300, 16_379, 16_380, 9, 70_000, 0, 200_000, 3] + (0..<400).map { $0 % 37 * 20 }

    private static func message(_ number: Int) -> ByteBuffer {
        ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: lengths[number])
    }

    /// Sends all messages by the writer; every seventh as a buffer of its own.
    private func serve(_ router: inout MethodRouter) {
        router.serverStreaming("/t/Pull") { _, _, stream in
            var number = 0
            stream.pull { writer in
                while number < Self.lengths.count {
                    let isTaken =
                        number % 7 == 0
                        ? writer.append(Self.message(number))
                        : writer.append(length: Self.lengths[number]) {
                            $0.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: number))
                        }
                    guard isTaken else { return }
                    number += 1
                }
                stream.finish(.ok, trailing: ["x-last": "1"])
            }
        }
    }

    @Test func messagesOfAnyLengthComeInOrder() async throws {
        try await withChannel(methods: serve) { channel in
            let responses = try await channel.serverStreaming("/t/Pull", ByteBuffer())
            var number = 0
            for try await message in responses {
                #expect(message == Self.message(number))
                number += 1
            }
            #expect(number == Self.lengths.count)
            #expect(try await responses.trailingMetadata()["x-last"] == "1")
        }
    }

    @Test func messagesThatArePushedGoBetweenThoseThatArePulled() async throws {
        try await withChannel {
            $0.serverStreaming("/t/Both") { _, _, stream in
                var waiting: [String] = []
                stream.send(ByteBuffer(string: "pushed"))
                stream.pull { writer in
                    while let text = waiting.first, writer.append(ByteBuffer(string: text)) {
                        waiting.removeFirst()
                        if text == "last" { stream.finish(.ok) }
                    }
                }
                let loop = stream.eventLoop.assumeIsolated()
                loop.scheduleTask(in: .milliseconds(10)) {
                    waiting = ["pulled", "twice"]
                    stream.resumePull()
                }
                loop.scheduleTask(in: .milliseconds(20)) {
                    stream.send(ByteBuffer(string: "pushed again"))
                    waiting.append("last")
                    stream.resumePull()
                }
            }
        } _: { channel in
            let responses = try await channel.serverStreaming("/t/Both", ByteBuffer())
            var texts: [String] = []
            for try await message in responses { texts.append(String(buffer: message)) }
            // On a busy machine both timers are due in one turn of the loop, and what waits then goes before what is pulled.
            let waited = ["pushed", "pushed again", "pulled", "twice", "last"]
            #expect(texts == ["pushed", "pulled", "twice", "pushed again", "last"] || texts == waited)
        }
    }

    @Test func theDeadlineEndsACallThatIsPulledFrom() async throws {
        try await withServer {
            $0.serverStreaming("/t/Endless") { _, _, stream in
                stream.pull { writer in while writer.append(ByteBuffer(repeating: 7, count: 100)) {} }
            }
        } _: { port, _ in
            let headers: HTTPHeaders = ["content-type": "application/grpc", "te": "trailers", "grpc-timeout": "300m"]
            let read = try await rawCall(port: port, "/t/Endless", headers: headers, body: framed(0))
            #expect(read.body.readableBytes > 65_535)
            // A loop that is held up for a second resets the stream in the turn in which it ends it.
            if case .reset = read.reason { return }
            #expect(read.code == "4")
            #expect(read.body.readableBytes % 105 == 0, "no message is cut off")
            let unread = try await rawCall(port: port, "/t/Endless", headers: headers, body: framed(0), reads: false)
            #expect(unread.body.readableBytes == 65_535)
        }
    }
}
