// Made by tools/generate from proto/. Not to be edited by hand.

extension Method {
    public static let healthV1Check = Method(
        service: "grpc.health.v1.Health",
        name: "Check",
        request: MessageType(HealthCheckRequest.self),
        response: MessageType(HealthCheckResponse.self),
        isServerStreaming: false,
        route: nil
    )
    public static let healthV1List = Method(
        service: "grpc.health.v1.Health",
        name: "List",
        request: MessageType(HealthListRequest.self),
        response: MessageType(HealthListResponse.self),
        isServerStreaming: false,
        route: nil
    )
    public static let healthV1Watch = Method(
        service: "grpc.health.v1.Health",
        name: "Watch",
        request: MessageType(HealthCheckRequest.self),
        response: MessageType(HealthCheckResponse.self),
        isServerStreaming: true,
        route: nil
    )
    public static let reflectionV1ServerReflectionInfo = Method(
        service: "grpc.reflection.v1.ServerReflection",
        name: "ServerReflectionInfo",
        request: MessageType(ServerReflectionRequest.self),
        response: MessageType(ServerReflectionResponse.self),
        isServerStreaming: true,
        route: nil
    )
    public static let initiateThread = Method(
        service: "baud.v1.AgentService",
        name: "InitiateThread",
        request: MessageType(InitiateThreadRequest.self),
        response: MessageType(Thread.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/initiate")
    )
    public static let getThread = Method(
        service: "baud.v1.AgentService",
        name: "GetThread",
        request: MessageType(GetThreadRequest.self),
        response: MessageType(Thread.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}")
    )
    public static let listThreads = Method(
        service: "baud.v1.AgentService",
        name: "ListThreads",
        request: MessageType(ListThreadsRequest.self),
        response: MessageType(ListThreadsResponse.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent")
    )
    public static let updateThread = Method(
        service: "baud.v1.AgentService",
        name: "UpdateThread",
        request: MessageType(UpdateThreadRequest.self),
        response: MessageType(Thread.self),
        isServerStreaming: false,
        route: Route(verb: "PATCH", path: "/api/agent/{thread_id}")
    )
    public static let forkThread = Method(
        service: "baud.v1.AgentService",
        name: "ForkThread",
        request: MessageType(ForkThreadRequest.self),
        response: MessageType(Thread.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/fork")
    )
    public static let getThreadSnapshot = Method(
        service: "baud.v1.AgentService",
        name: "GetThreadSnapshot",
        request: MessageType(GetThreadSnapshotRequest.self),
        response: MessageType(ThreadSnapshot.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/snapshot")
    )
    public static let deleteThread = Method(
        service: "baud.v1.AgentService",
        name: "DeleteThread",
        request: MessageType(DeleteThreadRequest.self),
        response: MessageType(DeleteThreadResponse.self),
        isServerStreaming: false,
        route: Route(verb: "DELETE", path: "/api/agent/{thread_id}")
    )
    public static let executeRun = Method(
        service: "baud.v1.AgentService",
        name: "ExecuteRun",
        request: MessageType(ExecuteRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/execute")
    )
    public static let getRun = Method(
        service: "baud.v1.AgentService",
        name: "GetRun",
        request: MessageType(GetRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/runs/{run_id}")
    )
    public static let listRuns = Method(
        service: "baud.v1.AgentService",
        name: "ListRuns",
        request: MessageType(ListRunsRequest.self),
        response: MessageType(ListRunsResponse.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/runs")
    )
    public static let retryRun = Method(
        service: "baud.v1.AgentService",
        name: "RetryRun",
        request: MessageType(RetryRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/runs/{run_id}/retry")
    )
    public static let answerRun = Method(
        service: "baud.v1.AgentService",
        name: "AnswerRun",
        request: MessageType(AnswerRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/runs/{run_id}/answer")
    )
    public static let waitRun = Method(
        service: "baud.v1.AgentService",
        name: "WaitRun",
        request: MessageType(WaitRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/runs/{run_id}/wait")
    )
    public static let cancelRun = Method(
        service: "baud.v1.AgentService",
        name: "CancelRun",
        request: MessageType(CancelRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/runs/{run_id}/cancel")
    )
    public static let streamThread = Method(
        service: "baud.v1.AgentService",
        name: "StreamThread",
        request: MessageType(StreamThreadRequest.self),
        response: MessageType(Event.self),
        isServerStreaming: true,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/stream")
    )
    public static let executeAndStream = Method(
        service: "baud.v1.AgentService",
        name: "ExecuteAndStream",
        request: MessageType(ExecuteRunRequest.self),
        response: MessageType(Event.self),
        isServerStreaming: true,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/execute/stream")
    )
    public static let scheduleRun = Method(
        service: "baud.v1.AgentService",
        name: "ScheduleRun",
        request: MessageType(ScheduleRunRequest.self),
        response: MessageType(Schedule.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/schedules")
    )
    public static let listSchedules = Method(
        service: "baud.v1.AgentService",
        name: "ListSchedules",
        request: MessageType(ListSchedulesRequest.self),
        response: MessageType(ListSchedulesResponse.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/schedules")
    )
    public static let deleteSchedule = Method(
        service: "baud.v1.AgentService",
        name: "DeleteSchedule",
        request: MessageType(DeleteScheduleRequest.self),
        response: MessageType(DeleteScheduleResponse.self),
        isServerStreaming: false,
        route: Route(verb: "DELETE", path: "/api/agent/{thread_id}/schedules/{schedule_id}")
    )
    public static let getStats = Method(
        service: "baud.v1.QueueService",
        name: "GetStats",
        request: MessageType(GetStatsRequest.self),
        response: MessageType(Stats.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/queue/stats")
    )
    public static let listDeadLetters = Method(
        service: "baud.v1.QueueService",
        name: "ListDeadLetters",
        request: MessageType(ListDeadLettersRequest.self),
        response: MessageType(ListDeadLettersResponse.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/queue/dead-letters")
    )
    public static let requeueDeadLetter = Method(
        service: "baud.v1.QueueService",
        name: "RequeueDeadLetter",
        request: MessageType(RequeueDeadLetterRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/queue/dead-letters/{thread_id}/{run_id}/requeue")
    )
    public static let purgeDeadLetters = Method(
        service: "baud.v1.QueueService",
        name: "PurgeDeadLetters",
        request: MessageType(PurgeDeadLettersRequest.self),
        response: MessageType(PurgeDeadLettersResponse.self),
        isServerStreaming: false,
        route: Route(verb: "DELETE", path: "/api/queue/dead-letters")
    )
    public static let streamFlow = Method(
        service: "baud.v1.FlowService",
        name: "StreamFlow",
        request: MessageType(StreamFlowRequest.self),
        response: MessageType(FlowEvent.self),
        isServerStreaming: true,
        route: Route(verb: "GET", path: "/agent/event-stream")
    )
    public static let getHealth = Method(
        service: "baud.v1.SystemService",
        name: "GetHealth",
        request: MessageType(GetHealthRequest.self),
        response: MessageType(Health.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/health")
    )
    public static let reflectionV1alphaServerReflectionInfo = Method(
        service: "grpc.reflection.v1alpha.ServerReflection",
        name: "ServerReflectionInfo",
        request: MessageType(ServerReflectionRequest.self),
        response: MessageType(ServerReflectionResponse.self),
        isServerStreaming: true,
        route: nil
    )

    /// Every method of the contract.
    public static let all = [
        healthV1Check,
        healthV1List,
        healthV1Watch,
        reflectionV1ServerReflectionInfo,
        initiateThread,
        getThread,
        listThreads,
        updateThread,
        forkThread,
        getThreadSnapshot,
        deleteThread,
        executeRun,
        getRun,
        listRuns,
        retryRun,
        answerRun,
        waitRun,
        cancelRun,
        streamThread,
        executeAndStream,
        scheduleRun,
        listSchedules,
        deleteSchedule,
        getStats,
        listDeadLetters,
        requeueDeadLetter,
        purgeDeadLetters,
        streamFlow,
        getHealth,
        reflectionV1alphaServerReflectionInfo,
    ]
}
