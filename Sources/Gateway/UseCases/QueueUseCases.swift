internal import Messages
internal import Store

/// The worker queue and the runs that were given up, for those who operate it.
struct QueueUseCases: Sendable {
    let store: Store

    var endpoints: [Endpoint] {
        [
            .unary(.getStats) { (_: GetStatsRequest, _) in
                var stats = Stats(try await store.queueStats())
                let webhooks = try await store.webhookStats()
                stats.webhooks = UInt32(clamping: webhooks.outstanding)
                stats.deadWebhooks = UInt32(clamping: webhooks.dead)
                return stats
            },
            .unary(.listDeadLetters) { (request: ListDeadLettersRequest, _) in try await store.deadLetters(request) },
            .unary(.requeueDeadLetter) { (request: RequeueDeadLetterRequest, _) in try await store.requeue(request) },
            .unary(.purgeDeadLetters) { (_: PurgeDeadLettersRequest, _) in
                PurgeDeadLettersResponse(count: UInt32(clamping: try await store.purgeDeadLetters()))
            },
        ]
    }
}

extension Stats {
    fileprivate init(_ stats: QueueStats) {
        self.init(
            queued: UInt32(clamping: stats.ready),
            tenants: UInt32(clamping: stats.tenants),
            oldestMs: stats.oldest.components.seconds * 1000 + stats.oldest.components.attoseconds
                / 1_000_000_000_000_000,
            running: UInt32(clamping: stats.held),
            due: UInt32(clamping: stats.due),
            deadLetters: UInt32(clamping: stats.dead),
            workers: UInt32(clamping: stats.workers)
        )
    }
}
