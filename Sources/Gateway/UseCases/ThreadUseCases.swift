internal import Messages
internal import OrderedCollections
internal import Store

/// Creating, reading and deleting threads.
struct ThreadUseCases: Sendable {
    let store: Store

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
            .unary(.listThreads) { (request: ListThreadsRequest, _) in try await store.threads(request) },
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
        guard request.metadata.count <= Self.metadataCount else {
            throw StoreError(.invalid, "at most \(Self.metadataCount) entries", field: "metadata")
        }
        for (name, value) in request.metadata where name.utf8.count + value.utf8.count > Self.metadataBytes {
            throw StoreError(.invalid, "at most \(Self.metadataBytes) bytes", field: "metadata.\(name.prefix(40))")
        }
        let (thread, isReplay) = try await store.initiate(request)
        return (thread, isReplay)
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
