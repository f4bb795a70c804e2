import Messages
import NIOCore
import Store
import TestSupport
import Testing

@testable import Gateway

struct HealthTests {
    private func call<Response: Message>(_ method: Method, _ request: some Message, _ store: Store) async throws
        -> Response
    {
        let endpoints = HealthUseCases(store: store, version: "1.2.3").endpoints
        guard case .unary(let handler)? = endpoints.first(where: { $0.method.path == method.path })?.handler else {
            throw StoreError(.internal, "no such endpoint")
        }
        let reply = try await handler(ByteBuffer(bytes: request.serialized()), Caller())
        #expect(reply.httpStatus == 200)
        return try Response(serialized: reply.message)
    }

    @Test func `a server with its Redis is well`() async throws {
        try await withStore { store, _, _ in
            let health: Health = try await call(.getHealth, GetHealthRequest(), store)
            #expect(health.status == "ok" && health.redis == "ok" && health.version == "1.2.3" && health.workers == 0)
        }
    }

    @Test func `without Redis it says so, and answers 503`() async throws {
        try await withStore { store, redis, _ in
            await redis.kill()
            let endpoints = HealthUseCases(store: store, version: "").endpoints
            guard case .unary(let handler)? = endpoints.first(where: { $0.method.name == "GetHealth" })?.handler else {
                throw StoreError(.internal, "no such endpoint")
            }
            let reply = try await handler(ByteBuffer(), Caller())
            let health = try Health(serialized: reply.message)
            #expect(reply.httpStatus == 503 && health.status == "unavailable" && health.redis != "ok")
        }
    }
}
