import HTTP
import Logging
import Messages
import NIOCore
import NIOPosix
import RPC
import Redis
import Store
import TestSupport
import Testing

@testable import Gateway

/// Callers that leave while their call waits for a run, over a real redis-server and real connections.
@Suite(.timeLimit(.minutes(1))) struct RunWaitingTests {
    /// A gateway, and a thread with a run that nobody carries out; a call would wait for it for ten minutes.
    private func withWaiting(
        _ body: @Sendable (_ port: Int, _ run: Run, _ store: Store) async throws -> Void
    ) async throws {
        try await withStore { store, _, group in
            let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
            let (run, _) = try await store.execute(ExecuteRunRequest(threadID: thread, task: "x"))
            var configuration = GatewayConfiguration()
            configuration.server.port = 0
            configuration.waitLimit = .seconds(600)
            let (ports, listening) = AsyncStream.makeStream(of: Int.self)
            let gateway = Gateway(store: store, configuration: configuration, group: group, logger: .quiet) { _, port in
                listening.yield(port)
            }
            let serving = Task { try await gateway.run() }
            for await port in ports {
                try await body(port, run, store)
                break
            }
            serving.cancel()
            try await serving.value
        }
    }

    /// Asks until so many loops watch the thread.
    private func until(_ count: Int64, watch run: Run, _ store: Store) async throws {
        let command = RedisCommand("PUBSUB", "SHARDNUMSUB", RedisArgument("thread:\(run.threadID):live"))
        while try await store.redis.send(command).array?.last?.int != count { try Task.checkCancellation() }
    }

    @Test func `a REST connection that is closed ends its wait`() async throws {
        try await withWaiting { port, run, store in
            let group = MultiThreadedEventLoopGroup.singleton
            let connection = try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port).get()
            let path = "/api/agent/\(run.threadID)/runs/\(run.runID)/wait"
            try await connection.writeAndFlush(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n"))
            try await until(1, watch: run, store)
            try await connection.close()
            try await until(0, watch: run, store)
        }
    }

    @Test func `a gRPC call that is cancelled ends its wait`() async throws {
        try await withWaiting { port, run, store in
            let group = MultiThreadedEventLoopGroup.singleton
            let channel = RPCChannel(host: "127.0.0.1", port: port, group: group, logger: .quiet)
            let request = WaitRunRequest(threadID: run.threadID, runID: run.runID)
            let call = Task { try await channel.unary(Method.waitRun.path, ByteBuffer(bytes: request.serialized())) }
            try await until(1, watch: run, store)
            call.cancel()
            try await until(0, watch: run, store)
            await #expect(throws: Status(.cancelled, "the call was cancelled")) { try await call.value }
            await channel.close()
        }
    }
}
