public import Messages

extension BaudClient {
    /// Queues a run and returns once it is stored.
    ///
    /// - Parameters:
    ///   - task: what the agent is to do; not empty.
    ///   - model: `provider/model` or an alias of the server's configuration; empty for its default.
    ///   - idempotencyKey: 1-255 characters; a retry with the same key within 24 hours gives the same run.
    public func executeRun(
        on thread: String,
        task: String,
        model: String = "",
        idempotencyKey: String? = nil
    ) async throws(BaudClientError) -> Run {
        let request = ExecuteRunRequest(
            threadID: thread,
            task: task,
            model: model,
            idempotencyKey: idempotencyKey ?? ""
        )
        return try await call(.executeRun, request, isRepeatable: idempotencyKey != nil)
    }

    /// Queues a run and follows it: what the method `ExecuteAndStream` does, but through lost connections as well.
    ///
    /// The call bears an idempotency key of its own making, so it can be repeated and still is one run.
    ///
    /// - Parameter webhook: where its lifecycle events are sent; nil for the thread's or the server's.
    /// - Returns: the run as it was stored, and its events from the first to the one that is final.
    public func execute(
        on thread: String,
        task: String,
        model: String = "",
        webhook: Webhook? = nil
    ) async throws(BaudClientError) -> (run: Run, events: ThreadEvents) {
        let run = try await executeRun(
            ExecuteRunRequest(
                threadID: thread,
                task: task,
                model: model,
                idempotencyKey: Self.makeIdempotencyKey(),
                webhook: webhook
            )
        )
        return (run, events(of: thread, run: run.runID))
    }

    public func getRun(_ run: String, of thread: String) async throws(BaudClientError) -> Run {
        try await call(.getRun, GetRunRequest(threadID: thread, runID: run), isRepeatable: true)
    }

    /// A page of a thread's runs, newest first; for the parameters see ``listThreads(pageSize:pageToken:)``.
    public func listRuns(
        of thread: String,
        pageSize: UInt32 = 0,
        pageToken: String = ""
    ) async throws(BaudClientError) -> ListRunsResponse {
        let request = ListRunsRequest(threadID: thread, pageSize: pageSize, pageToken: pageToken)
        return try await call(.listRuns, request, isRepeatable: true)
    }

    /// Asks for the end of a run; the answer may still say `cancelling`. A run that has ended stays as it is.
    @discardableResult
    public func cancelRun(_ run: String, of thread: String) async throws(BaudClientError) -> Run {
        try await call(.cancelRun, CancelRunRequest(threadID: thread, runID: run), isRepeatable: true)
    }

    /// A key that no other call has: 128 random bits in hexadecimal.
    public static func makeIdempotencyKey() -> String {
        let (high, low) = (UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max))
        return [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// Queues a run with all that can be said of one.
    ///
    /// - Parameter request: with an idempotency key the call is made again when the server is unavailable.
    public func executeRun(_ request: ExecuteRunRequest) async throws(BaudClientError) -> Run {
        try await call(.executeRun, request, isRepeatable: !request.idempotencyKey.isEmpty)
    }

    /// Executes the task of a run that has ended once more, as a run of its own.
    public func retryRun(
        _ run: String,
        of thread: String,
        idempotencyKey: String? = nil
    ) async throws(BaudClientError) -> Run {
        let request = RetryRunRequest(threadID: thread, runID: run, idempotencyKey: idempotencyKey ?? "")
        return try await call(.retryRun, request, isRepeatable: idempotencyKey != nil)
    }

    /// Answers what an agent has asked; its run goes on.
    ///
    /// - Parameter call: of the question; empty for the one that is open.
    public func answerRun(
        _ run: String,
        of thread: String,
        with text: String,
        call: String = ""
    ) async throws(BaudClientError) -> Run {
        let request = AnswerRunRequest(threadID: thread, runID: run, callID: call, text: text)
        // Not repeatable: after a lost answer the second call would find no question.
        return try await self.call(.answerRun, request, isRepeatable: false)
    }

    /// Waits for the end of a run, or for a question of its agent, however long that takes; ends early when its task is
    /// cancelled.
    public func waitForEnd(of run: String, of thread: String) async throws(BaudClientError) -> Run {
        while true {
            let request = WaitRunRequest(threadID: thread, runID: run)
            // The server answers after half a minute at the latest, by default, with the run as it is then.
            let run: Run = try await call(.waitRun, request, isRepeatable: true, within: .seconds(120))
            if run.hasEnded || run.requiresAction { return run }
        }
    }
}
