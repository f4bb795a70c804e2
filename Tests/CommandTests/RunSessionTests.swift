import ArgumentParser
import Client
import Glibc
import Messages
import NIOCore
import NIOPosix
import RPC
import Synchronization
import TestSupport
import Testing

@testable import baud

/// Commands that follow a run, with a real server and real signals; one after the other, as a signal is for all.
@Suite(.serialized) struct RunSessionTests {
    /// The stream of the run, kept by the server's loop until the run is cancelled.
    private final class OpenStreams: Sendable {
        let cancel = Mutex<(@Sendable () -> Void)?>(nil)
    }

    private static func event(_ number: Int, _ type: String, _ payload: Event.Payload, final: Bool = false) -> Event {
        let (id, time) = ("\(number)-0", Int64(number) * 100)
        return Event(
            id: id,
            seq: UInt64(number),
            runID: "r",
            attempt: 1,
            type: type,
            time: time,
            final: final,
            payload: payload
        )
    }

    private static let started = event(1, "run_attempt_started", .run(RunUpdate()))

    private static func end(_ type: String) -> Event { event(2, type, .run(RunUpdate()), final: true) }

    /// Carries a run out; gives the exit code and all that was printed.
    private func carryOut(port: Int, printsJSON: Bool = false) async throws -> (code: Int32, output: String) {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let client = try BaudClient(
            url: "http://127.0.0.1:\(port)",
            group: MultiThreadedEventLoopGroup.singleton,
            logger: quiet
        )
        let screen = Screen(Terminal(ends[1]), printsJSON: printsJSON)
        let code = try await RunSession(client: client, screen: screen, thread: "t").carryOut("do", model: "")
        await client.close()
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        return (code.rawValue, String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
    }

    @Test(arguments: [
        ("run_completed", Int32(0)), ("run_failed", 1), ("run_timed_out", 1), ("run_expired", 1), ("run_cancelled", 1),
    ])
    func theExitCodeTellsHowTheRunEnded(type: String, expected: Int32) async throws {
        try await withServer {
            $0.on(.executeRun) { (_: ExecuteRunRequest, _) in Run(runID: "r") }
            $0.onStream { _, stream in
                stream.send(Self.started)
                stream.send(Self.end(type))
                stream.finish(.ok)
            }
        } _: { port in
            let (code, output) = try await carryOut(port: port)
            #expect(code == expected)
            #expect(output == "\(type.dropFirst(4).replacing("_", with: " ")) in 0.1 s\n")
        }
    }

    @Test func jsonIsOneEventALineAndNothingElse() async throws {
        let events = [Self.started, Self.end("run_completed")]
        try await withServer {
            $0.on(.executeRun) { (_: ExecuteRunRequest, _) in Run(runID: "r") }
            $0.onStream { _, stream in
                for event in events { stream.send(event) }
                stream.finish(.ok)
            }
        } _: { port in
            let (code, output) = try await carryOut(port: port, printsJSON: true)
            #expect(code == 0)
            #expect(output == events.map { String(decoding: $0.json(), as: UTF8.self) + "\n" }.joined())
        }
    }

    @Test func anInterruptCancelsTheRunAndWaitsForItsEnd() async throws {
        let streams = OpenStreams()
        let cancelled = Record<String>()
        try await withServer {
            $0.on(.executeRun) { (_: ExecuteRunRequest, _) in Run(runID: "r") }
            $0.on(.cancelRun) { (request: CancelRunRequest, _) in
                cancelled.append(request.runID)
                streams.cancel.withLock { $0 }?()
                return Run(runID: "r", status: "cancelling")
            }
            $0.onStream { _, stream in
                stream.send(Self.started)
                let loop = stream.eventLoop
                let bound = NIOLoopBound(stream, eventLoop: loop)
                streams.cancel.withLock {
                    $0 = { loop.execute { bound.value.send(Self.end("run_cancelled")) } }
                }
                kill(getpid(), SIGINT)
            }
        } _: { port in
            let (code, output) = try await carryOut(port: port)
            #expect(code == 130)
            #expect(output == "cancelling; Ctrl-C again leaves at once\n\ncancelled in 0.1 s\n")
            #expect(cancelled.entries == ["r"])
        }
    }

    @Test func aSecondInterruptLeavesAtOnce() async throws {
        try await withServer {
            $0.on(.executeRun) { (_: ExecuteRunRequest, _) in Run(runID: "r") }
            $0.on(.cancelRun) { (_: CancelRunRequest, _) in
                kill(getpid(), SIGINT)
                return Run(runID: "r", status: "cancelling")
            }
            $0.onStream { _, stream in
                stream.send(Self.started)
                kill(getpid(), SIGINT)
            }
        } _: { port in
            let begin = ContinuousClock.now
            let (code, _) = try await carryOut(port: port)
            #expect(code == 130)
            #expect(.now - begin < .seconds(5))
        }
    }

    @Test func anInterruptBeforeTheAnswerCancelsTheRunAllTheSame() async throws {
        let cancelled = Record<String>()
        let streams = OpenStreams()
        try await withServer {
            $0.on(.executeRun) { (_: ExecuteRunRequest, _) in
                kill(getpid(), SIGINT)
                return Run(runID: "r")
            }
            $0.on(.cancelRun) { (request: CancelRunRequest, _) in
                cancelled.append(request.runID)
                streams.cancel.withLock { $0 }?()
                return Run(runID: "r", status: "cancelled")
            }
            $0.onStream { _, stream in
                // The call to cancel may be the first to come.
                let isCancelled = !cancelled.entries.isEmpty
                if isCancelled { return stream.send(Self.end("run_cancelled")) }
                let loop = stream.eventLoop
                let bound = NIOLoopBound(stream, eventLoop: loop)
                streams.cancel.withLock {
                    $0 = { loop.execute { bound.value.send(Self.end("run_cancelled")) } }
                }
            }
        } _: { port in
            let (code, output) = try await carryOut(port: port)
            #expect(code == 130)
            #expect(output.contains("cancelled"))
            #expect(cancelled.entries == ["r"])
        }
    }
}
