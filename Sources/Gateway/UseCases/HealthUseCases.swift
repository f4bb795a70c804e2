internal import Messages
internal import Store

/// Whether the system can serve.
struct HealthUseCases: Sendable {
    let store: Store
    let version: String

    var endpoints: [Endpoint] {
        [
            .unary(.getHealth, httpStatus: Self.httpStatus(of:)) { (_: GetHealthRequest, _) in await health() },
            .unary(.healthCheck) { (_: HealthCheckRequest, _) in
                let status = await health().status == "ok" ? ServingStatus.serving : .notServing
                return HealthCheckResponse(status: status)
            },
        ]
    }

    @Sendable private static func httpStatus(of health: Health) -> Int { health.status == "ok" ? 200 : 503 }

    private func health() async -> Health {
        do {
            try await store.ping()
            let workers = try await store.workers()
            return Health(status: "ok", redis: "ok", workers: UInt32(clamping: workers), config: "ok", version: version)
        } catch {
            return Health(status: "unavailable", redis: error.message, config: "ok", version: version)
        }
    }
}
