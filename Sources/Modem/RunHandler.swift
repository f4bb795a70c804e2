public import Store

/// What the modem does with a run it has claimed. The workflow's runner is fitted to it by the executable.
///
/// Cancelling the task asks the handler to stop: it returns when all that it started is gone, with what the conversation has come to;
/// the modem then knows best which end that is. A thrown error fails the run, but for the log's own (`StoreError`): then the run is
/// left for another worker.
public protocol RunHandler: Sendable {
    /// - Parameter log: where events and completed work go; not to be finished or released by the handler.
    func carryOut(_ run: ClaimedRun, log: RunLog) async throws -> RunEnd
}
