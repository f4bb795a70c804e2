import HTTP
import Logging
import Messages
import NIOCore
import NIOPosix
import OrderedCollections
import RPC
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// The health service over a real connection, with a probe that is told what to find.
struct HealthServiceTests {
    private final class Switch: Sendable {
        private let isUp = Mutex(true)
        func set(_ value: Bool) { isUp.withLock { $0 = value } }
        func ping() throws { if !isUp.withLock({ $0 }) { throw CancellationError() } }
    }

    private func withHealth(
        _ body: (HealthService, Switch, RPCChannel) async throws -> Void
    ) async throws {
        let power = Switch()
        let health = HealthService(services: ["a.A", "b.B"]) { try power.ping() }
        await health.probe()
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        var router = MethodRouter(logger: quiet)
        health.register(in: &router)
        let (server, port) = try await serve(router)
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = RPCChannel(host: "127.0.0.1", port: port, group: group, logger: quiet)
        try await body(health, power, channel)
        await channel.close()
        await server.shutdown(grace: .zero)
    }

    private func request(_ service: String) -> ByteBuffer {
        ByteBuffer(bytes: HealthCheckRequest(service: service).serialized())
    }

    private func status(_ message: ByteBuffer?) throws -> ServingStatus {
        try HealthCheckResponse(serialized: Array(buffer: message ?? ByteBuffer())).status
    }

    private func check(_ service: String, _ channel: RPCChannel) async throws -> ServingStatus {
        try status(try await channel.unary(Method.healthV1Check.path, request(service)))
    }

    @Test func `a check is answered from the last probe`() async throws {
        try await withHealth { health, power, channel in
            for isUp in [true, false] {
                for service in ["", "a.A", "b.B"] {
                    let answer = try await check(service, channel)
                    #expect(answer == (isUp ? .serving : .notServing))
                }
                power.set(false)
                // Nothing is asked of Redis in a call; only a probe tells.
                let unchanged = try await check("", channel)
                #expect(unchanged == (isUp ? .serving : .notServing))
                await health.probe()
            }
            let failure = await #expect(throws: Status.self) { try await check("x", channel) }
            #expect(failure?.code == .notFound)
        }
    }

    @Test func `a list has every service and the server`() async throws {
        try await withHealth { _, _, channel in
            let reply = try await channel.unary(Method.healthV1List.path, ByteBuffer())
            let list = try HealthListResponse(serialized: Array(buffer: reply))
            #expect(Array(list.statuses.keys) == ["", "a.A", "b.B"])
            #expect(list.statuses.values.allSatisfy { $0.status == .serving })
        }
    }

    @Test func `who watches is told of each change`() async throws {
        try await withHealth { health, power, channel in
            var watch = try await channel.serverStreaming(Method.healthV1Watch.path, request("a.A")).makeAsyncIterator()
            #expect(try status(try await watch.next()) == .serving)
            for isUp in [false, true] {
                power.set(isUp)
                await health.probe()
                await health.probe()
                #expect(try status(try await watch.next()) == (isUp ? .serving : .notServing))
            }
        }
    }

    @Test func `an unknown service can be watched`() async throws {
        try await withHealth { _, _, channel in
            var watch = try await channel.serverStreaming(Method.healthV1Watch.path, request("x")).makeAsyncIterator()
            #expect(try status(try await watch.next()) == .serviceUnknown)
        }
    }

    @Test func `a probe that hangs counts as failed after two seconds`() async throws {
        let health = HealthService(services: []) {}
        #expect(health.status(of: "") == .notServing)
        await health.probe()
        #expect(health.status(of: "") == .serving)
        health.expire(now: .now + .seconds(1))
        #expect(health.status(of: "") == .serving)
        health.expire(now: .now + .seconds(2))
        #expect(health.status(of: "") == .notServing)
    }

    @Test func `bytes that are no request are refused`() async throws {
        try await withHealth { _, _, channel in
            for method in [Method.healthV1Check, .healthV1Watch] {
                let failure = await #expect(throws: Status.self) {
                    try await channel.unary(method.path, ByteBuffer(bytes: [10, 200]))
                }
                #expect(failure?.code == .internal)
            }
        }
    }
}
