internal import Messages
internal import OrderedCollections
internal import Store

/// Creating, reading, changing, forking and deleting threads.
struct ThreadUseCases: Sendable {
    let store: Store
    let webhooks: WebhookCheck

    /// Bounds of what a client may attach to a thread.
    private static let metadataCount = 64
    private static let metadataBytes = 512

    var endpoints: [Endpoint] {
        [
            .replayable(.initiateThread, initiate),
            .unary(.getThread) { (request: GetThreadRequest, _) in try await store.thread(request.threadID) },
            .unary(.getThreadSnapshot) { (request: GetThreadSnapshotRequest, _) in
                try await store.snapshot(request.threadID)
            },
            .unary(.listThreads) { (request: ListThreadsRequest, caller) in
                try await store.threads(request, tenant: caller.tenant)
            },
            .unary(.updateThread) { (request: UpdateThreadRequest, _) in try await update(request) },
            .unary(.forkThread) { (request: ForkThreadRequest, _) in
                guard request.lastID.isEmpty || request.runID.isEmpty else {
                    throw StoreError(.invalid, "is the place, or last_id is", field: "run_id")
                }
                return try await store.fork(request)
            },
            .unary(.deleteThread) { (request: DeleteThreadRequest, _) in
                try await store.deleteThread(request.threadID)
                return DeleteThreadResponse()
            },
        ]
    }

    @Sendable private func initiate(
        _ request: InitiateThreadRequest,
        _ caller: Caller
    ) async throws -> (Messages.Thread, isReplay: Bool) {
        var request = request
        request.idempotencyKey = try caller.idempotencyKey(or: request.idempotencyKey)
        try Self.check(request.metadata)
        try webhooks.check(request.webhook)
        let (thread, isReplay) = try await store.initiate(request, tenant: caller.tenant)
        return (thread, isReplay)
    }

    private func update(_ request: UpdateThreadRequest) async throws -> Messages.Thread {
        try Self.check(request.metadata)
        guard request.title.utf8.count <= Self.metadataBytes else {
            throw StoreError(.invalid, "at most \(Self.metadataBytes) bytes", field: "title")
        }
        let areShort = request.tags.allSatisfy { !$0.isEmpty && $0.utf8.count <= Self.metadataBytes }
        guard request.tags.count <= Self.metadataCount, areShort else {
            let bounds = "at most \(Self.metadataCount) of 1 to \(Self.metadataBytes) bytes"
            throw StoreError(.invalid, bounds, field: "tags")
        }
        guard request.clear.allSatisfy({ $0 == "title" || $0 == "tags" }) else {
            throw StoreError(.invalid, "takes title and tags", field: "clear")
        }
        return try await store.update(request, metadataLimit: Self.metadataCount)
    }

    private static func check(_ metadata: OrderedDictionary<String, String>) throws(StoreError) {
        guard metadata.count <= metadataCount else {
            throw StoreError(.invalid, "at most \(metadataCount) entries", field: "metadata")
        }
        for (name, value) in metadata where name.utf8.count + value.utf8.count > metadataBytes {
            throw StoreError(.invalid, "at most \(metadataBytes) bytes", field: "metadata.\(name.prefix(40))")
        }
    }
}

extension Caller {
    /// The key of a retryable request: the message's own, or else the header's.
    func idempotencyKey(or given: String) throws(StoreError) -> String {
        let key = given.isEmpty ? idempotencyKey ?? "" : given
        guard key.utf8.count <= 255 else {
            throw StoreError(.invalid, "at most 255 characters", field: "idempotency_key")
        }
        return key
    }
}
