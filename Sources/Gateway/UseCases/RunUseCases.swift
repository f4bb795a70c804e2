internal import Messages
internal import Store

/// Accepting, reading and cancelling runs.
struct RunUseCases: Sendable {
    let store: Store
    /// What is wrong with the name of a model; nil if nothing is.
    let checkModel: @Sendable (String) -> String?

    /// A task comes back in the run and in its first event, which must stay well below what clients take as one message.
    private static let taskBytes = 1 << 20

    var endpoints: [Endpoint] {
        [
            .replayable(.executeRun, execute),
            .unary(.getRun) { (request: GetRunRequest, _) in try await store.run(request.threadID, request.runID) },
            .unary(.listRuns) { (request: ListRunsRequest, _) in try await store.runs(request) },
            .unary(.cancelRun) { (request: CancelRunRequest, _) in
                try await store.cancel(request.threadID, request.runID)
            },
        ]
    }

    @Sendable func execute(_ request: ExecuteRunRequest, _ caller: Caller) async throws -> (Run, isReplay: Bool) {
        var request = request
        request.idempotencyKey = try caller.idempotencyKey(or: request.idempotencyKey)
        guard request.task.utf8.count <= Self.taskBytes else {
            throw StoreError(.invalid, "at most \(Self.taskBytes) bytes", field: "task")
        }
        guard request.task.contains(where: { !$0.isWhitespace }) else {
            throw StoreError(.invalid, "must say what is to be done", field: "task")
        }
        if !request.model.isEmpty, let problem = checkModel(request.model) {
            throw StoreError(.invalid, problem, field: "model")
        }
        let (run, isReplay) = try await store.execute(request)
        return (run, isReplay)
    }
}
