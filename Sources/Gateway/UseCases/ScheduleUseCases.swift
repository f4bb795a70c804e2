internal import Messages
internal import Store

/// Runs at a later time, or again and again.
struct ScheduleUseCases: Sendable {
    let store: Store
    /// Knows what must be right of a run's request.
    let runs: RunUseCases

    var endpoints: [Endpoint] {
        [
            .unary(.scheduleRun) { (request: ScheduleRunRequest, caller) in
                try runs.check(task: request.task, model: request.model, onBusy: request.onBusy)
                try runs.webhooks.check(request.webhook)
                return try await store.schedule(request, tenant: caller.tenant)
            },
            .unary(.listSchedules) { (request: ListSchedulesRequest, _) in
                try await store.schedules(request.threadID)
            },
            .unary(.deleteSchedule) { (request: DeleteScheduleRequest, _) in
                try await store.deleteSchedule(request)
                return DeleteScheduleResponse()
            },
        ]
    }
}
