internal import Messages
internal import NIOCore
internal import Store

/// Accepting, reading, answering and cancelling runs.
struct RunUseCases: Sendable {
    let store: Store
    let waiting: RunWaiting
    /// What is wrong with the name of a model; nil if nothing is.
    let checkModel: @Sendable (String) -> String?
    let webhooks: WebhookCheck

    /// A task comes back in the run and in its first event, which must stay well below what clients take as one message.
    private static let taskBytes = 1 << 20
    private static let onBusy = ["reject", "enqueue", "interrupt", "rollback", "steer"]

    var endpoints: [Endpoint] {
        [
            .replayable(.executeRun, execute),
            .replayable(.retryRun, retry),
            .unary(.getRun) { (request: GetRunRequest, _) in try await store.run(request.threadID, request.runID) },
            .unary(.listRuns) { (request: ListRunsRequest, _) in try await store.runs(request) },
            .unary(.answerRun) { (request: AnswerRunRequest, _) in
                try Self.check(text: request.text, "text")
                return try await store.answer(request)
            },
            .unary(.waitRun, httpStatus: { Self.httpStatus(of: $1) }, wait),
            .unary(.cancelRun, httpStatus: { $0.wait ? Self.httpStatus(of: $1) : 200 }, cancel),
        ]
    }

    /// The run goes on: come again.
    @Sendable private static func httpStatus(of run: Run) -> Int {
        run.hasEnded || run.requiresAction ? 200 : 202
    }

    @Sendable func execute(_ request: ExecuteRunRequest, _ caller: Caller) async throws -> (Run, isReplay: Bool) {
        var request = request
        request.idempotencyKey = try caller.idempotencyKey(or: request.idempotencyKey)
        try check(task: request.task, model: request.model, onBusy: request.onBusy)
        try webhooks.check(request.webhook)
        let (run, isReplay) = try await store.execute(request, tenant: caller.tenant)
        return (run, isReplay)
    }

    @Sendable private func retry(_ request: RetryRunRequest, _ caller: Caller) async throws -> (Run, isReplay: Bool) {
        var request = request
        request.idempotencyKey = try caller.idempotencyKey(or: request.idempotencyKey)
        let (run, isReplay) = try await store.retry(request, tenant: caller.tenant)
        return (run, isReplay)
    }

    @Sendable private func wait(_ request: WaitRunRequest, _ caller: Caller) async throws -> Run {
        try await waiting.wait(request.threadID, request.runID, orForQuestion: true)
    }

    @Sendable private func cancel(_ request: CancelRunRequest, _ caller: Caller) async throws -> Run {
        let run = try await store.cancel(request.threadID, request.runID)
        guard request.wait, !run.hasEnded else { return run }
        return try await waiting.wait(request.threadID, request.runID)
    }

    /// What must be right of a run's request, now or at a later time.
    func check(task: String, model: String, onBusy: String) throws(StoreError) {
        try Self.check(text: task, "task")
        if !model.isEmpty, let problem = checkModel(model) {
            throw StoreError(.invalid, problem, field: "model")
        }
        guard onBusy.isEmpty || Self.onBusy.contains(onBusy) else {
            let known = Self.onBusy.joined(separator: ", ")
            throw StoreError(.invalid, "must be one of \(known)", field: "on_busy")
        }
    }

    private static func check(text: String, _ field: String) throws(StoreError) {
        guard text.utf8.count <= taskBytes else {
            throw StoreError(.invalid, "at most \(taskBytes) bytes", field: field)
        }
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw StoreError(.invalid, "must not be empty", field: field)
        }
    }
}
