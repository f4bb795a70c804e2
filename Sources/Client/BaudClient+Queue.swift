public import Messages

/// Schedules, dead letters, and how the server does.
extension BaudClient {
    /// Executes a run at a time, or again and again.
    public func scheduleRun(_ request: ScheduleRunRequest) async throws(BaudClientError) -> Schedule {
        // Not repeatable: each call makes another schedule.
        try await call(.scheduleRun, request, isRepeatable: false)
    }

    /// All schedules of a thread.
    public func listSchedules(of thread: String) async throws(BaudClientError) -> [Schedule] {
        let response: ListSchedulesResponse = try await call(
            .listSchedules,
            ListSchedulesRequest(threadID: thread),
            isRepeatable: true
        )
        return response.schedules
    }

    public func deleteSchedule(_ schedule: String, of thread: String) async throws(BaudClientError) {
        let request = DeleteScheduleRequest(threadID: thread, scheduleID: schedule)
        let _: DeleteScheduleResponse = try await call(.deleteSchedule, request, isRepeatable: false)
    }

    /// Runs that were given up, newest first.
    ///
    /// - Parameter pageSize: 1 to 100; 0 stands for 50.
    public func listDeadLetters(pageSize: UInt32 = 0) async throws(BaudClientError) -> ListDeadLettersResponse {
        try await call(.listDeadLetters, ListDeadLettersRequest(pageSize: pageSize), isRepeatable: true)
    }

    /// Makes a new run of one that was given up, and takes it off the list.
    public func requeueDeadLetter(run: String, of thread: String) async throws(BaudClientError) -> Run {
        try await call(
            .requeueDeadLetter,
            RequeueDeadLetterRequest(threadID: thread, runID: run),
            isRepeatable: false
        )
    }

    /// Empties the list of dead letters.
    ///
    /// - Returns: how many there were.
    public func purgeDeadLetters() async throws(BaudClientError) -> UInt32 {
        let response: PurgeDeadLettersResponse = try await call(
            .purgeDeadLetters,
            PurgeDeadLettersRequest(),
            isRepeatable: false
        )
        return response.count
    }

    /// The worker queue at this moment.
    public func stats() async throws(BaudClientError) -> Stats {
        try await call(.getStats, GetStatsRequest(), isRepeatable: true)
    }

    /// The state of the server and of what it needs; an answer whose `status` is not `ok` is not an error here.
    public func health() async throws(BaudClientError) -> Health {
        try await call(.getHealth, GetHealthRequest(), isRepeatable: true)
    }
}
