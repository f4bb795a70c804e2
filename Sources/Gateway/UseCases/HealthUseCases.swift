internal import Messages
internal import Store

/// Whether the system can serve.
struct HealthUseCases: Sendable {
    let store: Store
    let version: String

    var endpoints: [Endpoint] {
        [
            .unary(.getHealth, httpStatus: Self.httpStatus(of:)) { (_: GetHealthRequest, _) in await health() },
            .unary(.healthCheck) { (request: HealthCheckRequest, _) in
                // The empty name stands for the whole server.
                guard request.service.isEmpty || Method.all.contains(where: { $0.service == request.service }) else {
                    throw StoreError(.notFound, "there is no service \(request.service)", field: "service")
                }
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
