import Client
import Messages
import NIOCore
import NIOPosix
import RPC
import Synchronization
import TestSupport
import Testing

/// The binding has all there is, and says whose it is.
@Suite struct CoverageTests {
    /// Each method that was called, with the tenant that was named.
    private final class Calls: Sendable {
        private let calls = Mutex<[String: Set<String>]>([:])

        func note(_ method: Messages.Method, _ context: CallContext) {
            _ = calls.withLock { $0[method.name, default: []].insert(context.metadata["x-tenant"] ?? "") }
        }

        var all: [String: Set<String>] { calls.withLock { $0 } }
    }

    /// What the binding does otherwise: `execute` survives lost connections, which ExecuteAndStream does not; the legacy
    /// address of a stream is for legacy clients.
    private static let left: Set = ["ExecuteAndStream", "StreamFlow"]

    @Test func everyMethodOfTheContractIsThere() async throws {
        let calls = Calls()
        let methods = Messages.Method.all.filter { $0.service.hasPrefix("baud.") && !Self.left.contains($0.name) }
        let ended = ByteBuffer(bytes: Run(status: "completed").serialized())
        try await withServer {
            for method in methods where !method.isServerStreaming {
                $0.unary(method.path) { _, context in
                    calls.note(method, context)
                    // Every other method's answer is an empty message.
                    return method.name == "WaitRun" ? ended : ByteBuffer()
                }
            }
            $0.serverStreaming(Messages.Method.streamThread.path) { _, context, stream in
                calls.note(.streamThread, context)
                let end = Event(id: "1-0", seq: 1, runID: "r", type: "run_completed", final: true)
                stream.send(ByteBuffer(bytes: end.serialized()))
                stream.finish(.ok)
            }
        } _: { port in
            let client = try BaudClient(
                url: "http://127.0.0.1:\(port)",
                tenant: "acme",
                group: MultiThreadedEventLoopGroup.singleton,
                logger: quiet
            )
            try await callAll(client)
            await client.close()
        }
        #expect(Set(calls.all.keys) == Set(methods.map(\.name)))
        for (name, tenants) in calls.all { #expect(tenants == ["acme"], "of \(name)") }
    }

    private func callAll(_ client: BaudClient) async throws {
        _ = try await client.initiateThread()
        _ = try await client.getThread("t")
        _ = try await client.listThreads()
        _ = try await client.updateThread(UpdateThreadRequest(threadID: "t", title: "title"))
        _ = try await client.forkThread("t")
        _ = try await client.snapshot(of: "t")
        try await client.deleteThread("t")
        _ = try await client.executeRun(on: "t", task: "do")
        _ = try await client.getRun("r", of: "t")
        _ = try await client.listRuns(of: "t")
        _ = try await client.retryRun("r", of: "t")
        _ = try await client.answerRun("r", of: "t", with: "yes")
        #expect(try await client.waitForEnd(of: "r", of: "t").hasEnded)
        _ = try await client.cancelRun("r", of: "t")
        for try await event in client.events(of: "t", run: "r") { #expect(event.final) }
        _ = try await client.scheduleRun(ScheduleRunRequest(threadID: "t", task: "do", delaySeconds: 1))
        _ = try await client.listSchedules(of: "t")
        try await client.deleteSchedule("s", of: "t")
        _ = try await client.listDeadLetters()
        _ = try await client.requeueDeadLetter(run: "r", of: "t")
        _ = try await client.purgeDeadLetters()
        _ = try await client.stats()
        _ = try await client.health()
    }
}
