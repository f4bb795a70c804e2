import HTTP
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import RPC

/// Calls that wait for a connection or for their turn on it, and connections that are lost without a word.
@Suite(.timeLimit(.minutes(2))) struct ConnectionTests {
    /// Streams that a server holds open, in the order of their arrival.
    private final class Held: Sendable {
        private let streams = Mutex<[(number: Int, finish: @Sendable () -> Void)]>([])
        var numbers: [Int] { streams.withLock { $0.map(\.number) } }

        /// - Returns: how many there are now.
        func append(_ message: ByteBuffer, _ finish: @escaping @Sendable () -> Void) {
            let number = message.getInteger(at: message.readerIndex, as: Int.self) ?? -1
            streams.withLock { $0.append((number, finish)) }
        }

        func finish(_ index: Int) { streams.withLock { $0[index].finish }() }
    }

    private func poll(_ condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func callsWaitInOrderForTheirTurn() async throws {
        let held = Held()
        var limits = HTTPLimits()
        limits.maxConcurrentStreams = 3
        try await withServer(limits: limits) {
            $0.serverStreaming("/t/Hold") { message, _, stream in
                let bound = NIOLoopBound(stream, eventLoop: stream.eventLoop)
                held.append(message) { bound.eventLoop.execute { bound.value.finish(.ok) } }
            }
        } _: { port, _ in
            let channel = testChannel(port: port)
            var calls: [RPCResponseStream] = []
            for number in 0..<20 {
                calls.append(try await channel.serverStreaming("/t/Hold", ByteBuffer(integer: number)))
            }
            for index in 0..<20 {
                try await poll { held.numbers.count > index }
                #expect(held.numbers.count <= index + 3)
                held.finish(index)
                for try await _ in calls[index] {}
            }
            #expect(held.numbers == Array(0..<20))
            await channel.close()
        }
    }

    @Test func waitingCallsAreBoundedAndLeaveTheQueueWhenTheyEnd() async throws {
        let greeting = Frames.settings(maxConcurrentStreams: 0)
        try await ScriptedPeer.serve(greeting: greeting) { _, _ in
            []
        } _: { channel in
            var calls: [RPCResponseStream] = []
            for _ in 0..<Connector.maxWaiting {
                calls.append(try await channel.serverStreaming("/t/Any", ByteBuffer()))
            }
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .resourceExhausted)
            calls.removeLast(5_000)
            let waiting = await #expect(throws: Status.self) {
                try await channel.unary("/t/Any", ByteBuffer(), timeout: .milliseconds(10))
            }
            #expect(waiting?.code == .deadlineExceeded)
            await channel.close()
            let closed = await #expect(throws: Status.self) { for try await _ in calls[0] {} }
            #expect(closed?.code == .unavailable)
        }
    }

    @Test func callWaitsForAServerThatIsNotThereYet() async throws {
        var router = MethodRouter(logger: quiet)
        router.unary("/t/Echo") { message, _ in message }
        // A port that was free a moment ago.
        let (first, port) = try await serve(router)
        await first.shutdown(grace: .zero)
        let channel = testChannel(port: port)
        let hasty = await #expect(throws: Status.self) { try await channel.unary("/t/Echo", ByteBuffer()) }
        #expect(hasty?.code == .unavailable)
        let late = await #expect(throws: Status.self) {
            try await channel.unary("/t/Echo", ByteBuffer(), timeout: .milliseconds(100), waitsForReady: true)
        }
        #expect(late?.code == .deadlineExceeded)
        let patient = Task { try await channel.unary("/t/Echo", ByteBuffer(string: "x"), waitsForReady: true) }
        let cancelled = Task { try await channel.unary("/t/Echo", ByteBuffer(), waitsForReady: true) }
        cancelled.cancel()
        let end = await #expect(throws: Status.self) { try await cancelled.value }
        #expect(end?.code == .cancelled)
        let (second, _) = try await serve(router, port: port)
        #expect(try await patient.value == ByteBuffer(string: "x"))
        await channel.close()
        await second.shutdown(grace: .zero)
    }

    /// Under calls without a pause a server is stopped and another one started on its port, again and again.
    @Test func noCallFailsWhenServersTakeTurns() async throws {
        var router = MethodRouter(logger: quiet)
        router.unary("/t/Echo") { message, _ in
            try await Task.sleep(for: .milliseconds(3))
            return message
        }
        var (server, port) = try await serve(router)
        let channel = testChannel(port: port)
        let count = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    while !Task.isCancelled {
                        let message = ByteBuffer(integer: count.value)
                        let reply = try await channel.unary("/t/Echo", message, waitsForReady: true)
                        #expect(reply == message)
                        count.increment()
                    }
                }
            }
            for _ in 0..<4 {
                let target = count.value + 50
                try await poll { count.value >= target }
                let last = server
                async let stopped: Void = last.shutdown(grace: .seconds(30))
                (server, _) = try await serve(router, port: port)
                await stopped
            }
            group.cancelAll()
            while let result = await group.nextResult() {
                // Calls that were under way at the end were cancelled; no other failed.
                if case .failure(let status as Status) = result { #expect(status.code == .cancelled, "\(status)") }
            }
        }
        await channel.close()
        await server.shutdown(grace: .zero)
    }

    @Test func serverThatIsGoneWithoutAWordIsFoundOutAndTheNextCallConnectsAgain() async throws {
        // Long enough for a reply on a loaded machine, as this peer acknowledges nothing.
        let keepAlive = KeepAlive(time: .seconds(1), timeout: .seconds(1))
        try await ScriptedPeer.serve(keepAlive: keepAlive) { connection, stream in
            connection == 0 ? [] : Frames.reply(stream)
        } _: { channel in
            let failure = await #expect(throws: Status.self) { try await channel.unary("/t/Any", ByteBuffer()) }
            #expect(failure?.code == .unavailable)
            let reply = try await channel.unary("/t/Any", ByteBuffer())
            #expect(reply == ByteBuffer())
        }
    }

    @Test func slowServerThatAcknowledgesIsWaitedFor() async throws {
        try await withServer {
            $0.unary("/t/Slow") { message, _ in
                // Several times the silence after which the client asks.
                try await Task.sleep(for: .milliseconds(500))
                return message
            }
        } _: { port, _ in
            let keepAlive = KeepAlive(time: .milliseconds(50), timeout: .seconds(20))
            let channel = testChannel(port: port, keepAlive: keepAlive)
            let reply = try await channel.unary("/t/Slow", ByteBuffer(string: "x"))
            #expect(reply == ByteBuffer(string: "x"))
            await channel.close()
        }
    }
}
