internal import Messages
internal import Store

/// Whether the system can serve, and what it is; for people. Load balancers ask ``HealthService``.
struct HealthUseCases: Sendable {
    let store: Store
    let version: String

    var endpoints: [Endpoint] {
        [.unary(.getHealth, httpStatus: Self.httpStatus) { (_: GetHealthRequest, _) in await health() }]
    }

    @Sendable private static func httpStatus(_: GetHealthRequest, of health: Health) -> Int {
        health.status == "ok" ? 200 : 503
    }

    private func health() async -> Health {
        do {
            try await store.ping()
            let workers = try await store.queueStats().workers
            return Health(status: "ok", redis: "ok", workers: UInt32(clamping: workers), config: "ok", version: version)
        } catch {
            return Health(status: "unavailable", redis: error.message, config: "ok", version: version)
        }
    }
}
